//! Whose trap it was, lines that the guest has not printed, and what comes behind the end.

use super::*;

/// The cases.
pub const CASES: &[Case] = &[
    // Whose trap it was.
    case(
        "fault_that_the_hypervisor_made_itself",
        STORY,
        &[
            Boot,
            HELLO,
            HV_START,
            HV_LOAD,
            HV_ENTER,
            Log(
                "riscv_trap hart:0, async:0, cause:21, epc:0xffffffc080200010, tval:0x22000000, desc=x",
            ),
            FAULT,
            HV_FAULT,
            LOG_CALL,
            HV_HOST,
            HV_END,
            OK,
            OFF,
        ],
        &[
            (KIND, "witness-disagrees"),
            (
                BECAUSE,
                "npf: QEMU logged an exit at pc 0xffffffc080200010: that is the hypervisor's own code",
            ),
            ("/fault", "hypervisor"),
        ],
    ),
    case(
        "call_from_where_the_guest_has_no_code",
        STORY_OF_FACTS,
        &[
            Boot,
            LOADED,
            Log("riscv_trap hart:0, async:0, cause:10, epc:0x90000000, tval:0x0, desc=x"),
            Hang,
        ],
        &[
            (KIND, "witness-disagrees"),
            (
                BECAUSE,
                "hypercall: QEMU logged an exit at pc 0x90000000: that is no code of the guest's",
            ),
        ],
    ),
    // Lines of the guest's that it has not printed.
    case(
        "story_that_the_hypervisor_told",
        STORY_OF_FACTS,
        &[
            Boot, LOADED, HV_START, HV_LOAD, HV_ENTER, LINES, LOG_FAULT, HV_FAULT, LOG_CALL,
            HV_HOST, HV_END, OK, OFF,
        ],
        &[
            (KIND, "witness-disagrees"),
            (
                BECAUSE,
                "the guest's 3 lines and 1 shutdowns take 4 calls at least, QEMU logged 1",
            ),
        ],
    ),
    // Behind the end.
    case(
        "failure_behind_the_last_line",
        STORY_OF_FACTS,
        &[
            Boot,
            LOADED,
            LINES,
            OK,
            OFF,
            Say("fatal: assertion failed\n"),
        ],
        &[
            (KIND, "forbidden-output"),
            ("/verdict/line", "fatal: assertion failed"),
        ],
    ),
    case(
        "failure_in_half_a_line_behind_the_last_one",
        STORY_OF_FACTS,
        &[Boot, LOADED, LINES, OK, Say("fatal: assert"), OFF],
        &[
            (KIND, "forbidden-output"),
            ("/verdict/line", "fatal: assert"),
        ],
    ),
];
