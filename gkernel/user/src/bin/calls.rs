//! Makes calls that the kernel has to answer rightly: the exit code is the number of the first wrong answer.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel_user::program!(calls);

#[cfg(target_os = "none")]
fn calls(_argument: u64, number: u64) -> i64 {
    use gkernel_user::{
        abi::{CONSOLE, EBADF, EFAULT, ENOSYS, STACK_END, STACK_SIZE, WRITE},
        arch::KERNEL,
        call, number as own_number, write,
    };

    let text: &[u8] = b"A line of a user program's, which the kernel reads.\n";
    let (address, length) = (text.as_ptr() as u64, text.len() as u64);
    let untouched = STACK_END - STACK_SIZE;
    let answers = [
        (own_number(), number as i64),
        (write(CONSOLE, text), length as i64),
        (write(CONSOLE, &[]), 0),
        (write(CONSOLE + 1, text), EBADF),
        // The kernel's memory, and none at all.
        (call(WRITE, [CONSOLE, KERNEL, 8]), EFAULT),
        (call(WRITE, [CONSOLE, 8, 8]), EFAULT),
        // From the last bytes of the stack to behind it.
        (call(WRITE, [CONSOLE, STACK_END - 8, 16]), EFAULT),
        (call(WRITE, [CONSOLE, STACK_END - 8, u64::MAX]), EFAULT),
        (
            call(WRITE, [CONSOLE, address, u64::MAX - address + 2]),
            EFAULT,
        ),
        // A page of the stack that was never touched is zero; the one below the stack is none.
        (call(WRITE, [CONSOLE, untouched, 0]), 0),
        (call(WRITE, [CONSOLE, untouched - 8, 8]), EFAULT),
        (call(1 << 40, [0; 3]), ENOSYS),
        (call(u64::MAX, [0; 3]), ENOSYS),
    ];
    let wrong = answers.iter().position(|(found, right)| found != right);
    wrong.map_or(0, |at| at as i64 + 1)
}
