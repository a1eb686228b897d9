//! Conformance: a deadline that never comes takes back what is pending.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
use gkernel::timer_cases::infinite as run;

gkernel::guest!(run);
