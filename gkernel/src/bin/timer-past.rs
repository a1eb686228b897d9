//! Conformance: a deadline in the past leads to an interrupt at once.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
use gkernel::timer_cases::past as run;

gkernel::guest!(run);
