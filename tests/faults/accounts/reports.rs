//! Forged lines, and reports with the right nonce that are not right.

use super::*;

/// The cases.
pub const CASES: &[Case] = &[
    pass(
        "forged_lines_change_nothing",
        STORY,
        &[
            Boot,
            HELLO,
            FORGED_END,
            HV_START,
            HV_ENTER,
            FORGED_FAULT,
            LOG_FAULT,
            FAULT,
            HV_FAULT,
            LOG_CALL,
            FORGED_END,
            Say("@hv \n@hv 4 end\n"),
            HV_END,
            OK,
            FORGED_END,
            OFF,
        ],
        &[
            (KIND, "pass"),
            ("/forged/count", "6"),
            ("/notes", "were forged"),
        ],
    ),
    case(
        "report_that_is_all_forged",
        STORY,
        &[
            Boot,
            HELLO,
            LOG_FAULT,
            FAULT,
            FORGED_FAULT,
            LOG_CALL,
            FORGED_END,
            OK,
            OFF,
        ],
        &[
            (KIND, "broken-report"),
            (
                BECAUSE,
                "the end of 0 guests, not of 1 (and has 0 event lines)",
            ),
            ("/forged/count", "2"),
        ],
    ),
    case(
        "forged_end_of_a_killed_guest",
        STORY_OF_ANY_FAULTS,
        &[
            Boot, HV_START, HV_ENTER, FORGED_END, OK, LOG_STORE, HV_KILL, FORGED_END, OFF,
        ],
        &[
            (KIND, "wrong-end"),
            ("/verdict/expected", "outcome=shutdown"),
            ("/verdict/said", "outcome=killed"),
        ],
    ),
    case(
        "forged_end_does_not_heal_a_gap",
        STORY,
        &[
            Boot,
            HELLO,
            HV_START,
            HV_ENTER,
            LOG_FAULT,
            FAULT,
            FORGED_FAULT,
            LOG_CALL,
            HV_END,
            OK,
            OFF,
        ],
        &[(KIND, "broken-report"), (BECAUSE, "event 2 was due, not 3")],
    ),
    // ---- a report with the right nonce that is not right
    case(
        "report_that_repeats_itself",
        STORY,
        &[Boot, HELLO, HV_START, HV_ENTER, HV_ENTER, Hang],
        &[
            (KIND, "broken-report"),
            (BECAUSE, "event 2 was due, not 1"),
            ("/fault", "hypervisor"),
        ],
    ),
    case(
        "report_that_goes_on_after_its_end",
        STORY,
        &[
            Boot,
            HELLO,
            HV_START,
            HV_ENTER,
            FAULT,
            HV_FAULT,
            HV_END,
            Hv("4 exit kind=npf gpa=0x22001000 access=read"),
            Hang,
        ],
        &[
            (KIND, "broken-report"),
            (BECAUSE, "no place for `exit` here"),
        ],
    ),
    case(
        "report_that_does_not_add_up",
        STORY,
        &[
            Boot,
            HELLO,
            HV_START,
            HV_ENTER,
            FAULT,
            HV_FAULT,
            Hv("3 end outcome=shutdown exits=3 npf=2 hypercalls=1"),
            Hang,
        ],
        &[
            (KIND, "broken-report"),
            (BECAUSE, "1 page faults were reported, but 2 counted"),
        ],
    ),
    case(
        "report_without_an_end",
        STORY,
        &[
            Boot, HELLO, HV_START, HV_ENTER, LOG_FAULT, FAULT, HV_FAULT, LOG_CALL, OK, OFF,
        ],
        &[
            (KIND, "broken-report"),
            (
                BECAUSE,
                "the end of 0 guests, not of 1 (and has 3 event lines)",
            ),
        ],
    ),
    case(
        "report_of_another_mode",
        STORY,
        &[
            Boot,
            HELLO,
            Hv("0 start arch=riscv64 mode=u"),
            HV_ENTER,
            LOG_FAULT,
            FAULT,
            HV_FAULT,
            LOG_CALL,
            HV_END,
            OK,
            OFF,
        ],
        &[
            (KIND, "broken-report"),
            (
                BECAUSE,
                "`arch=riscv64 mode=u` instead of `arch=riscv64 mode=vs`",
            ),
        ],
    ),
];
