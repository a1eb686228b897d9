//! Conformance: a timer that is armed anew before its deadline has the new one.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
use gkernel::timer_cases::rearm as run;

gkernel::guest!(run);
