//! Conformance: a wait for the guest's own timer lasts until its deadline, and costs the guest no time.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(all(target_os = "none", not(target_arch = "x86_64")))]
use gkernel::timer_cases::wait as run;

gkernel::guest!(run);

#[cfg(all(target_os = "none", target_arch = "x86_64"))]
fn run() {
    gkernel::println!("CASE wfi-deadline: FAILED there is no timer interrupt here");
}
