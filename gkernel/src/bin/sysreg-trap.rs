//! Conformance: a register that exists, and that the guest may not have, ends it.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(forbidden_register);

#[cfg(target_os = "none")]
fn forbidden_register() {
    use gkernel::{arch, println};

    println!("guest: touching a register that is not its own");
    arch::touch_forbidden_register();
    println!("CASE sysreg-trap: FAILED the guest runs on");
}
