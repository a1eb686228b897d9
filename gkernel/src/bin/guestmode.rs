//! Step 12 of the series: the smallest guest. It makes one call, and that ends it.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(nothing);

#[cfg(target_os = "none")]
fn nothing() {}
