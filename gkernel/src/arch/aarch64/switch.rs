//! From one task of the kernel's to another.

use core::arch::naked_asm;

/// The words that [`switch`] keeps on a task's stack: x19 to x30. The kernel computes without floating point.
const KEPT: usize = 12;
/// Of these, the place of x19 and of x30.
const X19: usize = 0;
const X30: usize = 11;

/// Prepares a stack, by the address of its end, for a task that has not run yet, and gives its stack pointer.
/// The task begins with `entry`, with interrupts on, which must not return.
pub fn prepare(end: u64, entry: extern "C" fn() -> !) -> u64 {
    let stack_pointer = (end & !15) - 8 * KEPT as u64;
    for (word, value) in [
        (X30, begin as *const () as u64),
        (X19, entry as *const () as u64),
    ] {
        // SAFETY: the stack is the caller's, and nobody runs on it yet.
        unsafe { (stack_pointer as *mut u64).add(word).write(value) };
    }
    stack_pointer
}

#[unsafe(naked)]
unsafe extern "C" fn begin() -> ! {
    naked_asm!("msr daifclr, #2", "br x19");
}

/// Keeps the state of the running task, with its stack pointer at `from`, and goes on with the one whose stack
/// pointer is `to`. Comes back when the task is gone on with. Interrupts are off.
///
/// # Safety
///
/// `to` is of [`prepare`], or was put at `from` by an earlier call that has not come back.
#[unsafe(naked)]
pub unsafe extern "C" fn switch(from: *mut u64, to: u64) {
    naked_asm!(
        "sub    sp, sp, #8 * {kept}",
        "stp    x19, x20, [sp, #0]",
        "stp    x21, x22, [sp, #16]",
        "stp    x23, x24, [sp, #32]",
        "stp    x25, x26, [sp, #48]",
        "stp    x27, x28, [sp, #64]",
        "stp    x29, x30, [sp, #80]",
        "mov    x9, sp",
        "str    x9, [x0]",
        "mov    sp, x1",
        "ldp    x19, x20, [sp, #0]",
        "ldp    x21, x22, [sp, #16]",
        "ldp    x23, x24, [sp, #32]",
        "ldp    x25, x26, [sp, #48]",
        "ldp    x27, x28, [sp, #64]",
        "ldp    x29, x30, [sp, #80]",
        "add    sp, sp, #8 * {kept}",
        "ret",
        kept = const KEPT,
    )
}
