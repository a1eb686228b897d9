//! Is interrupted with all registers in use, and takes turns with a process that has other values in them. The exit
//! code is the number of a register that has changed.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel_user::program!(registers);

#[cfg(target_os = "none")]
fn registers(argument: u64, _number: u64) -> i64 {
    use gkernel_user::{abi::SHARED, arch};

    const TURNS: u64 = 64;
    // SAFETY: the page is there, and only the two of us use it.
    unsafe { arch::hold_registers(SHARED as *mut u64, argument, TURNS) as i64 }
}
