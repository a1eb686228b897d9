//! A QEMU that never gets going, which is the fault of the set-up, and one whose control connection fails
//! later.

use super::*;

/// The cases.
pub const CASES: &[Case] = &[
    case(
        "bad_argument",
        &[Stderr("qemu: -nonsense: invalid option"), Exit(1)],
        LONG,
        4,
        &[
            (KIND, "infrastructure"),
            ("/verdict/what", "invalid option"),
            ("/fault", "setup"),
        ],
    ),
    case(
        "no_room_for_its_overlay",
        &[
            Overlay,
            Stderr("Could not create temporary overlay './vl.V2THZ3': No space left on device"),
            Exit(1),
        ],
        LONG,
        4,
        &[
            (KIND, "infrastructure"),
            ("/verdict/what", "No space left"),
            ("/verdict/hint", "make room on the disk"),
        ],
    ),
    case(
        "exit_0_at_once",
        &[Exit(0)],
        LONG,
        4,
        &[
            (KIND, "infrastructure"),
            ("/verdict/what", "closed its control connection"),
        ],
    ),
    case(
        "killed_at_once",
        &[Kill("KILL")],
        LONG,
        4,
        &[(KIND, "infrastructure"), ("/verdict/what", "signal: 9")],
    ),
    case(
        "too_old",
        &[Greet(5), Hang],
        LONG,
        4,
        &[
            (KIND, "infrastructure"),
            ("/verdict/what", "version 5.0.0"),
            ("/verdict/hint", "7.2"),
        ],
    ),
    case(
        "qmp_garbage",
        &[Qmp("SSH-2.0-stranger\n"), Hang],
        LONG,
        4,
        &[
            (KIND, "infrastructure"),
            ("/verdict/what", "does not speak QMP"),
        ],
    ),
    case(
        "qmp_no_greeting",
        &[Qmp("{\"hello\": 1}\n"), Hang],
        LONG,
        4,
        &[(KIND, "infrastructure"), ("/verdict/what", "no greeting")],
    ),
    case(
        "qmp_closes_at_once",
        &[CloseQmp, Hang],
        LONG,
        4,
        &[
            (KIND, "infrastructure"),
            ("/verdict/what", "closed its control connection"),
        ],
    ),
    case(
        "qmp_refuses_to_start",
        &[
            Greet(10),
            Obey("qmp_capabilities"),
            TCG,
            Refuse("cont"),
            Hang,
        ],
        LONG,
        4,
        &[(KIND, "infrastructure"), ("/verdict/what", "not today")],
    ),
    case(
        "qmp_never_answers",
        &[Hang],
        SHORT,
        4,
        &[(KIND, "infrastructure"), ("/verdict/what", "said nothing")],
    ),
    // ---- a control connection that fails later
    case(
        "qmp_closes_in_the_run",
        &[Boot, ONE, TWO, THREE, CloseQmp, Hang],
        SHORT,
        3,
        &[(KIND, "timeout"), ("/verdict/step", "end of the machine")],
    ),
    case(
        "qmp_garbage_in_the_run",
        &[Boot, ONE, Qmp("garbage\n"), TWO, THREE, Exit(0)],
        LONG,
        1,
        &[(KIND, "early-exit")],
    ),
];
