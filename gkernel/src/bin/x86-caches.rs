//! Conformance, x86_64: INVD and WBINVD, which would reach the whole machine's caches, are carried out for
//! the guest by doing nothing. How many exits they cause is for the scenario to say.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(flush);

#[cfg(all(target_os = "none", not(target_arch = "x86_64")))]
fn flush() {
    gkernel::println!("CASE x86-caches: FAILED there is no INVD here");
}

#[cfg(all(target_os = "none", target_arch = "x86_64"))]
fn flush() {
    use gkernel::{arch::try_in_kernel, probe::Fate};

    const INVD: &[u8] = &[0x0F, 0x08];
    const WBINVD: &[u8] = &[0x0F, 0x09];
    let went_on = [INVD, WBINVD].map(|code| try_in_kernel(code) == Fate::WentOn);
    gkernel::case!("x86-caches", went_on == [true; 2], "{went_on:?}");
}
