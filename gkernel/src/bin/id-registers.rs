//! Conformance, aarch64: a feature that is hidden does not show, and one that is shown works.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(look);

#[cfg(all(target_os = "none", not(target_arch = "aarch64")))]
fn look() {
    gkernel::println!("CASE id-registers: FAILED there are no such registers here");
}

#[cfg(all(target_os = "none", target_arch = "aarch64"))]
fn look() {
    use gkernel::{arch, argument, case};

    let wrong = arch::wrong_features(argument() == 1);
    case!("id-registers", wrong == 0, "{wrong} fields");
}
