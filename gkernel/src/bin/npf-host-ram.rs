//! Conformance: a store to the even address in the run's number, which is the host's RAM on this machine,
//! ends the guest and changes nothing. If the number is odd, the flash is read first.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(store_to_host);

#[cfg(target_os = "none")]
fn store_to_host() {
    use gkernel::{println, touch};

    touch::store(touch::target(), 0x55);
    println!("CASE npf-host-ram: FAILED the store came through");
}
