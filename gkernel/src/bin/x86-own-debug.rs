//! Conformance, x86_64: a debug exception of the guest's comes to the guest, and DR6 says why.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(debug);

#[cfg(all(target_os = "none", not(target_arch = "x86_64")))]
fn debug() {
    gkernel::println!("CASE x86-own-debug: FAILED there is no DR6 here");
}

#[cfg(all(target_os = "none", target_arch = "x86_64"))]
fn debug() {
    let seen = gkernel::arch::debug_exceptions();
    let right = seen.iter().all(|(found, wanted)| found == wanted);
    gkernel::case!("x86-own-debug", right, "{seen:x?}");
}
