//! Debug exceptions, each of which causes the next.

use core::{
    arch::{asm, global_asm},
    cell::UnsafeCell,
};

use super::{set_gate, task};

#[repr(C, align(16))]
struct Stack(UnsafeCell<[u64; 512]>);

// SAFETY: only the CPU writes it, when it delivers the exception.
unsafe impl Sync for Stack {}

static STACK: Stack = Stack(UnsafeCell::new([0; 512]));

global_asm!(
    // Stores to a word that a breakpoint watches, first of all and again and again.
    ".section .text",
    ".globl guest_storm",
    "guest_storm:",
    "mov    [rip + guest_storm_word], rax",
    "jmp    guest_storm",
    ".section .data",
    ".p2align 3",
    ".globl guest_storm_word",
    "guest_storm_word:",
    ".quad  0",
);

unsafe extern "C" {
    fn guest_storm();
    static guest_storm_word: u64;
}

/// Has the handler of the debug exception hit a breakpoint with its first instruction, always on the same
/// stack, so that nothing ends it. Nothing comes back.
///
/// The worst of its kind is a breakpoint on that stack itself: there the delivery causes the next exception,
/// and not one instruction is executed between (CVE-2015-8104). QEMU's TCG (10.0) cannot play it: it aborts
/// at a breakpoint that is hit while an exception is delivered.
pub fn exception_storm() {
    const DEBUG: usize = 1;
    /// DR7: breakpoint 0 is enabled, for stores to eight bytes.
    const WATCH: u64 = 1 << 10 | 0b1001 << 16 | 1 << 0;
    task::load(STACK.0.get() as u64 + 512 * 8);
    set_gate(DEBUG, guest_storm as *const () as u64, 1);
    // SAFETY: what it does to the machine is what the guest is for.
    unsafe {
        asm!(
            "mov dr0, {word}",
            "mov dr7, {watch}",
            "jmp guest_storm",
            word = in(reg) &raw const guest_storm_word,
            watch = in(reg) WATCH,
        );
    }
}
