//! From one task of the kernel's to another.

use core::arch::naked_asm;

/// The words that [`switch`] keeps on a task's stack: six registers, and where to go on.
const KEPT: usize = 7;
/// Of these, the place of rbx, which is popped last, and of where to go on.
const RBX: usize = 5;
const RETURN: usize = 6;

/// Prepares a stack, by the address of its end, for a task that has not run yet, and gives its stack pointer.
/// The task begins with `entry`, with interrupts on, which must not return.
pub fn prepare(end: u64, entry: extern "C" fn() -> !) -> u64 {
    let stack_pointer = (end & !15) - 8 * KEPT as u64;
    for (word, value) in [
        (RETURN, begin as *const () as u64),
        (RBX, entry as *const () as u64),
    ] {
        // SAFETY: the stack is the caller's, and nobody runs on it yet.
        unsafe { (stack_pointer as *mut u64).add(word).write(value) };
    }
    stack_pointer
}

#[unsafe(naked)]
unsafe extern "C" fn begin() -> ! {
    // RSP is the end of the stack, a multiple of 16.
    naked_asm!("sti", "call rbx", "ud2");
}

/// Keeps the state of the running task, with its stack pointer at `from`, and goes on with the one whose stack
/// pointer is `to`. Comes back when the task is gone on with. Interrupts are off. There is no floating point.
///
/// # Safety
///
/// `to` is of [`prepare`], or was put at `from` by an earlier call that has not come back.
#[unsafe(naked)]
pub unsafe extern "C" fn switch(from: *mut u64, to: u64) {
    naked_asm!(
        "push   rbx",
        "push   rbp",
        "push   r12",
        "push   r13",
        "push   r14",
        "push   r15",
        "mov    [rdi], rsp",
        "mov    rsp, rsi",
        "pop    r15",
        "pop    r14",
        "pop    r13",
        "pop    r12",
        "pop    rbp",
        "pop    rbx",
        "ret",
    )
}
