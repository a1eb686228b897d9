//! Conformance: a timer interrupt that is masked stays pending, and is taken once nothing masks it.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(all(target_os = "none", not(target_arch = "x86_64")))]
use gkernel::timer_cases::masked as run;

gkernel::guest!(run);

#[cfg(all(target_os = "none", target_arch = "x86_64"))]
fn run() {
    gkernel::println!("CASE timer-masked: FAILED there is no timer interrupt here");
}
