//! Conformance: one deadline leads to one interrupt, not early, and a new one takes it back.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
use gkernel::timer_cases::once as run;

gkernel::guest!(run);
