//! Conformance, riscv64: calls that the firmware would take never reach it. If one did, the hart would
//! be stopped, or the machine be gone.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(no_forward);

#[cfg(all(target_os = "none", not(target_arch = "riscv64")))]
fn no_forward() {
    gkernel::println!("CASE sbi-no-forward: FAILED there is no SBI here");
}

#[cfg(all(target_os = "none", target_arch = "riscv64"))]
fn no_forward() {
    use gkernel::{arch::sbi_call, case};

    const HSM: u64 = 0x48_534D;
    const SRST: u64 = 0x5352_5354;
    const PMU: u64 = 0x50_4D55;
    const DBCN: u64 = 0x4442_434E;
    const SUSP: u64 = 0x5355_5350;
    let calls = [
        (HSM, 1, [0, 0, 0]),             // hart_stop
        (HSM, 0, [0, 0x8020_0000, 0]),   // hart_start
        (HSM, 3, [0, 0, 0]),             // hart_suspend
        (SRST, 0, [1, 0, 0]),            // cold reboot
        (SRST, 0, [2, 0, 0]),            // warm reboot
        (SRST, 0, [0xF000_0000, 0, 0]),  // a vendor's own
        (PMU, 0, [0, 0, 0]),             // num_counters
        (DBCN, 1, [16, 0x8020_0000, 0]), // console_read
        (SUSP, 0, [0, 0x8020_0000, 0]),  // system_suspend
        (0, 0, [u64::MAX, 0, 0]),        // the legacy set_timer
    ];
    let answers =
        calls.map(|(extension, function, arguments)| sbi_call(extension, function, arguments).0);
    case!(
        "sbi-no-forward",
        answers == [-2; 10],
        "the answers are {answers:?}"
    );
}
