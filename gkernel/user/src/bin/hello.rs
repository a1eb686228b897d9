//! Says hello. Its data, constants and zeroes have to be there.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel_user::program!(hello);

#[cfg(target_os = "none")]
fn hello(_argument: u64, number: u64) -> i64 {
    use core::sync::atomic::{AtomicU64, Ordering};

    static DATA: AtomicU64 = AtomicU64::new(0x1234_5678_9ABC_DEF0);
    static ZEROES: [AtomicU64; 1024] = [const { AtomicU64::new(0) }; 1024];

    gkernel_user::line!("Hello from user mode, process {number}!");
    let data = DATA.swap(0, Ordering::Relaxed) == 0x1234_5678_9ABC_DEF0;
    let zeroes = ZEROES
        .iter()
        .all(|word| word.swap(1, Ordering::Relaxed) == 0);
    i64::from(!data) + 2 * i64::from(!zeroes)
}
