//! Conformance: a guest that arms its timer, keeps the interrupt masked, and loops for ever, is ended by its budget:
//! the host's tick goes on after the guest's alarm.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(hog);

#[cfg(target_os = "none")]
fn hog() {
    use gkernel::{arch::timer, println};

    println!("guest: looping");
    timer::interrupts(false);
    timer::enable(true);
    timer::arm(timer::now() + timer::frequency() / 1000);
    loop {
        core::hint::spin_loop();
    }
}
