//! Ends with its argument as the exit code.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel_user::program!(exits);

#[cfg(target_os = "none")]
fn exits(argument: u64, _number: u64) -> i64 {
    argument as i64
}
