//! Conformance, riscv64: the base extension answers as the specification says.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(base);

#[cfg(all(target_os = "none", not(target_arch = "riscv64")))]
fn base() {
    gkernel::println!("CASE sbi-base: FAILED there is no SBI here");
}

#[cfg(all(target_os = "none", target_arch = "riscv64"))]
fn base() {
    use gkernel::{arch::sbi_call, case};

    const BASE: u64 = 0x10;
    const PROBE: u64 = 3;
    let ask = |function, argument| sbi_call(BASE, function, [argument, 0, 0]);
    let probe = |extension| ask(PROBE, extension);

    case!(
        "sbi-base version",
        ask(0, 0) == (0, 2 << 24),
        "it is {:?}",
        ask(0, 0)
    );
    // Base, debug console, system reset, HSM, IPI, fence, legacy putchar and getchar; then PMU, nonsense, and
    // time, as no timer was given, new and legacy.
    let present = [
        0x10,
        0x4442_434E,
        0x5352_5354,
        0x48_534D,
        0x73_5049,
        0x5246_4E43,
        1,
        2,
    ]
    .map(probe);
    case!(
        "sbi-base present",
        present == [(0, 1); 8],
        "probes give {present:?}"
    );
    let absent = [0x50_4D55, 0xDEAD, 0x5449_4D45, 0].map(probe);
    case!(
        "sbi-base absent",
        absent == [(0, 0); 4],
        "probes give {absent:?}"
    );
    case!(
        "sbi-base vendor",
        ask(4, 0) == (0, 0),
        "it is {:?}",
        ask(4, 0)
    );
    case!(
        "sbi-base unknown",
        ask(77, 0).0 == -2,
        "it is {:?}",
        ask(77, 0)
    );
}
