//! Conformance: the first of two guests. It leaves its mark all over its memory, reads the flash, and
//! is ended for a touch of what it must not.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(first);

#[cfg(target_os = "none")]
fn first() {
    use gkernel::{arch, argument, println, touch};

    for at in (0..arch::FREE_RAM.1).step_by(64) {
        touch::store(arch::FREE_RAM.0 + at, 0x5A);
    }
    touch::load(arch::FLASH);
    println!("guest: memory filled");
    touch::load(argument());
}
