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
    use gkernel::{arch::sbi_call, case, println};

    const HSM: u64 = 0x48_534D;
    const SRST: u64 = 0x5352_5354;
    const PMU: u64 = 0x50_4D55;
    const DBCN: u64 = 0x4442_434E;
    const SUSP: u64 = 0x5355_5350;
    const NOT_SUPPORTED: i64 = -2;
    const INVALID: i64 = -3;
    const ALREADY: i64 = -6;
    const TIME: u64 = 0x5449_4D45;
    const IPI: u64 = 0x73_5049;
    const RFENCE: u64 = 0x5246_4E43;
    let calls = [
        (HSM, 0, [0, 0x8020_0000, 0], ALREADY),        // hart_start
        (HSM, 0, [1, 0x8020_0000, 0], INVALID),        // of a hart that is not there
        (HSM, 2, [1, 0, 0], INVALID),                  // hart_get_status of it
        (HSM, 3, [0, 0, 0], NOT_SUPPORTED),            // hart_suspend
        (SRST, 0, [1, 0, 0], NOT_SUPPORTED),           // cold reboot
        (SRST, 0, [2, 1, 0], NOT_SUPPORTED),           // warm reboot
        (SRST, 0, [3, 0, 0], INVALID),                 // a reserved type
        (SRST, 0, [0xF000_0000, 0, 0], INVALID),       // a vendor's own
        (SRST, 0, [0, 2, 0], INVALID),                 // shutdown for a reserved reason
        (SRST, 0, [0, 0xE000_0000, 0], INVALID),       // an implementation's own
        (SRST, 0, [1, 0xF000_0000, 0], INVALID),       // a vendor's own
        (PMU, 0, [0, 0, 0], NOT_SUPPORTED),            // num_counters
        (SUSP, 0, [0, 0x8020_0000, 0], NOT_SUPPORTED), // system_suspend
        (0, 0, [u64::MAX, 0, 0], NOT_SUPPORTED),       // the legacy set_timer
        (TIME, 0, [u64::MAX, 0, 0], NOT_SUPPORTED),    // set_timer
        (IPI, 0, [2, 0, 0], INVALID),                  // send_ipi to another hart
        (RFENCE, 0, [1, 1, 0], INVALID),               // remote_fence_i of it
        (2, 0, [0, 0, 0], -1),                         // the legacy console_getchar: nothing
        (DBCN, 1, [16, 0x8020_0000, 0], 0),            // console_read: nothing is typed
        (DBCN, 1, [16, 0x8020_0000, 1], INVALID),      // beyond 64 bits
        (DBCN, 1, [16, 0x2200_0000, 0], INVALID),      // into flash
    ];
    let mut wrong = 0;
    for (extension, function, arguments, wanted) in calls {
        let answer = sbi_call(extension, function, arguments).0;
        if answer != wanted {
            println!("guest: {extension:#x} {function} {arguments:x?}: {answer}, not {wanted}");
            wrong += 1;
        }
    }
    case!("sbi-no-forward", wrong == 0, "{wrong} answers");
}
