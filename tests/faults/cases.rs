//! The table of faults.

use Act::*;

/// The story that a good machine tells.
pub const STORY: &str = r#"
guest  = "guest"
arches = ["riscv64"]
end    = "shutdown"

[hv]
lines = false # most of these machines are mute about themselves

[[step]]
name    = "one"
by      = "hypervisor"
pattern = '^step one$'
unique  = true

[[step]]
name    = "two"
by      = "guest"
pattern = '^step two, word (0x\d+)$'
near    = '^step two'
unique  = true

[[step]]
name    = "three"
by      = "hypervisor"
pattern = '^step three$'
unique  = true

[[forbid]]
pattern = 'panicked at'
"#;

/// A story that forbids nothing.
const LENIENT: &str = "\
end = 'shutdown'
[hv]
lines = false
[[step]]
name = 'one'
pattern = '^step one$'
";

/// A story that allows one panic.
const KNOWING: &str = "\
end = 'shutdown'
[hv]
lines = false
[[step]]
name = 'one'
pattern = '^step one$'
[[forbid]]
pattern = 'panicked at'
except = 'panicked at test'
";

/// Something that the fake QEMU does.
pub enum Act {
    /// Greet, and obey until the machine is set going.
    Boot,
    /// Greet, as a major version.
    Greet(u64),
    /// Await a command and say nothing.
    Await(&'static str),
    /// Await a command and confirm it.
    Obey(&'static str),
    /// Await a command and answer it with a text.
    Answer(&'static str, &'static str),
    /// Await a command and refuse it.
    Refuse(&'static str),
    /// Send bytes over QMP.
    Qmp(&'static str),
    /// Report an event of the guest with a reason.
    Event(&'static str, &'static str),
    /// Print on the serial line.
    Say(&'static str),
    /// Print bytes on the serial line.
    Bytes(&'static [u8]),
    /// Print an event line of the hypervisor's, with the run's nonce.
    Hv(&'static str),
    /// Log a line, as QEMU logs the exits of its guest.
    Log(&'static str),
    /// Log a line so many times.
    Logs(usize, &'static str),
    /// Log a line again and again.
    LogFlood(&'static str),
    /// Print on the serial line, a write for each byte.
    EachByte(&'static str),
    /// Print a line on stderr.
    Stderr(&'static str),
    /// Close the serial line.
    CloseSerial,
    /// Close the control connection.
    CloseQmp,
    /// Exit with a status.
    Exit(u8),
    /// Die by SIGABRT.
    Abort,
    /// Die by a signal.
    Kill(&'static str),
    /// Ignore SIGTERM from here on.
    IgnoreTerm,
    /// Print a number of lines.
    Lines(usize),
    /// Print a line again and again.
    Flood(&'static str),
    /// Print a line every few milliseconds.
    Chatter,
    /// Leave a temporary file where QEMU has its own.
    Overlay,
    /// Await a file in the bed.
    AwaitFile(&'static str),
    /// Note the moment.
    Mark,
    /// Print without ever ending the line.
    EndlessLine,
    /// Leave a process behind that holds all connections open.
    Grandchild,
    /// Do nothing until killed.
    Hang,
}

/// A way of going wrong (or right), and what the harness has to make of it.
pub struct Case {
    /// Its name.
    pub name: &'static str,
    /// The scenario it is to tell.
    pub story: &'static str,
    /// What the machine does.
    pub script: &'static [Act],
    /// `--timeout`.
    pub timeout: &'static str,
    /// The harness's exit code.
    pub exit: i32,
    /// JSON pointers into the report, and what is found there.
    pub verdict: &'static [(&'static str, &'static str)],
}

/// The steps, and the end.
pub const ONE: Act = Say("step one\r\n");
pub const TWO: Act = Say("step two, word 0x42\r\n");
pub const THREE: Act = Say("step three\r\n");
pub const OFF: Act = Event("SHUTDOWN", "guest-shutdown");

/// Long enough never to run out in a case that has another verdict.
pub const LONG: &str = "20s";
/// Short, for the cases that are about running out.
pub const SHORT: &str = "300ms";

/// The kind of verdict.
pub const KIND: &str = "/verdict/kind";

/// A case with the usual story.
pub const fn case(
    name: &'static str,
    script: &'static [Act],
    timeout: &'static str,
    exit: i32,
    verdict: &'static [(&'static str, &'static str)],
) -> Case {
    Case {
        name,
        story: STORY,
        script,
        timeout,
        exit,
        verdict,
    }
}

/// Every case.
pub const CASES: &[Case] = &[
    // ---- machines that are right, in unusual ways
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
    // ---- silence
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
    // ---- a machine that ends too early
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
    // ---- a story that is wrong
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
    // ---- a QEMU that never gets going: the set-up's fault
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
        &[Greet(10), Obey("qmp_capabilities"), Refuse("cont"), Hang],
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
