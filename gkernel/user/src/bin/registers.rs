//! Takes turns, with all registers in use, with a process that has other values in them. Its argument is 0 for the even
//! ones and 1 for the odd ones, or 2 and 3 if it yields while it waits. The exit code is the number of a register that
//! has changed.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel_user::program!(registers);

#[cfg(target_os = "none")]
fn registers(argument: u64, _number: u64) -> i64 {
    use gkernel_user::{abi::SHARED, arch};

    const TURNS: u64 = 64;
    let (role, yields) = (argument % 2, argument >= 2);
    // SAFETY: the page is there, and only the two of us use it.
    unsafe { arch::hold_registers(SHARED as *mut u64, role, TURNS, yields) as i64 }
}
