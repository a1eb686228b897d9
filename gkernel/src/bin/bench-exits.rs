//! For `harness bench --exits`: what exits cost, and how late the timer is.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
use gkernel::bench::run;

gkernel::guest!(run);
