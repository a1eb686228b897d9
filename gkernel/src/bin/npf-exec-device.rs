//! Conformance: a jump into a device window ends the guest. If the run's number is odd, the flash is read
//! first.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(execute_flash);

#[cfg(target_os = "none")]
fn execute_flash() {
    use gkernel::{arch, println, touch};

    touch::target();
    touch::execute(arch::FLASH);
    println!("CASE npf-exec-device: FAILED the flash was executed");
}
