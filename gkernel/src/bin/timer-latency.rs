//! Conformance: a deadline comes when it is due, not with the host's next tick.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
use gkernel::timer_cases::latency as run;

gkernel::guest!(run);
