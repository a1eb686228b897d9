//! A hypervisor that lies, or errs, about its exits.

use super::*;

/// The cases.
pub const CASES: &[Case] = &[
    case(
        "story_and_report_without_any_fault",
        STORY,
        &[
            Boot, HELLO, HV_START, HV_LOAD, HV_ENTER, FAULT, HV_FAULT, LOG_CALL, HV_HOST, HV_END,
            OK, OFF,
        ],
        &[
            (KIND, "witness-disagrees"),
            (BECAUSE, "npf: the scenario wants 1, QEMU logged 0"),
            (BECAUSE, "npf: the hypervisor counted 1, QEMU logged 0"),
            (
                BECAUSE,
                "npf: the console shows 0x22000000 (read), which is not among the 0",
            ),
            (
                BECAUSE,
                "look in witness.log for cause:20, cause:21, cause:23",
            ),
            ("/fault", "hypervisor"),
        ],
    ),
    case(
        "nothing_ran_at_all",
        STORY,
        &[
            Boot,
            Log(""),
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
        ],
        &[
            (KIND, "witness-disagrees"),
            (
                BECAUSE,
                "hypercall: the hypervisor counted 1, QEMU logged 0",
            ),
        ],
    ),
    case(
        "fault_at_another_address",
        STORY_OF_ANY_FAULTS,
        &[
            Boot,
            HV_START,
            HV_LOAD,
            HV_ENTER,
            Log("riscv_trap hart:0, async:0, cause:21, epc:0x0, tval:0x22000008, desc=x"),
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
                "npf 1: the hypervisor says 0x22000000 (read), QEMU logged the virtual address 0x22000008 (read)",
            ),
        ],
    ),
    case(
        "fault_of_another_access",
        STORY_OF_ANY_FAULTS,
        &[
            Boot,
            HV_START,
            HV_LOAD,
            HV_ENTER,
            Log("riscv_trap hart:0, async:0, cause:23, epc:0x0, tval:0x22000000, desc=x"),
            HV_FAULT,
            LOG_CALL,
            HV_HOST,
            HV_END,
            OK,
            OFF,
        ],
        &[(KIND, "witness-disagrees"), (BECAUSE, "0x22000000 (write)")],
    ),
    case(
        "fault_that_is_kept_quiet",
        STORY_OF_ANY_FAULTS,
        &[
            Boot, HV_START, HV_LOAD, HV_ENTER, LOG_STORE, LOG_FAULT, HV_FAULT, LOG_CALL, HV_HOST,
            HV_END, OK, OFF,
        ],
        &[
            (KIND, "witness-disagrees"),
            (BECAUSE, "counted 1, QEMU logged 2"),
        ],
    ),
    case(
        "hypercalls_that_are_kept_quiet",
        STORY,
        &[
            Boot, HELLO, HV_START, HV_LOAD, HV_ENTER, LOG_FAULT, FAULT, HV_FAULT, LOG_CALL,
            LOG_CALL, HV_HOST, HV_END, OK, OFF,
        ],
        &[
            (KIND, "witness-disagrees"),
            (
                BECAUSE,
                "hypercall: the hypervisor counted 1, QEMU logged 2",
            ),
        ],
    ),
    case(
        "end_that_the_guest_did_not_ask_for",
        STORY,
        &[
            Boot, HELLO, HV_START, HV_LOAD, HV_ENTER, LOG_CALL, LOG_FAULT, FAULT, HV_FAULT,
            HV_HOST, HV_END, OK, OFF,
        ],
        &[
            (KIND, "witness-disagrees"),
            (
                BECAUSE,
                "a hypercall ended the guest, but the last exit that QEMU logged is npf",
            ),
        ],
    ),
    case(
        "no_log_at_all",
        STORY,
        &[
            Boot, HELLO, HV_START, HV_LOAD, HV_ENTER, FAULT, HV_FAULT, HV_HOST, HV_END, OK, OFF,
        ],
        &[
            (KIND, "witness-disagrees"),
            (BECAUSE, "npf: the scenario wants 1, QEMU logged 0"),
        ],
    ),
];
