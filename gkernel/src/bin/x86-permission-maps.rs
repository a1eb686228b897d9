//! Conformance, x86_64: no port is the guest's, and no MSR but those that are switched with it.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(sweep);

#[cfg(all(target_os = "none", not(target_arch = "x86_64")))]
fn sweep() {
    gkernel::println!("CASE x86-permission-maps: FAILED there are no ports here");
}

#[cfg(all(target_os = "none", target_arch = "x86_64"))]
fn sweep() {
    let open = gkernel::arch::try_permission_maps();
    gkernel::case!("x86-permission-maps", open == 0, "{open} are open");
}
