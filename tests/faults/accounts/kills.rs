//! Guests that are to be ended.

use super::*;

/// The cases.
pub const CASES: &[Case] = &[
    pass(
        "killed_as_expected",
        STORY_OF_A_KILL,
        &[
            Boot,
            HELLO,
            HV_START,
            HV_LOAD,
            HV_ENTER,
            LOG_STORE,
            ERROR,
            HV_HOST_OF_A_KILL,
            HV_KILL,
            OFF,
        ],
        &[(KIND, "pass"), ("/hypervisor_end/said/why", "undeclared")],
    ),
    pass(
        // The guest takes the step's line away; what counts is the report.
        "killed_after_saying_so_itself",
        STORY_OF_A_KILL,
        &[
            Boot,
            HELLO,
            HV_START,
            HV_LOAD,
            HV_ENTER,
            Say("Hypervisor error: says the guest\n"),
            LOG_STORE,
            ERROR,
            HV_HOST_OF_A_KILL,
            HV_KILL,
            OFF,
        ],
        &[(KIND, "pass")],
    ),
    case(
        "killed_elsewhere",
        STORY_OF_A_KILL,
        &[
            Boot,
            HELLO,
            HV_START,
            HV_LOAD,
            HV_ENTER,
            LOG_STORE,
            ERROR,
            HV_HOST_OF_A_KILL,
            Hv(
                "4 end outcome=killed kind=npf gpa=0x23001000 access=write why=undeclared exits=1 npf=1 hypercalls=0",
            ),
            OFF,
        ],
        &[
            (KIND, "wrong-end"),
            ("/verdict/expected", "gpa=0x23000000"),
            ("/verdict/said", "gpa=0x23001000"),
        ],
    ),
    case(
        "killed_only_in_words",
        STORY_OF_A_KILL,
        &[
            Boot,
            HELLO,
            HV_START,
            HV_LOAD,
            HV_ENTER,
            LOG_STORE,
            ERROR,
            LOG_CALL,
            HV_HOST_OF_A_KILL,
            Hv("4 end outcome=shutdown exits=1 npf=0 hypercalls=1"),
            OK,
            OFF,
        ],
        &[(KIND, "wrong-end"), ("/verdict/said", "outcome=shutdown")],
    ),
    case(
        "killed_for_nothing",
        STORY_OF_A_KILL,
        &[
            Boot,
            Log(""),
            HELLO,
            HV_START,
            HV_LOAD,
            HV_ENTER,
            ERROR,
            HV_HOST_OF_A_KILL,
            HV_KILL,
            OFF,
        ],
        &[
            (KIND, "witness-disagrees"),
            (BECAUSE, "npf: the hypervisor counted 1, QEMU logged 0"),
        ],
    ),
];
