//! Conformance: a store to the address in the run's number, which is the host's RAM on this machine,
//! ends the guest and changes nothing.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(store_to_host);

#[cfg(target_os = "none")]
fn store_to_host() {
    use gkernel::{argument, println, touch};

    touch::store(argument(), 0x55);
    println!("CASE npf-host-ram: FAILED the store came through");
}
