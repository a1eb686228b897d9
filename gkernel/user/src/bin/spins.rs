//! Hands numbers over to another process, and takes those of that one: its argument is 0 for the even ones and 1 for
//! the odd ones. It never yields, so it has to be interrupted.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel_user::program!(spins);

#[cfg(target_os = "none")]
fn spins(argument: u64, _number: u64) -> i64 {
    use core::{
        hint,
        sync::atomic::{AtomicU64, Ordering},
    };

    use gkernel_user::{abi::SHARED, line};

    /// The numbers that each of the two hands over.
    const NUMBERS: u64 = 16;
    // SAFETY: the page is there, and is used by atomics alone.
    let turn = unsafe { &*(SHARED as *const AtomicU64) };
    for n in 0..NUMBERS {
        while turn.load(Ordering::Acquire) != 2 * n + argument {
            hint::spin_loop();
        }
        line!("spinner {argument} [{n}]");
        turn.store(2 * n + argument + 1, Ordering::Release);
    }
    0
}
