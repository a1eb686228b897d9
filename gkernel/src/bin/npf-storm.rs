//! Conformance: a fault on a page that is mapped already makes no progress, and ends the guest at once,
//! however often it would try.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(storm);

#[cfg(target_os = "none")]
fn storm() {
    use gkernel::{arch, println, touch};

    touch::load(arch::FLASH);
    println!("guest: the page is mapped");
    for _ in 0..1_000_000 {
        touch::store(arch::FLASH, 0x55);
    }
    println!("CASE npf-storm: FAILED the stores came through");
}
