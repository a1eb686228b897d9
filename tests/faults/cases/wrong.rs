//! Stories that are wrong, and lines that are too many.

use super::*;

/// The cases.
pub const CASES: &[Case] = &[
    case(
        "steps_reordered",
        &[Boot, TWO, ONE, THREE, OFF],
        LONG,
        1,
        &[
            (KIND, "diverged"),
            ("/verdict/belongs_to", "two"),
            ("/verdict/awaited", "one"),
        ],
    ),
    case(
        "step_duplicated",
        &[Boot, ONE, ONE, TWO, THREE, OFF],
        LONG,
        1,
        &[
            (KIND, "diverged"),
            ("/verdict/belongs_to", "one"),
            ("/verdict/awaited", "two"),
        ],
    ),
    case(
        "marker_after_the_story",
        &[Boot, ONE, TWO, THREE, THREE, OFF],
        LONG,
        1,
        &[
            (KIND, "diverged"),
            ("/verdict/belongs_to", "three"),
            ("/verdict/awaited", "null"),
        ],
    ),
    case(
        "step_with_another_value",
        &[Boot, ONE, Say("step two, word none\n"), THREE, OFF],
        LONG,
        1,
        &[
            (KIND, "diverged"),
            ("/verdict/line", "step two, word none"),
            ("/fault", "guest"),
        ],
    ),
    case(
        "only_the_last_marker",
        &[Boot, THREE, OFF],
        LONG,
        1,
        &[(KIND, "diverged"), ("/verdict/awaited", "one")],
    ),
    case(
        "panic_ends_the_run_at_once",
        &[Boot, ONE, Say("panicked at x.rs\n"), Hang],
        LONG,
        1,
        &[
            (KIND, "forbidden-output"),
            ("/verdict/line", "panicked at x.rs"),
        ],
    ),
    case(
        "late_panic_after_success",
        &[Boot, ONE, TWO, THREE, Say("panicked at x.rs\n"), OFF],
        LONG,
        1,
        &[(KIND, "forbidden-output")],
    ),
    case(
        "panic_split_over_reads",
        &[Boot, EachByte("panicked at x.rs\n"), Hang],
        LONG,
        1,
        &[(KIND, "forbidden-output")],
    ),
    case(
        "guest_killed",
        &[Boot, ONE, Say("Hypervisor error: npf at 0x0\n"), Hang],
        LONG,
        1,
        &[
            (KIND, "guest-killed"),
            ("/verdict/exit", "npf at 0x0"),
            ("/fault", "guest"),
        ],
    ),
    case(
        "ok_after_an_error",
        &[Boot, ONE, TWO, Say("Hypervisor error: late\n"), THREE, OFF],
        LONG,
        1,
        &[(KIND, "guest-killed")],
    ),
    case(
        "painted_over_on_a_terminal",
        &[Boot, ONE, TWO, Say("no!\rstep three\r\n"), OFF],
        LONG,
        1,
        &[(KIND, "missing-marker"), ("/verdict/next", "three")],
    ),
    case(
        "story_on_stderr_only",
        &[
            Boot,
            Stderr("step one\nstep two, word 0x1\nstep three"),
            OFF,
        ],
        LONG,
        1,
        &[(KIND, "missing-marker"), ("/verdict/next", "one")],
    ),
    Case {
        name: "results_that_failed_or_did_not_come",
        story: SWEPT,
        script: &[
            Boot,
            Say("CASE ports: FAILED 2 are open: 0x70 0x71\r\nPASS: sieve\r\n"),
            ONE,
            OFF,
        ],
        timeout: LONG,
        exit: 1,
        verdict: &[
            (KIND, "results-wrong"),
            ("/verdict/of", "3"),
            (
                "/verdict/results/0/line",
                "CASE ports: FAILED 2 are open: 0x70 0x71",
            ),
            ("/verdict/results/1/name", "msrs"),
            ("/results/0/outcome", "failed"),
            ("/results/1/outcome", "missing"),
            ("/results/1/line", "null"),
            ("/results/2/outcome", "ok"),
            ("/fault", "guest-or-hypervisor"),
        ],
    },
    Case {
        name: "result_that_failed_before_a_hang",
        story: SWEPT,
        script: &[Boot, Say("CASE msrs: FAILED 0x1b\r\n"), Hang],
        timeout: SHORT,
        exit: 3,
        verdict: &[
            (KIND, "timeout"),
            ("/results/1/line", "CASE msrs: FAILED 0x1b"),
        ],
    },
    Case {
        name: "result_that_nobody_asked_for_failed",
        story: SWEPT,
        script: &[Boot, Say("CASE irqs: FAILED\r\n"), Hang],
        timeout: LONG,
        exit: 1,
        verdict: &[(KIND, "forbidden-output")],
    },
    // ---- too much
    case(
        "flood",
        &[Boot, ONE, Flood("noise noise noise"), Hang],
        LONG,
        1,
        &[(KIND, "forbidden-output"), ("/verdict/rule", "64 MiB")],
    ),
    case(
        "endless_line",
        &[Boot, ONE, EndlessLine, Hang],
        LONG,
        1,
        &[(KIND, "forbidden-output"), ("/verdict/rule", "64 MiB")],
    ),
];
