//! Conformance, aarch64: a guest at EL0, the simpler mode, tries the instruction that its number names. It is
//! not carried out.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest_at_el0!(attempt);

#[cfg(all(target_os = "none", not(target_arch = "aarch64")))]
fn attempt() {
    gkernel::println!("CASE refused-el0: FAILED there is no such mode here");
}

#[cfg(all(target_os = "none", target_arch = "aarch64"))]
fn attempt() {
    use gkernel::{arch::EL0_ATTEMPTS, argument, println};

    let number = argument();
    let Some((text, attempt)) = EL0_ATTEMPTS.get(number as usize) else {
        println!("CASE refused-el0: FAILED there is no attempt {number}");
        return;
    };
    println!("guest: `{text}`");
    attempt();
    println!("CASE refused-el0: FAILED `{text}` was carried out");
}
