//! Machines that make a clock run out, each in its own way, and what the report shows of them.

use crate::cases::{Act, Act::*, Case, KIND, LONG, ONE, SHORT, STORY, case};

/// Step two has a clock of its own.
const STEP_CLOCK: &str = r#"
guest  = "guest"
arches = ["riscv64"]
end    = "shutdown"

[hv]
lines = false

[[step]]
name    = "one"
pattern = '^step one$'

[[step]]
name    = "two"
pattern = '^step two'
within  = "200ms"
"#;

/// The silence between any two steps has one.
const SILENCE_CLOCK: &str = r#"
guest   = "guest"
arches  = ["riscv64"]
end     = "shutdown"
silence = "250ms"

[hv]
lines = false

[[step]]
name    = "one"
pattern = '^step one$'

[[step]]
name    = "two"
pattern = '^step two'
"#;

/// Registers as QEMU tells them.
const REGISTERS: &str = "\r\nCPU#0\r\n V      =   1\r\n pc       ffffffc080200abc\r\n";

const fn clocked(
    name: &'static str,
    story: &'static str,
    script: &'static [Act],
    timeout: &'static str,
    verdict: &'static [(&'static str, &'static str)],
) -> Case {
    Case {
        story,
        ..case(name, script, timeout, 3, verdict)
    }
}

/// The cases.
pub const CASES: &[Case] = &[
    clocked(
        "run_clock_while_the_machine_chatters",
        STORY,
        &[Boot, ONE, Chatter],
        SHORT,
        &[
            (KIND, "timeout"),
            ("/verdict/clock", "run"),
            ("/verdict/after", "0.3"),
            ("/verdict/step", "two"),
            ("/text", "the whole run's clock ran out after 0.3 s"),
            ("/text", "while `two` was awaited"),
        ],
    ),
    clocked(
        "step_clock",
        STEP_CLOCK,
        &[Boot, ONE, Hang],
        LONG,
        &[
            (KIND, "timeout"),
            ("/verdict/clock", "step"),
            ("/verdict/after", "0.2"),
            ("/verdict/step", "two"),
            ("/text", "the step's clock ran out after 0.2 s"),
        ],
    ),
    clocked(
        "step_clock_while_the_machine_chatters",
        STEP_CLOCK,
        &[Boot, ONE, Chatter],
        LONG,
        &[(KIND, "timeout"), ("/verdict/clock", "step")],
    ),
    clocked(
        "step_clock_of_a_step_that_is_not_awaited_yet",
        STEP_CLOCK,
        &[Boot, Hang],
        SHORT,
        &[("/verdict/clock", "run"), ("/verdict/step", "one")],
    ),
    clocked(
        "silence_clock",
        SILENCE_CLOCK,
        &[Boot, ONE, Hang],
        LONG,
        &[
            (KIND, "timeout"),
            ("/verdict/clock", "silence"),
            ("/verdict/after", "0.25"),
            ("/verdict/step", "two"),
            ("/text", "the silence clock ran out after 0.25 s"),
        ],
    ),
    clocked(
        "silence_clock_while_the_machine_chatters",
        SILENCE_CLOCK,
        &[Boot, ONE, Chatter],
        LONG,
        &[(KIND, "timeout"), ("/verdict/clock", "silence")],
    ),
    clocked(
        "silence_clock_before_the_first_step",
        SILENCE_CLOCK,
        &[Boot, Chatter],
        LONG,
        &[("/verdict/clock", "silence"), ("/verdict/step", "one")],
    ),
    // ---- the registers of a machine that had to be stopped
    clocked(
        "registers_are_told",
        STORY,
        &[
            Boot,
            Obey("stop"),
            Answer("info registers -a", REGISTERS),
            Hang,
        ],
        SHORT,
        &[
            (KIND, "timeout"),
            ("/stopped_at/0/pc", "0xffffffc080200abc"),
            ("/stopped_at/0/world", "guest"),
        ],
    ),
    clocked(
        "registers_are_told_of_several_looks",
        STORY,
        &[
            Boot,
            Obey("stop"),
            Answer("info registers -a", "CPU#0\nRIP=10 \n"),
            Obey("cont"),
            Obey("stop"),
            Answer("info registers -a", REGISTERS),
            Obey("cont"),
            Obey("stop"),
            Answer("info registers -a", REGISTERS),
            Hang,
        ],
        SHORT,
        &[
            ("/stopped_at/0/pc", "0xffffffc080200abc"),
            ("/stopped_at/0/looks", "[2,3]"),
            ("/stopped_at/1/pc", "0x10"),
        ],
    ),
    clocked(
        "registers_are_told_by_a_machine_that_goes_on_printing",
        STORY,
        &[
            Boot,
            Await("stop"),
            Lines(100_000),
            Qmp("{\"return\": {}}\n"),
            Answer("info registers -a", REGISTERS),
            Hang,
        ],
        SHORT,
        &[("/stopped_at/0/pc", "0xffffffc080200abc")],
    ),
    clocked(
        "registers_are_refused",
        STORY,
        &[Boot, Refuse("stop"), Refuse("info registers -a"), Hang],
        SHORT,
        &[(KIND, "timeout"), ("/stopped_at", "[]")],
    ),
    clocked(
        "registers_are_nonsense",
        STORY,
        &[
            Boot,
            Obey("stop"),
            Answer("info registers -a", "CPU#0 none"),
            Hang,
        ],
        SHORT,
        &[(KIND, "timeout"), ("/stopped_at", "[]")],
    ),
];
