//! Conformance: a store to a window that may only be read ends the guest. If the run's number is odd,
//! the flash is read first.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(store_to_flash);

#[cfg(target_os = "none")]
fn store_to_flash() {
    use gkernel::{arch, println, touch};

    touch::target();
    touch::store(arch::FLASH, 0x55);
    println!("CASE npf-store-ro: FAILED the store came through");
}
