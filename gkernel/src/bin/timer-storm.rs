//! Conformance: a guest whose timer is due again at once, each time it came, is ended by its budget, and the
//! host's tick goes on meanwhile.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(storm);

#[cfg(all(target_os = "none", target_arch = "x86_64"))]
fn storm() {
    gkernel::println!("CASE timer-storm: FAILED there is no timer interrupt here");
}

#[cfg(all(target_os = "none", not(target_arch = "x86_64")))]
fn storm() {
    use gkernel::{arch::timer, interrupt, println};

    println!("guest: storming");
    interrupt::on_timer(|| timer::arm(timer::now()));
    timer::enable(true);
    timer::interrupts(true);
    timer::arm(timer::now());
    loop {
        core::hint::spin_loop();
    }
}
