//! Conformance, aarch64: an interrupt that the guest sends itself stays pending, is active, and comes again, across any
//! number of exits.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(send);

#[cfg(all(target_os = "none", not(target_arch = "aarch64")))]
fn send() {
    gkernel::println!("CASE irq-sgi: FAILED there is no distributor here");
}

#[cfg(all(target_os = "none", target_arch = "aarch64"))]
fn send() {
    let wrong = gkernel::arch::check_own_interrupts();
    gkernel::case!("irq-sgi", wrong == 0, "{wrong:#b}");
}
