//! Conformance, aarch64: PSCI 1.1 and SMCCC 1.1: the mandatory functions, with the standards' codes.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(ask);

#[cfg(all(target_os = "none", not(target_arch = "aarch64")))]
fn ask() {
    gkernel::println!("CASE psci: FAILED this is for aarch64");
}

#[cfg(all(target_os = "none", target_arch = "aarch64"))]
fn ask() {
    use gkernel::{arch, case, println};

    const VERSION_1_1: i32 = 0x1_0001;
    const NOT_SUPPORTED: i32 = -1;
    const INVALID_PARAMETERS: i32 = -2;
    const ALREADY_ON: i32 = -4;
    /// PSCI_FEATURES, SMCCC_ARCH_FEATURES.
    const FEATURES: u64 = 0x8400_000A;
    const ARCH_FEATURES: u64 = 0x8000_0001;
    const CPU_ON: u64 = 0x8400_0003;
    const AFFINITY_INFO: u64 = 0x8400_0004;
    /// A function in its SMC64 form.
    const WIDE: u64 = 1 << 30;

    // A call, its arguments, and what w0 has to be (DEN0022 §5.2.2, DEN0028 §7).
    let calls: &[(&str, u64, [u64; 3], i32)] = &[
        ("PSCI_VERSION", 0x8400_0000, [0, 0, 0], VERSION_1_1),
        ("PSCI_VERSION, by w0", 0xF_8400_0000, [0, 0, 0], VERSION_1_1),
        ("SMCCC_VERSION", 0x8000_0000, [0, 0, 0], VERSION_1_1),
        (
            "ARCH_FEATURES of itself",
            ARCH_FEATURES,
            [ARCH_FEATURES, 0, 0],
            0,
        ),
        (
            "ARCH_FEATURES of SMCCC_VERSION",
            ARCH_FEATURES,
            [0x8000_0000, 0, 0],
            0,
        ),
        (
            "ARCH_FEATURES of WORKAROUND_1",
            ARCH_FEATURES,
            [0x8000_8000, 0, 0],
            NOT_SUPPORTED,
        ),
        (
            "FEATURES of SMCCC_VERSION",
            FEATURES,
            [0x8000_0000, 0, 0],
            0,
        ),
        ("FEATURES of itself", FEATURES, [FEATURES, 0, 0], 0),
        ("FEATURES of CPU_SUSPEND", FEATURES, [0x8400_0001, 0, 0], 0),
        (
            "FEATURES of CPU_SUSPEND, wide",
            FEATURES,
            [0x8400_0001 | WIDE, 0, 0],
            0,
        ),
        ("FEATURES of CPU_OFF", FEATURES, [0x8400_0002, 0, 0], 0),
        ("FEATURES of CPU_ON", FEATURES, [CPU_ON, 0, 0], 0),
        (
            "FEATURES of CPU_ON, wide",
            FEATURES,
            [CPU_ON | WIDE, 0, 0],
            0,
        ),
        (
            "FEATURES of AFFINITY_INFO",
            FEATURES,
            [AFFINITY_INFO, 0, 0],
            0,
        ),
        (
            "FEATURES of AFFINITY_INFO, wide",
            FEATURES,
            [AFFINITY_INFO | WIDE, 0, 0],
            0,
        ),
        (
            "FEATURES of MIGRATE_INFO_TYPE",
            FEATURES,
            [0x8400_0006, 0, 0],
            0,
        ),
        ("FEATURES of SYSTEM_OFF", FEATURES, [0x8400_0008, 0, 0], 0),
        ("FEATURES of SYSTEM_RESET", FEATURES, [0x8400_0009, 0, 0], 0),
        (
            "FEATURES of SYSTEM_SUSPEND",
            FEATURES,
            [0x8400_000E, 0, 0],
            NOT_SUPPORTED,
        ),
        (
            "FEATURES of CPU_OFF, wide",
            FEATURES,
            [0x8400_0002 | WIDE, 0, 0],
            NOT_SUPPORTED,
        ),
        (
            "CPU_SUSPEND, a state that is none",
            0x8400_0001,
            [1 << 20, 0, 0],
            INVALID_PARAMETERS,
        ),
        ("CPU_ON of oneself", CPU_ON, [0, 0x4020_0000, 0], ALREADY_ON),
        (
            "CPU_ON of oneself, wide",
            CPU_ON | WIDE,
            [0, 0x4020_0000, 0],
            ALREADY_ON,
        ),
        (
            "CPU_ON of another",
            CPU_ON,
            [1, 0x4020_0000, 0],
            INVALID_PARAMETERS,
        ),
        (
            "CPU_ON of another, wide",
            CPU_ON | WIDE,
            [1 << 32, 0x4020_0000, 0],
            INVALID_PARAMETERS,
        ),
        ("AFFINITY_INFO of oneself", AFFINITY_INFO, [0, 0, 0], 0),
        (
            "AFFINITY_INFO of another",
            AFFINITY_INFO,
            [1, 0, 0],
            INVALID_PARAMETERS,
        ),
        (
            "AFFINITY_INFO of a cluster",
            AFFINITY_INFO | WIDE,
            [0, 1, 0],
            0,
        ),
        ("MIGRATE_INFO_TYPE", 0x8400_0006, [0, 0, 0], 2),
        ("MIGRATE", 0x8400_0005, [0, 0, 0], NOT_SUPPORTED),
        ("SYSTEM_RESET2", 0x8400_0012, [0, 0, 0], NOT_SUPPORTED),
    ];
    let mut wrong = 0;
    for &(what, function, arguments, wanted) in calls {
        for by_smc in [false, true] {
            let answer = arch::call_with(function, arguments, by_smc) as i32;
            if answer != wanted {
                println!("guest: {what} gives {answer}, not {wanted}");
                wrong += 1;
            }
        }
    }
    // The answer to a wide function that nobody defined has 64 bits (DEN0028, §5.2).
    let unknown = arch::call_with(0xC600_1234, [0; 3], false);
    let well = wrong == 0 && unknown == u64::MAX;
    case!(
        "psci",
        well,
        "{wrong} answers, an unknown call gives {unknown:#x}"
    );
    // SYSTEM_RESET ends it.
    arch::call_with(0x8400_0009, [0; 3], false);
    println!("CASE psci: FAILED the guest runs on");
}
