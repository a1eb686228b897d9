//! Machines that fall silent.

use super::*;

/// The cases.
pub const CASES: &[Case] = &[
    case(
        "silence_from_the_start",
        &[Boot, Hang],
        SHORT,
        3,
        &[
            (KIND, "timeout"),
            ("/verdict/clock", "run"),
            ("/verdict/step", "one"),
            ("/fault", "hypervisor"),
        ],
    ),
    case(
        "silence_half_way",
        &[Boot, ONE, Hang],
        SHORT,
        3,
        &[
            (KIND, "timeout"),
            ("/verdict/step", "two"),
            ("/fault", "guest"),
            ("/steps/0/step", "one"),
        ],
    ),
    case(
        "silence_after_the_last_step",
        &[Boot, ONE, TWO, THREE, Hang],
        SHORT,
        3,
        &[(KIND, "timeout"), ("/verdict/step", "end of the machine")],
    ),
    case(
        "silence_without_a_line_end",
        &[Boot, Say("a prompt> "), Hang],
        SHORT,
        3,
        &[(KIND, "timeout"), ("/last_lines/0", "a prompt> ")],
    ),
    case(
        "silence_in_the_middle_of_a_line",
        &[Boot, ONE, Say("step two, wo"), Hang],
        SHORT,
        3,
        &[
            (KIND, "timeout"),
            ("/verdict/step", "two"),
            ("/last_lines/1", "step two, wo"),
        ],
    ),
    case(
        "silence_in_the_middle_of_a_forbidden_line",
        &[Boot, ONE, Say("not panicked at all"), Hang],
        SHORT,
        3,
        &[(KIND, "timeout"), ("/last_lines/1", "not panicked at all")],
    ),
    case(
        "hang_that_ignores_the_request_to_end",
        &[Boot, IgnoreTerm, ONE, Hang],
        SHORT,
        3,
        &[(KIND, "timeout"), ("/verdict/step", "two")],
    ),
    case(
        "serial_line_closed_and_hang",
        &[Boot, ONE, CloseSerial, Hang],
        SHORT,
        3,
        &[(KIND, "timeout"), ("/verdict/step", "two")],
    ),
    case(
        "chatter_is_no_progress",
        &[Boot, ONE, Say("a\nb\nc\n"), Hang],
        SHORT,
        3,
        &[
            (KIND, "timeout"),
            ("/verdict/step", "two"),
            ("/last_lines/3", "c"),
        ],
    ),
];
