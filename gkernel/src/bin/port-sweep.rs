//! Conformance, x86_64: no port is the guest's. It tries each of them, one after another, and goes on behind
//! each refusal.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(sweep);

#[cfg(all(target_os = "none", not(target_arch = "x86_64")))]
fn sweep() {
    gkernel::println!("CASE port-sweep: FAILED there are no ports here");
}

#[cfg(all(target_os = "none", target_arch = "x86_64"))]
fn sweep() {
    let found = gkernel::arch::sweep_ports();
    gkernel::case!("port-sweep", found.is_clean(), "{found}");
}
