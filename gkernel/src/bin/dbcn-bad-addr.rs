//! Conformance, riscv64: the debug console refuses a range that is not in RAM, however it is given.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(bad_ranges);

#[cfg(all(target_os = "none", not(target_arch = "riscv64")))]
fn bad_ranges() {
    gkernel::println!("CASE dbcn-bad-addr: FAILED there is no SBI here");
}

#[cfg(all(target_os = "none", target_arch = "riscv64"))]
fn bad_ranges() {
    use gkernel::{arch::RAM_END, arch::sbi_call, case};

    const DBCN: u64 = 0x4442_434E;
    // Length, low half of the address, high half.
    let ranges = [
        [1, 0, 0],
        [4, 0x2200_0000, 0],
        [1, RAM_END, 0],
        [2, RAM_END - 1, 0],
        [1 << 63, 0x8020_0000, 0],
        [u64::MAX, 0x8020_0000, 0],
        [1, 0x8020_0000, 1],
        [1, u64::MAX, 0],
    ];
    let answers = ranges.map(|range| sbi_call(DBCN, 0, range));
    case!(
        "dbcn-bad-addr",
        answers == [(-3, 0); 8],
        "the answers are {answers:?}"
    );
}
