//! Conformance: a call that nobody defined gets the standard's error, and the guest goes on.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(unknown_calls);

#[cfg(target_os = "none")]
fn unknown_calls() {
    use gkernel::{arch, case};

    let numbers = [
        0x0A00_0000,
        0x4242_4242,
        0x8400_0042,
        0xC600_FFFF,
        0x7FFF_FFFF,
    ];
    let answers = numbers.map(|number| arch::call(number, u64::MAX) as i64);
    let expected = [arch::NOT_SUPPORTED; 5];
    case!(
        "hypercall-unknown",
        answers == expected,
        "the answers are {answers:?}"
    );
}
