//! Conformance: a deadline that never comes takes back what is pending.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(all(target_os = "none", not(target_arch = "x86_64")))]
use gkernel::timer_cases::infinite as run;

gkernel::guest!(run);

#[cfg(all(target_os = "none", target_arch = "x86_64"))]
fn run() {
    gkernel::println!("CASE timer-infinite: FAILED there is no timer interrupt here");
}
