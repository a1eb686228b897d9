//! Conformance: a timer that is armed anew before its deadline has the new one.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(all(target_os = "none", not(target_arch = "x86_64")))]
use gkernel::timer_cases::rearm as run;

gkernel::guest!(run);

#[cfg(all(target_os = "none", target_arch = "x86_64"))]
fn run() {
    gkernel::println!("CASE timer-rearm: FAILED there is no timer interrupt here");
}
