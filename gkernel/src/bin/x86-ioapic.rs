//! Conformance, x86_64: the I/O APIC does with a line what its entry says.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(look);

#[cfg(all(target_os = "none", not(target_arch = "x86_64")))]
fn look() {
    gkernel::println!("CASE x86-ioapic: FAILED there is no I/O APIC here");
}

#[cfg(all(target_os = "none", target_arch = "x86_64"))]
fn look() {
    let wrong = gkernel::arch::check_io_apic();
    gkernel::case!("x86-ioapic", wrong == 0, "{wrong} things");
}
