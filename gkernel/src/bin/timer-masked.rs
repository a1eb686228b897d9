//! Conformance: a timer interrupt that is masked stays pending, and is taken once nothing masks it.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
use gkernel::timer_cases::masked as run;

gkernel::guest!(run);
