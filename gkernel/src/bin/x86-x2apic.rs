//! Conformance, x86_64: the local APIC does what the manual says, by the MSRs of x2APIC.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(look);

#[cfg(all(target_os = "none", not(target_arch = "x86_64")))]
fn look() {
    gkernel::println!("CASE x86-x2apic: FAILED there is no local APIC here");
}

#[cfg(all(target_os = "none", target_arch = "x86_64"))]
fn look() {
    let wrong = gkernel::arch::check_apic();
    gkernel::case!("x86-x2apic", wrong == 0, "{wrong} things");
}
