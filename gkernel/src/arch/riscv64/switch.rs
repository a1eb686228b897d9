//! From one task of the kernel's to another.

use core::arch::naked_asm;

/// The words that [`switch`] keeps on a task's stack.
const KEPT: usize = 46;
/// Of these, the place of ra and of s0.
const RA: usize = 0;
const S0: usize = 1;

/// Prepares a stack, by the address of its end, for a task that has not run yet, and gives its stack pointer.
/// The task begins with `entry`, with interrupts on, which must not return.
pub fn prepare(end: u64, entry: extern "C" fn() -> !) -> u64 {
    let stack_pointer = (end & !15) - 8 * KEPT as u64;
    for (word, value) in [
        (RA, begin as *const () as u64),
        (S0, entry as *const () as u64),
    ] {
        // SAFETY: the stack is the caller's, and nobody runs on it yet.
        unsafe { (stack_pointer as *mut u64).add(word).write(value) };
    }
    stack_pointer
}

#[unsafe(naked)]
unsafe extern "C" fn begin() -> ! {
    naked_asm!("csrsi sstatus, 2", "jr s0");
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
        ".option push",
        ".option arch, +d",
        "addi   sp, sp, -8 * {kept}",
        "sd     ra, 0(sp)",
        ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11",
        "sd     s\\n, 8 * (1 + \\n)(sp)",
        ".endr",
        ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
        "fsd    f\\n, 8 * (13 + \\n)(sp)",
        ".endr",
        "frcsr  t0",
        "sd     t0, 8 * 45(sp)",
        "sd     sp, (a0)",
        "mv     sp, a1",
        "ld     t0, 8 * 45(sp)",
        "fscsr  t0",
        ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
        "fld    f\\n, 8 * (13 + \\n)(sp)",
        ".endr",
        ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11",
        "ld     s\\n, 8 * (1 + \\n)(sp)",
        ".endr",
        "ld     ra, 0(sp)",
        "addi   sp, sp, 8 * {kept}",
        "ret",
        ".option pop",
        kept = const KEPT,
    )
}
