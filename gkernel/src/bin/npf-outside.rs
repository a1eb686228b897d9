//! Conformance: a load from the even address in the run's number, where nothing is declared, ends the guest. If
//! the number is odd, the flash is read first.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(load_outside);

#[cfg(target_os = "none")]
fn load_outside() {
    use gkernel::{println, touch};

    let byte = touch::load(touch::target());
    println!("CASE npf-outside: FAILED read {byte:#x}");
}
