//! Three accounts that agree.

use super::*;

/// The cases.
pub const CASES: &[Case] = &[
    pass(
        "accounts_agree",
        STORY,
        &[
            Boot,
            LOG_FIRMWARE,
            HELLO,
            HV_START,
            HV_LOAD,
            HV_ENTER,
            LOG_FAULT,
            FAULT,
            HV_FAULT,
            LOG_CALL,
            HV_HOST,
            HV_END,
            OK,
            OFF,
        ],
        &[
            (KIND, "pass"),
            ("/witness/npf", "1"),
            ("/hypervisor_end/hypercalls", "1"),
        ],
    ),
    pass(
        "log_is_complete_only_when_qemu_has_gone",
        STORY,
        &[
            Boot,
            HELLO,
            HV_START,
            HV_LOAD,
            HV_ENTER,
            FAULT,
            HV_FAULT,
            HV_HOST,
            HV_END,
            OK,
            OFF,
            LOG_FAULT,
            LOG_CALL,
            Exit(0),
        ],
        &[(KIND, "pass")],
    ),
    pass(
        "log_of_a_qemu_that_has_to_be_killed",
        STORY,
        &[
            Boot, HELLO, HV_START, HV_LOAD, HV_ENTER, FAULT, HV_FAULT, HV_HOST, HV_END, OK,
            LOG_FAULT, LOG_CALL, OFF, IgnoreTerm, Hang,
        ],
        &[(KIND, "pass")],
    ),
    pass(
        "log_with_lines_of_all_kinds",
        STORY,
        &[
            Boot,
            Log("\u{0}\u{1b}[2J"),
            HELLO,
            HV_START,
            HV_LOAD,
            HV_ENTER,
            LOG_FAULT,
            Log("riscv_trap hart:0, async:1, cause:10, epc:0x0, tval:0x0, desc=vs_external"),
            Log("riscv_trap hart:0, async:0, cause:twenty"),
            Log("riscv_trap "),
            FAULT,
            HV_FAULT,
            Log(
                "4711@1700000000.000001:riscv_trap hart:0, async:0, cause:10, epc:0x0, tval:0x0, desc=vs_ecall",
            ),
            HV_HOST,
            HV_END,
            OK,
            OFF,
        ],
        &[(KIND, "pass"), ("/witness/hypercall", "1")],
    ),
];
