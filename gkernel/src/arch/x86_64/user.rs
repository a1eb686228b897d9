//! The guest's user mode: ring 3, on a page of its own.

use core::arch::global_asm;

use super::{
    FREE_RAM, Frame, map_user,
    probe::{DEBUG, PROTECTION, UNDEFINED, probe, watch},
    task::{self, KERNEL_CODE, KERNEL_DATA, USER_CODE, USER_DATA},
};
use crate::probe::{Fate, Probe};

/// Tried by the guest's user mode. What is #UD would be so on a CPU without SVM; but where the CPU looks at
/// the privilege level first, the instructions of SVM are #GP, since EFER.SVME has to be set for VMRUN
/// (APM vol. 2 §15.5.1).
pub const USER_PROBES: &[Probe] = &[
    probe("nop", b"\x90", Fate::WentOn),
    probe(
        "vmmcall, SYSTEM_OFF",
        b"\xB8\x08\0\0\x84\x0F\x01\xD9",
        UNDEFINED,
    ),
    probe(
        "vmmcall, an unknown call",
        b"\xB8\0\0\0\x0A\x0F\x01\xD9",
        UNDEFINED,
    ),
    probe("hlt", b"\xF4", PROTECTION),
    probe("in al, dx", b"\xBA\xF8\x03\0\0\xEC", PROTECTION),
    probe(
        "out dx, ax",
        b"\xBA\x04\x06\0\0\xB8\0\x20\0\0\x66\xEF",
        PROTECTION,
    ),
    probe("cli", b"\xFA", PROTECTION),
    probe("rdmsr EFER", b"\xB9\x80\0\0\xC0\x0F\x32", PROTECTION),
    probe("wrmsr LSTAR", b"\xB9\x82\0\0\xC0\x0F\x30", PROTECTION),
    probe("rdpmc", b"\x31\xC9\x0F\x33", PROTECTION),
    probe("invd", b"\x0F\x08", PROTECTION),
    probe("wbinvd", b"\x0F\x09", PROTECTION),
    probe("clts", b"\x0F\x06", PROTECTION),
    probe("mov cr0", b"\x31\xC0\x0F\x22\xC0", PROTECTION),
    probe("mov cr3", b"\x31\xC0\x0F\x22\xD8", PROTECTION),
    probe("mov cr4", b"\x31\xC0\x0F\x22\xE0", PROTECTION),
    probe("mov rax, cr0", b"\x0F\x20\xC0", PROTECTION),
    probe("mov dr7", b"\x31\xC0\x0F\x23\xF8", PROTECTION),
    probe("lidt", b"\x0F\x01\x1C\x24", PROTECTION),
    probe("invlpg", b"\x0F\x01\x3C\x24", PROTECTION),
    probe(
        "monitor",
        b"\x48\x89\xE0\x31\xC9\x31\xD2\x0F\x01\xC8",
        UNDEFINED,
    ),
    probe("mwait", b"\x31\xC0\x31\xC9\x0F\x01\xC9", UNDEFINED),
    probe("xsetbv", b"\x31\xC9\x31\xD2\x31\xC0\x0F\x01\xD1", UNDEFINED),
    probe("rsm", b"\x0F\xAA", UNDEFINED),
    probe("syscall", b"\x0F\x05", UNDEFINED),
    probe("vmrun", b"\xB8\0\x10\0\0\x0F\x01\xD8", PROTECTION),
    probe("vmload", b"\xB8\0\x10\0\0\x0F\x01\xDA", PROTECTION),
    probe("vmsave", b"\xB8\0\x10\0\0\x0F\x01\xDB", PROTECTION),
    probe("stgi", b"\x0F\x01\xDC", PROTECTION),
    probe("clgi", b"\x0F\x01\xDD", PROTECTION),
    probe("invlpga", b"\x31\xC0\x31\xC9\x0F\x01\xDF", PROTECTION),
    probe("skinit", b"\x31\xC0\x0F\x01\xDE", UNDEFINED),
    probe("int1", b"\xF1", DEBUG),
    probe("cpuid", b"\x31\xC0\x31\xC9\x0F\xA2", Fate::WentOn),
    probe("rdtsc", b"\x0F\x31", Fate::WentOn),
    probe("pause", b"\xF3\x90", Fate::WentOn),
];

/// What ends an attempt: UD2. Where the exception comes tells it from one of the attempt's.
const END: &[u8] = &[0x0F, 0x0B];
const INVALID_OPCODE: u64 = 6;

global_asm!(
    // void guest_run_at_ring_3(address, stack, u64 *kernel_stack, flags): goes to ring 3, and comes back by the
    // next exception from there, as `back_from_ring_3` leads it.
    ".section .text",
    ".type guest_run_at_ring_3, @function",
    ".globl guest_run_at_ring_3",
    "guest_run_at_ring_3:",
    "push   rbx",
    "push   rbp",
    "push   r12",
    "push   r13",
    "push   r14",
    "push   r15",
    "mov    [rdx], rsp",
    "push   {user_data}",
    "push   rsi",
    "push   rcx",
    "push   {user_code}",
    "push   rdi",
    "iretq",
    ".globl guest_back_from_ring_3",
    "guest_back_from_ring_3:",
    "pop    r15",
    "pop    r14",
    "pop    r13",
    "pop    r12",
    "pop    rbp",
    "pop    rbx",
    "ret",
    ".size guest_run_at_ring_3, . - guest_run_at_ring_3",
    user_data = const USER_DATA,
    user_code = const USER_CODE,
);

unsafe extern "C" {
    fn guest_run_at_ring_3(address: u64, stack: u64, kernel_stack: *mut u64, flags: u64);
    fn guest_back_from_ring_3();
}

/// Has the exception that `frame` is of, one from ring 3, come back to the kernel.
pub(super) fn back_from_ring_3(frame: &mut Frame) {
    frame.pc = guest_back_from_ring_3 as *const () as u64;
    frame.cs = KERNEL_CODE;
    frame.ss = KERNEL_DATA;
    frame.flags = 2;
    // SAFETY: it was set when the guest went to ring 3; the field is 4-byte aligned.
    frame.sp = unsafe { task::kernel_stack().read_unaligned() };
}

/// Runs `code` in ring 3. The cause of an exception is its vector.
pub fn try_in_user(code: &[u8]) -> Fate {
    try_with_flags(code, 0)
}

/// The same with leave to use ports (RFLAGS.IOPL).
pub(super) fn try_in_user_with_ports(code: &[u8]) -> Fate {
    try_with_flags(code, 3 << 12)
}

/// Interrupts stay off, unless `flags` turn them on.
fn try_with_flags(code: &[u8], flags: u64) -> Fate {
    /// The bit of RFLAGS that is always set.
    const FLAGS: u64 = 2;
    const STACK: u64 = 0x1000;
    task::load(0);
    let address = map_user(FREE_RAM.0);
    for (at, byte) in code.iter().chain(END).enumerate() {
        // SAFETY: it is free RAM, which the guest's own tables map there.
        unsafe { (address as *mut u8).add(at).write_volatile(*byte) };
    }
    let end = address + code.len() as u64;
    let run = || {
        // SAFETY: the code ends with an exception, or comes to one before; either leads back here, by
        // `back_from_ring_3`.
        unsafe {
            guest_run_at_ring_3(
                address,
                address + STACK,
                task::kernel_stack(),
                FLAGS | flags,
            );
        }
    };
    match watch(run) {
        // None cannot be: only an exception comes back.
        None => Fate::WentOn,
        Some((INVALID_OPCODE, pc)) if pc == end => Fate::WentOn,
        Some((vector, _)) => Fate::Trapped(vector),
    }
}
