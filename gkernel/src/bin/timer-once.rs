//! Conformance: one deadline leads to one interrupt, not early, and a new one takes it back.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(all(target_os = "none", not(target_arch = "x86_64")))]
use gkernel::timer_cases::once as run;

gkernel::guest!(run);

#[cfg(all(target_os = "none", target_arch = "x86_64"))]
fn run() {
    gkernel::println!("CASE timer-once: FAILED there is no timer interrupt here");
}
