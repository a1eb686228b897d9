//! What no later line of the log could mend.

use super::*;

/// The cases.
pub const CASES: &[Case] = &[
    case(
        "more_faults_than_are_allowed",
        STORY,
        &[
            Boot, HELLO, HV_START, HV_LOAD, HV_ENTER, LOG_FAULT, LOG_STORE, Hang,
        ],
        &[
            (KIND, "witness-disagrees"),
            (BECAUSE, "npf: the scenario wants 1, QEMU logged 2"),
            ("/witness/npf", "2"),
        ],
    ),
    case(
        "log_without_end",
        STORY_OF_ANY_FAULTS,
        &[
            Boot,
            HV_START,
            HV_LOAD,
            HV_ENTER,
            LogFlood(
                "riscv_trap hart:0, async:0, cause:10, epc:0x802000c0, tval:0x0, desc=hypervisor_ecall",
            ),
        ],
        &[
            (KIND, "exit-flood"),
            ("/text", "more than 256 MiB of traps"),
            ("/fault", "guest-or-hypervisor"),
        ],
    ),
    // A pipe holds 64 KiB; then QEMU waits for its reader, and answers nothing.
    pass(
        "logs_much_before_it_answers",
        STORY,
        &[
            Greet(10),
            Obey("qmp_capabilities"),
            TCG,
            Await("cont"),
            Logs(
                10_000,
                "riscv_trap hart:0, async:1, cause:5, epc:0x0, tval:0x0, desc=s_timer",
            ),
            Qmp("{\"return\": {}}\n"),
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
        &[(KIND, "pass")],
    ),
    Case {
        timeout: SHORT,
        exit: 3,
        ..case(
            "logs_much_while_its_registers_are_asked_for",
            STORY,
            &[
                Boot,
                Await("stop"),
                Logs(
                    10_000,
                    "riscv_trap hart:0, async:1, cause:5, epc:0x0, tval:0x0, desc=s_timer",
                ),
                Qmp("{\"return\": {}}\n"),
                Answer(
                    "info registers -a",
                    "\r\nCPU#0\r\n V      =   1\r\n pc       ffffffc080200abc\r\n",
                ),
                Hang,
            ],
            &[
                (KIND, "timeout"),
                ("/stopped_at/0/pc", "0xffffffc080200abc"),
            ],
        )
    },
    // It ends by itself once it is rid of what it has to log.
    pass(
        "logs_much_while_it_is_being_ended",
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
            Logs(
                10_000,
                "riscv_trap hart:0, async:1, cause:5, epc:0x0, tval:0x0, desc=s_timer",
            ),
            LOG_FAULT,
            LOG_CALL,
        ],
        &[(KIND, "pass")],
    ),
];
