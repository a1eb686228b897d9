//! Conformance: a wait for the guest's own timer lasts until its deadline, and costs the guest no time.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
use gkernel::timer_cases::wait as run;

gkernel::guest!(run);
