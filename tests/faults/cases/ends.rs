//! Machines that end too early.

use super::*;

/// The cases.
pub const CASES: &[Case] = &[
    case(
        "exit_before_any_step",
        &[Boot, Exit(0)],
        LONG,
        1,
        &[
            (KIND, "early-exit"),
            ("/verdict/status/status", "exit status: 0"),
            ("/fault", "guest-or-hypervisor"),
        ],
    ),
    case(
        "exit_0_without_the_end_being_reported",
        &[Boot, ONE, TWO, THREE, Exit(0)],
        LONG,
        1,
        &[
            (KIND, "early-exit"),
            ("/verdict/status/status", "exit status: 0"),
        ],
    ),
    case(
        "exit_with_an_error",
        &[Boot, ONE, Stderr("device failed"), Exit(1)],
        LONG,
        1,
        &[
            (KIND, "early-exit"),
            ("/verdict/status/status", "exit status: 1"),
        ],
    ),
    case(
        "killed_before_any_step",
        &[Boot, Kill("KILL")],
        LONG,
        4,
        &[
            (KIND, "infrastructure"),
            ("/verdict/what", "QEMU ended (signal: 9"),
            ("/verdict/what", "a signal that the harness did not send"),
            ("/verdict/hint", "when memory runs out"),
            ("/fault", "setup"),
        ],
    ),
    case(
        "crash_after_step_one",
        &[Boot, ONE, Kill("ILL")],
        LONG,
        1,
        &[
            (KIND, "early-exit"),
            ("/verdict/status/status", "signal: 4"),
            ("/steps/0/step", "one"),
        ],
    ),
    case(
        "crash_after_step_two",
        &[Boot, ONE, TWO, Abort],
        LONG,
        1,
        &[
            (KIND, "early-exit"),
            ("/verdict/status/status", "signal: 6"),
            ("/steps/1/step", "two"),
        ],
    ),
    case(
        "crash_after_the_last_step",
        &[Boot, ONE, TWO, THREE, Kill("ILL")],
        LONG,
        1,
        &[(KIND, "early-exit"), ("/steps/2/step", "three")],
    ),
    case(
        "killed_after_the_last_step",
        &[Boot, ONE, TWO, THREE, Kill("KILL")],
        LONG,
        4,
        &[(KIND, "infrastructure"), ("/steps/2/step", "three")],
    ),
    case(
        "killed_after_the_end_was_reported",
        &[Boot, ONE, TWO, THREE, OFF, Kill("KILL")],
        LONG,
        0,
        &[(KIND, "pass")],
    ),
    case(
        "asked_to_end_by_somebody_else",
        &[Boot, ONE, Kill("TERM")],
        LONG,
        4,
        &[(KIND, "infrastructure"), ("/verdict/what", "signal: 15")],
    ),
    case(
        "crash_in_the_middle_of_a_line",
        &[Boot, ONE, Say("step two, wo"), Abort],
        LONG,
        1,
        &[
            (KIND, "early-exit"),
            ("/verdict/status/status", "signal: 6"),
            ("/last_lines/1", "step two, wo"),
        ],
    ),
    case(
        "disk_is_full_for_qemu",
        &[
            Boot,
            ONE,
            Qmp(
                "{\"event\": \"BLOCK_IO_ERROR\", \"data\": {\"device\": \"disk0\", \"operation\": \
                 \"write\", \"action\": \"stop\", \"nospace\": true, \"reason\": \"No space left on \
                 device\"}}\n",
            ),
            Hang,
        ],
        LONG,
        4,
        &[
            (KIND, "infrastructure"),
            ("/verdict/what", "No space left on device"),
            ("/verdict/hint", "make room"),
            ("/fault", "setup"),
        ],
    ),
    case(
        "switched_off_before_any_step",
        &[Boot, OFF],
        LONG,
        1,
        &[
            (KIND, "missing-marker"),
            ("/verdict/next", "one"),
            ("/verdict/last", "null"),
        ],
    ),
    case(
        "switched_off_half_way",
        &[Boot, ONE, TWO, OFF],
        LONG,
        1,
        &[
            (KIND, "missing-marker"),
            ("/verdict/next", "three"),
            ("/verdict/last", "two"),
        ],
    ),
    case(
        "reset_instead_of_shutdown",
        &[Boot, ONE, TWO, THREE, Event("SHUTDOWN", "guest-reset")],
        LONG,
        1,
        &[(KIND, "early-exit"), ("/verdict/status/kind", "reset")],
    ),
    case(
        "reset_loop",
        &[
            Boot,
            ONE,
            Event("RESET", "guest-reset"),
            ONE,
            Event("RESET", "guest-reset"),
            Hang,
        ],
        LONG,
        1,
        &[("/exit_code", "1")],
    ),
    case(
        "reset_without_a_word",
        &[Boot, Event("RESET", "guest-reset"), Hang],
        LONG,
        1,
        &[(KIND, "early-exit"), ("/verdict/status/kind", "reset")],
    ),
    case(
        "guest_panicked",
        &[Boot, ONE, Event("GUEST_PANICKED", "none")],
        LONG,
        1,
        &[(KIND, "early-exit"), ("/verdict/status/kind", "panic")],
    ),
    case(
        "shut_down_by_the_host",
        &[Boot, ONE, TWO, THREE, Event("SHUTDOWN", "host-signal")],
        LONG,
        4,
        &[
            (KIND, "infrastructure"),
            ("/verdict/what", "host-signal"),
            ("/fault", "setup"),
        ],
    ),
];
