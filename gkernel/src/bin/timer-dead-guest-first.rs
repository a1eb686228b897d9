//! The first guest of `timer-dead-guest`: it ends with its timer armed, and fired.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(arm);

#[cfg(all(target_os = "none", target_arch = "x86_64"))]
fn arm() {
    gkernel::println!("CASE timer-dead-guest: FAILED there is no timer here");
}

#[cfg(all(target_os = "none", not(target_arch = "x86_64")))]
fn arm() {
    use gkernel::{arch::timer, println};

    // With an argument, the guest has been given interrupts by its timer.
    #[cfg(target_arch = "aarch64")]
    if gkernel::argument() == 1 {
        timer::enable(true);
    }
    timer::arm(timer::now());
    let fired = timer::has_fired();
    println!("guest: timer armed, fired: {fired}");
}
