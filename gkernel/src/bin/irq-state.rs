//! Conformance: an interrupt may come at any instruction of the guest's, and all registers are as they were:
//! general, floating-point, and its control.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(interrupted);

#[cfg(all(target_os = "none", target_arch = "x86_64"))]
fn interrupted() {
    gkernel::println!("CASE irq-state: FAILED there is no timer interrupt here");
}

#[cfg(all(target_os = "none", not(target_arch = "x86_64")))]
fn interrupted() {
    use gkernel::{arch, arch::timer, case};

    // Often enough to come at most instructions, and at odd times.
    let interval = timer::frequency() / 9_700;
    let changed = arch::fill_registers_and_take_interrupts(500, interval);
    case!("irq-state", changed == 0, "register {changed} was changed");
}
