//! Conformance, riscv64: SBI's calls about harts, of which there is one; the last one stops it.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(run);

#[cfg(all(target_os = "none", not(target_arch = "riscv64")))]
fn run() {
    gkernel::println!("CASE sbi-hart: FAILED there is no SBI here");
}

#[cfg(all(target_os = "none", target_arch = "riscv64"))]
fn run() {
    use gkernel::{arch, arch::sbi_call, case, println};

    const HSM: u64 = 0x48_534D;
    const IPI: u64 = 0x73_5049;
    const RFENCE: u64 = 0x5246_4E43;
    let status = sbi_call(HSM, 2, [0, 0, 0]);
    case!("sbi-hart status", status == (0, 0), "it is {status:?}");

    // An interrupt to itself is pending, once; to no hart, or to another one, none is.
    let others = [
        sbi_call(IPI, 0, [0, 0, 0]),
        sbi_call(IPI, 0, [2, 0, 0]),
        sbi_call(IPI, 0, [1, 5, 0]),
    ];
    let before = arch::take_software_interrupt();
    let mut taken = 0;
    for (mask, base) in [(1, 0), (0, u64::MAX)] {
        let sent = sbi_call(IPI, 0, [mask, base, 0]);
        taken += u64::from(sent.0 == 0 && arch::take_software_interrupt());
    }
    let after = arch::take_software_interrupt();
    case!(
        "sbi-hart ipi",
        others.map(|answer| answer.0) == [0, -3, -3] && !before && taken == 2 && !after,
        "{others:?}, before {before}, taken {taken}, after {after}"
    );

    let fences = [0, 1, 2].map(|function| sbi_call(RFENCE, function, [1, 0, 0]).0);
    let others = [0, 1, 2].map(|function| sbi_call(RFENCE, function, [2, 0, 0]).0);
    case!(
        "sbi-hart fences",
        fences == [0; 3] && others == [-3; 3],
        "{fences:?}, of another hart {others:?}"
    );
    println!("guest: stopping");
    sbi_call(HSM, 1, [0, 0, 0]);
    println!("CASE sbi-hart stop: FAILED it goes on");
}
