//! Conformance, riscv64: a wait goes on if an interrupt is pending that is enabled by itself, whatever
//! sstatus.SIE says; one that is pending and not enabled wakes nobody.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(wait);

#[cfg(all(target_os = "none", not(target_arch = "riscv64")))]
fn wait() {
    gkernel::println!(
        "CASE wfi-pending: FAILED no interrupt of the guest's own can be pending here"
    );
}

#[cfg(all(target_os = "none", target_arch = "riscv64"))]
fn wait() {
    use gkernel::{arch, println};

    arch::raise_software_interrupt();
    arch::enable_software_interrupt(true);
    arch::wait();
    println!("CASE wfi-pending: ok");
    arch::enable_software_interrupt(false);
    println!("guest: waiting");
    arch::give_up();
}
