//! Touches as many pages of its stack as its argument says, from the end on, and ends with the number of those
//! that do not hold what was written.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel_user::program!(stack);

#[cfg(target_os = "none")]
fn stack(argument: u64, _number: u64) -> i64 {
    use gkernel_user::abi::STACK_END;

    // The lowest word of each: what is in use is at the end of the first.
    let page = |n: u64| (STACK_END - (n + 1) * 4096) as *mut u64;
    for n in 0..argument {
        // SAFETY: it is the stack's, and below what is in use.
        unsafe { page(n).write_volatile(n) };
    }
    // SAFETY: as above.
    let lost = |n: &u64| unsafe { page(*n).read_volatile() != *n };
    (0..argument).filter(lost).count() as i64
}
