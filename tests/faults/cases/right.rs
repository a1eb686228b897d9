//! Machines that are right, in unusual ways.

use super::*;

/// The cases.
pub const CASES: &[Case] = &[
    case(
        "good",
        &[Boot, ONE, TWO, THREE, OFF],
        LONG,
        0,
        &[(KIND, "pass"), ("/fault", "nobody")],
    ),
    case(
        "marker_split_over_reads",
        &[
            Boot,
            EachByte("step one\nstep two, word 0x1\nstep three\n"),
            OFF,
        ],
        LONG,
        0,
        &[(KIND, "pass")],
    ),
    case(
        "last_line_without_an_end",
        &[Boot, ONE, TWO, Say("step three"), OFF],
        LONG,
        0,
        &[(KIND, "pass")],
    ),
    case(
        "end_reported_before_the_last_lines_are_read",
        &[Boot, OFF, ONE, TWO, THREE],
        LONG,
        0,
        &[(KIND, "pass")],
    ),
    Case {
        name: "results_that_are_all_ok",
        story: SWEPT,
        script: &[
            Boot,
            Say("CASE msrs: ok\r\nPASS: sieve (3 s)\r\nCASE ports: ok\r\n"),
            ONE,
            OFF,
        ],
        timeout: LONG,
        exit: 0,
        verdict: &[
            (KIND, "pass"),
            ("/results/0/name", "ports"),
            ("/results/1/outcome", "ok"),
            ("/results/2/line", "PASS: sieve (3 s)"),
        ],
    },
    Case {
        name: "panic_that_nothing_forbids",
        story: LENIENT,
        script: &[
            Boot,
            ONE,
            Say("[0.1] panicked at src/a.rs:1:2:\r\nno page\r\n"),
            OFF,
        ],
        timeout: LONG,
        exit: 0,
        verdict: &[
            (KIND, "pass"),
            ("/notes/0", "[0.1] panicked at src/a.rs:1:2: no page; if"),
            ("/notes/0", "add [[forbid]] pattern = 'panicked at'"),
        ],
    },
    Case {
        name: "panic_that_the_scenario_knows_of",
        story: KNOWING,
        script: &[Boot, Say("panicked at test\r\n"), ONE, OFF],
        timeout: LONG,
        exit: 0,
        verdict: &[(KIND, "pass"), ("/notes", "[]")],
    },
    case(
        "chatter_on_stderr",
        &[
            Boot,
            Stderr("TCG doesn't support requested feature"),
            ONE,
            TWO,
            THREE,
            OFF,
        ],
        LONG,
        0,
        &[(KIND, "pass")],
    ),
    case(
        "grandchild_holds_the_connections",
        &[Boot, Grandchild, ONE, TWO, THREE, OFF],
        LONG,
        0,
        &[(KIND, "pass")],
    ),
    case(
        "noise_between_the_steps",
        &[
            Boot,
            ONE,
            Bytes(b"\xff\x00\x1b]0;title\x07\r\r\n"),
            TWO,
            Bytes(b"\x1b[31mstep three\x1b[0m\n"),
            OFF,
        ],
        LONG,
        0,
        &[(KIND, "pass")],
    ),
    case(
        "ended_but_does_not_exit",
        &[Overlay, Boot, ONE, TWO, THREE, OFF, IgnoreTerm, Hang],
        LONG,
        0,
        &[(KIND, "pass")],
    ),
    case(
        // A socket holds some 200 KiB; then QEMU waits for its reader and answers nothing.
        "prints_much_before_it_answers",
        &[
            Greet(10),
            Obey("qmp_capabilities"),
            TCG,
            Await("cont"),
            ONE,
            Lines(100_000),
            Qmp("{\"return\": {}}\n"),
            TWO,
            THREE,
            OFF,
        ],
        LONG,
        0,
        &[(KIND, "pass")],
    ),
];
