//! Conformance: the guest shuts down at once.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(nothing);

#[cfg(target_os = "none")]
fn nothing() {}
