//! Conformance: a guest that loops for ever, without an exit and with interrupts off, is ended by the
//! host's tick when its time is up.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(hog);

#[cfg(target_os = "none")]
fn hog() {
    gkernel::println!("guest: looping");
    loop {
        core::hint::spin_loop();
    }
}
