//! Conformance, x86_64: a debug exception whose handler causes the next one is an exit each time, so that
//! the budget for exits ends it.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(storm);

#[cfg(all(target_os = "none", not(target_arch = "x86_64")))]
fn storm() {
    gkernel::println!("CASE x86-exception-storm: FAILED there is no #DB here");
}

#[cfg(all(target_os = "none", target_arch = "x86_64"))]
fn storm() {
    gkernel::println!("guest: a storm of debug exceptions");
    gkernel::arch::exception_storm();
    gkernel::println!("CASE x86-exception-storm: FAILED the guest runs on");
}
