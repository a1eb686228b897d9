//! Lets the others run after each of its lines. What it keeps is its own, at the address where they have theirs.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel_user::program!(polite);

#[cfg(target_os = "none")]
fn polite(argument: u64, number: u64) -> i64 {
    use core::sync::atomic::{AtomicU64, Ordering};

    static OWN: AtomicU64 = AtomicU64::new(0);

    let mut foreign = 0;
    for turn in 0..argument {
        OWN.store(number, Ordering::Relaxed);
        gkernel_user::line!("process {number} yields [{turn}]");
        gkernel_user::give_way();
        foreign += i64::from(OWN.load(Ordering::Relaxed) != number);
    }
    foreign
}
