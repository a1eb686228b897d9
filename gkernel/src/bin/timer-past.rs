//! Conformance: a deadline in the past leads to an interrupt at once.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(all(target_os = "none", not(target_arch = "x86_64")))]
use gkernel::timer_cases::past as run;

gkernel::guest!(run);

#[cfg(all(target_os = "none", target_arch = "x86_64"))]
fn run() {
    gkernel::println!("CASE timer-past: FAILED there is no timer interrupt here");
}
