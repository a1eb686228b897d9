//! Somebody sits at the console, in a terminal of the test's own: it is put back on every way out.

use crate::bed::Bed;
use crate::cases::{Act::*, Case, LONG, OFF, ONE, SHORT, THREE, TWO, case};
use crate::dispositions::with_signals;
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Termios, tcgetattr};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};

const PROMPT: &str = "~ # ";

/// The machines.
pub const CASES: &[Case] = &[
    case(
        "shell_hears_and_ends",
        &[
            Boot,
            ONE,
            Say(PROMPT),
            Hear("ls\r"),
            Say("\r\n"),
            TWO,
            THREE,
            OFF,
            Exit(0),
        ],
        // Typing takes longer than that: no clock may run.
        SHORT,
        0,
        &[],
    ),
    case(
        "shell_waits",
        &[Boot, ONE, Say(PROMPT), Hang],
        SHORT,
        4,
        &[],
    ),
    case(
        "shell_after_the_verdict",
        &[
            Boot,
            ONE,
            Say("panicked at x\n"),
            Say(PROMPT),
            Hear("bt\r"),
            Say("no stack\n"),
            Hang,
        ],
        LONG,
        1,
        &[],
    ),
    case(
        "shell_dies",
        &[Boot, ONE, Say(PROMPT), Hear("die\r"), Kill("KILL")],
        LONG,
        4,
        &[],
    ),
    case("shell_never_starts", &[Hang], LONG, 4, &[]),
    case(
        "shell_wild",
        &[
            Boot,
            ONE,
            Say("\x1b]0;evil\x07\x1b[2J"),
            Say(PROMPT),
            Hear("q"),
            Exit(0),
        ],
        LONG,
        1,
        &[],
    ),
];

/// The tests.
pub const TESTS: &[(&str, fn())] = &[
    ("what_is_typed_reaches_the_machine_and_no_clock_runs", hears),
    ("an_escape_ends_the_machine", || ends(leave, Some(4))),
    ("a_request_to_end_puts_the_terminal_back", || {
        ends(|shell| shell.signal(Signal::TERM), Some(130));
        ends(|shell| shell.signal(Signal::INT), Some(130));
        ends(|shell| shell.signal(Signal::HUP), Some(130));
    }),
    ("the_machine_goes_on_after_the_verdict", goes_on),
    ("a_qemu_that_dies_puts_the_terminal_back", dies),
    ("a_closed_input_lets_the_clocks_run", closed),
    ("more_than_the_machine_takes_lets_the_clocks_run", too_much),
    (
        "who_leaves_before_the_machine_starts_is_heard",
        never_starts,
    ),
    ("the_terminal_is_as_ever_while_something_is_built", builds),
    ("the_machine_cannot_act_on_the_terminal", wild),
    ("json_and_a_shell_exclude_each_other", json),
];

/// A harness in a terminal.
struct Shell {
    child: Child,
    /// The other end of its terminal.
    keys: File,
    /// Its own end, so that one can look at the terminal when the harness has gone.
    terminal: File,
    before: Termios,
    seen: String,
    _bed: Bed,
}

fn bed(name: &str) -> Bed {
    let case = CASES.iter().find(|case| case.name == name);
    Bed::new(case.expect("it is a case")).expect("the bed can be made")
}

fn open_terminal() -> (File, File) {
    let keys = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("there is a pty");
    grantpt(&keys).expect("it is ours");
    unlockpt(&keys).expect("it is ours");
    let name = ptsname(&keys, Vec::new()).expect("it has a name");
    let name = name.to_str().expect("plain").to_owned();
    let terminal = File::options().read(true).write(true).open(name);
    (File::from(keys), terminal.expect("it can be opened"))
}

/// Everything that says how a terminal treats what is typed.
fn modes(termios: &Termios) -> impl PartialEq + std::fmt::Debug {
    (
        termios.input_modes,
        termios.output_modes,
        termios.control_modes,
        termios.local_modes,
    )
}

impl Shell {
    /// Starts a case's machine, and waits for its prompt.
    fn start(name: &str) -> Self {
        let bed = bed(name);
        let command = bed.command();
        let mut shell = Self::open(bed, command);
        shell.await_text(PROMPT);
        let now = tcgetattr(&shell.terminal).expect("it is a terminal");
        let off = LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG;
        assert!(
            !now.local_modes.intersects(off),
            "every key goes to the machine"
        );
        shell
    }

    /// Starts a harness in a terminal.
    fn open(bed: Bed, mut command: Command) -> Self {
        let (keys, terminal) = open_terminal();
        let before = tcgetattr(&terminal).expect("it is a terminal");
        let end = || Stdio::from(terminal.try_clone().expect("descriptors are left"));
        command.arg("--shell").env("NO_COLOR", "1");
        command.stdin(end()).stdout(end()).stderr(end());
        let child =
            with_signals(&mut command, &[], &[Signal::INT, Signal::TERM, Signal::HUP]).spawn();
        Self {
            child: child.expect("the harness can be started"),
            keys,
            terminal,
            before,
            seen: String::new(),
            _bed: bed,
        }
    }

    /// Reads what the terminal shows, up to a text.
    fn await_text(&mut self, text: &str) {
        let mut piece = [0; 4096];
        while !self.seen.contains(text) {
            let length = self.keys.read(&mut piece).expect("the terminal is open");
            self.seen += &String::from_utf8_lossy(&piece[..length]);
        }
    }

    fn type_keys(&mut self, keys: &[u8]) {
        self.keys.write_all(keys).expect("the terminal is open");
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("the harness is there");
    }

    /// Waits for the harness's end; the terminal is as it was.
    #[track_caller]
    fn ended(mut self, code: Option<i32>) -> String {
        // What is printed has to be read meanwhile: a terminal holds some KiB.
        let mut keys = self.keys.try_clone().expect("descriptors are left");
        let reader = std::thread::spawn(move || {
            let mut rest = Vec::new();
            let mut piece = [0; 4096];
            while let Ok(length @ 1..) = keys.read(&mut piece) {
                rest.extend_from_slice(&piece[..length]);
            }
            rest
        });
        let status = self.child.wait().expect("it is ours");
        let after = tcgetattr(&self.terminal).expect("it is a terminal");
        assert_eq!(modes(&after), modes(&self.before), "after {status}");
        assert_eq!(status.code(), code, "{}", self.seen);
        drop(self.terminal); // the reader's end comes with the last of these
        let rest = reader.join().expect("it reads");
        self.seen + &String::from_utf8_lossy(&rest)
    }
}

fn hears() {
    let mut shell = Shell::start("shell_hears_and_ends");
    // Longer than the run might take, if its clock ran.
    std::thread::sleep(std::time::Duration::from_millis(600));
    shell.type_keys(b"ls\r");
    let seen = shell.ended(Some(0));
    assert!(seen.contains("PASS story"), "{seen}");
}

fn leave(shell: &mut Shell) {
    shell.type_keys(b"\x01");
    shell.type_keys(b"x");
}

#[track_caller]
fn ends(how: impl Fn(&mut Shell), code: Option<i32>) {
    let mut shell = Shell::start("shell_waits");
    how(&mut shell);
    shell.ended(code);
}

fn goes_on() {
    let mut shell = Shell::start("shell_after_the_verdict");
    shell.await_text("the verdict: ");
    shell.type_keys(b"bt\r");
    shell.await_text("no stack");
    leave(&mut shell);
    let seen = shell.ended(Some(1));
    assert!(seen.contains("FAIL story"), "{seen}");
}

fn dies() {
    let mut shell = Shell::start("shell_dies");
    shell.type_keys(b"die\r");
    shell.ended(Some(4));
}

fn wild() {
    let mut shell = Shell::start("shell_wild");
    shell.type_keys(b"q");
    let seen = shell.ended(Some(1));
    assert!(
        !seen.contains("evil") && !seen.contains("\x1b[2J"),
        "{seen:?}"
    );
}

/// Without a terminal what comes on standard input is typed, and its end is that of the typing.
fn closed() {
    let bed = bed("shell_waits");
    let run = bed.command().arg("--shell").stdin(Stdio::null()).output();
    let ran: crate::support::Ran = run.expect("the harness can be started").into();
    assert_eq!(ran.code, Some(3), "{ran:#?}");
    assert!(ran.stdout.contains(PROMPT), "{ran:#?}");
}

/// The machine reads nothing, and a serial line holds little.
fn too_much() {
    let bed = bed("shell_waits");
    let much = bed.at("much");
    fs::write(&much, vec![0; 4 << 20]).expect("the bed is ours");
    let much = File::open(much).expect("it is there");
    let run = bed.command().arg("--shell").stdin(much).output();
    let ran: crate::support::Ran = run.expect("the harness can be started").into();
    assert_eq!(ran.code, Some(3), "{ran:#?}");
    let note = "bytes that were typed were dropped";
    assert!(ran.stdout.contains(note), "{ran:#?}");
}

fn never_starts() {
    let bed = bed("shell_never_starts");
    let command = bed.command();
    let mut shell = Shell::open(bed, command);
    shell.await_text("the console is yours");
    leave(&mut shell);
    let seen = shell.ended(Some(4));
    let why = "ended the run before its machine had started";
    assert!(seen.contains(why), "{seen}");
}

/// Ctrl-C is a signal then, as it has to be.
fn builds() {
    let bed = bed("shell_waits");
    let (programs, begun) = (bed.at("programs"), bed.at("begun"));
    fs::create_dir(&programs).expect("the bed is ours");
    let rustc = programs.join("rustc");
    let script = format!("#!/bin/sh\n: >'{}'\nsleep 10\n", begun.display());
    fs::write(&rustc, script).expect("the bed is ours");
    fs::set_permissions(&rustc, PermissionsExt::from_mode(0o755)).expect("the bed is ours");
    let mut command = bed.command_that_builds();
    command.env("PATH", format!("{}:/usr/bin:/bin", programs.display()));
    let shell = Shell::open(bed, command);
    crate::survival::until("the build", || begun.exists());
    let now = tcgetattr(&shell.terminal).expect("it is a terminal");
    assert_eq!(modes(&now), modes(&shell.before), "a build has no console");
    shell.signal(Signal::INT);
    shell.ended(Some(130));
}

fn json() {
    let bed = Bed::new(&CASES[0]).expect("the bed can be made");
    let run = bed.command().args(["--shell", "--format", "json"]).output();
    let ran: crate::support::Ran = run.expect("the harness can be started").into();
    assert_eq!(ran.code, Some(2), "{ran:#?}");
    assert!(ran.stderr.contains("--shell"), "{ran:#?}");
}
