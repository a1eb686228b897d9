//! What is due and missing, and what the harness knows and is told otherwise.

use super::*;

/// The cases.
pub const CASES: &[Case] = &[
    // What is due and missing.
    case(
        "report_without_the_state_of_the_host",
        STORY,
        &[
            Boot,
            HELLO,
            HV_START,
            HV_LOAD,
            HV_ENTER,
            LOG_FAULT,
            FAULT,
            HV_FAULT,
            LOG_CALL,
            Hv("4 end outcome=shutdown exits=2 npf=1 hypercalls=1"),
            OK,
            OFF,
        ],
        &[
            (KIND, "broken-report"),
            (
                BECAUSE,
                "the guest was entered, and there is no `host` between its `enter` and its `end`",
            ),
        ],
    ),
    case(
        "report_of_a_guest_that_was_never_loaded",
        STORY,
        &[
            Boot,
            HELLO,
            HV_START,
            Hv("1 enter pc=0x80200000"),
            Hv("2 host canary=intact pages=0 most=1"),
            Hv("3 end outcome=killed kind=idle exits=0 npf=0 hypercalls=0"),
            Hang,
        ],
        &[
            (KIND, "broken-report"),
            (BECAUSE, "there is no `load` before its `enter`"),
        ],
    ),
    // What the harness knows, and is told otherwise.
    pass(
        "facts_that_are_true",
        STORY_OF_FACTS,
        &[
            Boot,
            LOADED,
            HV_START,
            HV_LOAD,
            HV_ENTER,
            LINES,
            LOG_FAULT,
            HV_FAULT,
            LOG_CALL,
            LOG_CALL,
            LOG_CALL,
            LOG_CALL,
            HV_HOST,
            HV_END_OF_FACTS,
            OK,
            OFF,
        ],
        &[(KIND, "pass"), ("/witness/places/0/exits", "5")],
    ),
    case(
        "console_that_tells_of_another_size",
        STORY_OF_FACTS,
        &[Boot, Say("Loaded 1 bytes from /sbin/guest\n"), Hang],
        &[
            (KIND, "broken-report"),
            (BECAUSE, "1 bytes were loaded from /sbin/guest, which has 8"),
            ("/fault", "hypervisor"),
        ],
    ),
    case(
        "report_of_another_size",
        STORY_OF_FACTS,
        &[
            Boot,
            LOADED,
            HV_START,
            Hv("1 load path=/sbin/guest bytes=1 gpa=0x80200000"),
            Hang,
        ],
        &[
            (KIND, "broken-report"),
            (BECAUSE, "bytes=1, but the file's size is 8"),
        ],
    ),
    case(
        "report_of_another_file",
        STORY_OF_FACTS,
        &[
            Boot,
            LOADED,
            HV_START,
            Hv("1 load path=/sbin/other bytes=8 gpa=0x80200000"),
            Hang,
        ],
        &[
            (KIND, "broken-report"),
            (BECAUSE, "path=/sbin/other, and /sbin/guest was due"),
        ],
    ),
    case(
        "report_of_another_place",
        STORY_OF_FACTS,
        &[
            Boot,
            LOADED,
            HV_START,
            Hv("1 load path=/sbin/guest bytes=8 gpa=0xdead"),
            Hang,
        ],
        &[
            (KIND, "broken-report"),
            (
                BECAUSE,
                "gpa=0xdead, but the guest is declared at 0x80200000",
            ),
        ],
    ),
    case(
        "report_of_another_entry",
        STORY_OF_FACTS,
        &[Boot, LOADED, HV_START, HV_LOAD, Hv("2 enter pc=0x0"), Hang],
        &[
            (KIND, "broken-report"),
            (BECAUSE, "pc=0x0, but the guest begins at 0x80200000"),
        ],
    ),
    case(
        "fault_that_nothing_was_done_about",
        STORY_OF_FACTS,
        &[
            Boot,
            LOADED,
            HV_START,
            HV_LOAD,
            HV_ENTER,
            Hv("3 exit kind=npf gpa=0x22000000 access=read action=ignored window=pflash"),
            Hang,
        ],
        &[
            (KIND, "broken-report"),
            (
                BECAUSE,
                "`ignored` is no action by which a fault is resolved",
            ),
        ],
    ),
    case(
        "fault_in_a_window_that_is_not_declared",
        STORY_OF_FACTS,
        &[
            Boot,
            LOADED,
            HV_START,
            HV_LOAD,
            HV_ENTER,
            Hv("3 exit kind=npf gpa=0x22000000 access=read action=map window=nothing"),
            Hang,
        ],
        &[
            (KIND, "broken-report"),
            (BECAUSE, "window=nothing, and the scenario declares pflash"),
        ],
    ),
    case(
        "fault_outside_of_its_window",
        STORY_OF_FACTS,
        &[
            Boot,
            LOADED,
            HV_START,
            HV_LOAD,
            HV_ENTER,
            Hv("3 exit kind=npf gpa=0x24000000 access=read action=map window=pflash"),
            Hang,
        ],
        &[
            (KIND, "broken-report"),
            (BECAUSE, "declares at 0x22000000 to 0x24000000"),
        ],
    ),
];
