//! Conformance: the timer of a guest that has ended reaches neither the host nor the next guest.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(run);

#[cfg(all(target_os = "none", target_arch = "x86_64"))]
fn run() {
    gkernel::println!("CASE timer-dead-guest: FAILED there is no timer here");
}

#[cfg(all(target_os = "none", not(target_arch = "x86_64")))]
fn run() {
    use gkernel::{arch::timer, case};

    // With an argument, the guest has been given interrupts by its timer.
    #[cfg(target_arch = "aarch64")]
    if gkernel::argument() == 1 {
        timer::enable(true);
        timer::interrupts(true);
    }
    let control = timer::control();
    // Long enough for the host's tick to come several times.
    let until = timer::now() + timer::frequency() / 20;
    while timer::now() < until {}
    let later = timer::control();
    let taken = gkernel::interrupt::taken();
    case!(
        "timer-dead-guest",
        control == 0 && later == 0 && taken == 0,
        "its timer's state is {control:#x}, {later:#x}; {taken} interrupts"
    );
}
