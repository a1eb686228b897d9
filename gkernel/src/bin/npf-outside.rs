//! Conformance: a load from the address in the run's number, where nothing is declared, ends the guest.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(load_outside);

#[cfg(target_os = "none")]
fn load_outside() {
    use gkernel::{argument, println, touch};

    let byte = touch::load(argument());
    println!("CASE npf-outside: FAILED read {byte:#x}");
}
