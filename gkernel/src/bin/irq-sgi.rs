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
    use gkernel::{
        arch::{self, timer},
        lateness,
    };

    let wrong = arch::check_own_interrupts();
    // As timer-latency has it: a deadline is not lost with what came before it, or nearly each would be late by a tick.
    let millisecond = timer::frequency() / 1000;
    let mut late = [u64::MAX; 50];
    lateness::computing(
        &mut late,
        millisecond / 2,
        millisecond,
        arch::fire_masked_beside_own,
    );
    late.sort_unstable();
    let median = late[late.len() / 2];
    gkernel::case!(
        "irq-sgi",
        wrong == 0 && median < 5 * millisecond,
        "{wrong:#b}; the timer is {median} ticks late, a second has {}",
        timer::frequency()
    );
}
