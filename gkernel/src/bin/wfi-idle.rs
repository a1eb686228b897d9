//! Conformance: a guest that waits with nothing to wake it is reported, and does not hang the host.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(wait);

#[cfg(target_os = "none")]
fn wait() {
    gkernel::println!("guest: waiting");
    gkernel::arch::give_up();
}
