//! What the harness itself must survive: interrupts at any moment, a full disk, readers that go away, a
//! folder that it may not write to, another harness. Nothing may be left behind.

use crate::bed::{Bed, gone};
use crate::cases::{Act::*, Case, LONG, OFF, ONE, THREE, TWO, case};
use crate::dispositions::with_signals;
use crate::signals;
use crate::support::Ran;
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, setrlimit};
use rustix::thread::CapabilitySet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

/// The machines.
pub const CASES: &[Case] = &[
    case("survival_mute", &[Hang], LONG, 130, &[]),
    case("survival_half_way", &[Boot, ONE, Hang], LONG, 130, &[]),
    case(
        "survival_will_not_end",
        &[Boot, IgnoreTerm, ONE, Say("panicked at x.rs\n"), Hang],
        LONG,
        130,
        &[],
    ),
    case("survival_unasked", &[Hang], "1s", 4, &[]),
    case("survival_good", &[Boot, ONE, TWO, THREE, OFF], LONG, 0, &[]),
    case(
        "survival_prints_much",
        &[Boot, Lines(900_000), ONE, TWO, THREE, OFF],
        LONG,
        0,
        &[],
    ),
];

/// The tests.
pub const TESTS: &[(&str, fn())] = &[
    (
        "interrupted_before_qemu_answers",
        interrupted_before_qemu_answers,
    ),
    (
        "interrupted_half_way_with_its_records_written",
        interrupted_half_way,
    ),
    (
        "interrupted_while_qemu_is_being_ended",
        interrupted_while_ending,
    ),
    ("interrupted_while_cargo_builds", interrupted_while_building),
    ("killed_half_way_with_its_records_written", killed_half_way),
    ("two_runs_at_once", two_runs_at_once),
    ("a_disk_that_is_full_from_the_start", full_from_the_start),
    ("a_disk_that_fills_up", fills_up),
    ("stdout_that_nobody_reads", stdout_that_nobody_reads),
    (
        "stdout_that_stands_still_holds_up_nothing",
        stdout_that_stands_still,
    ),
    ("stderr_that_nobody_reads", stderr_that_nobody_reads),
    ("a_tree_that_must_not_be_written_to", read_only_tree),
    ("a_qemu_that_hangs_when_it_is_asked", hangs_when_asked),
];

pub fn bed(name: &str) -> Bed {
    let mut cases = CASES.iter().chain(signals::CASES);
    let found = cases.find(|case| case.name == name);
    Bed::new(found.expect("a machine of these files")).expect("the bed can be made")
}

/// Waits for what another process brings about; nothing tells when.
#[track_caller]
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let limit = Instant::now() + Duration::from_secs(10);
    while !is_so() {
        assert!(Instant::now() < limit, "{what} did not happen");
        std::thread::yield_now();
    }
}

pub fn start(command: &mut Command) -> Child {
    // Whoever runs the tests may ignore these.
    with_signals(command, &[], &[Signal::INT, Signal::TERM, Signal::HUP]);
    start_as_it_is(command)
}

pub fn start_as_it_is(command: &mut Command) -> Child {
    let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the harness can be started")
}

/// The bed's QEMU is replaced by one that never ends, whatever it is asked.
fn hangs_when_asked() {
    let bed = bed("survival_unasked");
    let qemu = bed.at("qemu");
    let script = "#!/bin/sh\nsleep 60 &\n: >\"$(dirname \"$0\")/pids/$!\"\nwait\n";
    fs::write(&qemu, script).expect("the bed is ours");
    let executable = fs::Permissions::from_mode(0o755);
    fs::set_permissions(&qemu, executable).expect("the bed is ours");
    let file = bed.at("configs/machines/riscv64.toml");
    let machine = fs::read_to_string(&file).expect("the bed is ours");
    let program = machine
        .lines()
        .find(|line| line.starts_with("program"))
        .expect("it has one");
    let changed = machine.replace(program, "program = '../../qemu'");
    let changed = changed.replace("machine = [", "machine = ['{firmware}', ");
    let changed = format!("{changed}[firmware]\ncandidates = ['x.rom']\n");
    fs::write(&file, changed).expect("the bed is ours");
    let ran: Ran = bed
        .command()
        .output()
        .expect("the harness can be started")
        .into();
    assert_eq!(ran.code, Some(4), "{ran:#?}");
    assert!(
        ran.stderr.contains("qemu -L help did not end within 1 s"),
        "{ran:#?}"
    );
    nothing_is_left(&bed);
}

/// Ends a harness with a signal; its exit code.
fn signal(child: &mut Child, signal: Signal) -> Option<i32> {
    kill_process(Pid::from_child(child), signal).expect("it is still there");
    child.wait().expect("it is ours").code()
}

#[track_caller]
pub fn nothing_is_left(bed: &Bed) {
    assert_eq!(bed.left_overs(), Vec::<String>::new());
}

pub fn recorded(bed: &Bed, text: &str) -> bool {
    let records = |run: &Path| fs::read_to_string(run.join("events.jsonl")).unwrap_or_default();
    bed.runs().iter().any(|run| records(run).contains(text))
}

fn interrupted_before_qemu_answers() {
    let bed = bed("survival_mute");
    let mut harness = start(&mut bed.command());
    until("QEMU's start", || !bed.pids().is_empty());
    assert_eq!(signal(&mut harness, Signal::INT), Some(130));
    nothing_is_left(&bed);
}

fn interrupted_half_way() {
    let bed = bed("survival_half_way");
    let mut harness = start(&mut bed.command());
    until("the record of a step", || recorded(&bed, "step one"));
    assert_eq!(signal(&mut harness, Signal::INT), Some(130));
    assert!(
        !bed.runs()[0].join("verdict.json").exists(),
        "there is none"
    );
    nothing_is_left(&bed);
}

fn interrupted_while_ending() {
    let bed = bed("survival_will_not_end");
    let mut harness = start(&mut bed.command());
    let mut lines = BufReader::new(harness.stdout.take().expect("piped")).lines();
    let told = |line: std::io::Result<String>| line.expect("text").contains("panicked at");
    assert!(lines.any(told));
    assert_eq!(signal(&mut harness, Signal::INT), Some(130));
    nothing_is_left(&bed);
}

/// Stands for the toolchain: cargo never ends, and has started a compiler.
fn toolchain_that_hangs(bed: &Bed) -> String {
    toolchain(bed, "sleep 60 & : >pids/$!; : >pids/$$; wait")
}

/// Stands for the toolchain, with this script for cargo; the PATH on which it is.
pub fn toolchain(bed: &Bed, cargo: &str) -> String {
    let script = |name: &str, text: &str| {
        let path = bed.at("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("the bed is ours");
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(&path, executable).expect("the bed is ours");
    };
    fs::create_dir_all(bed.at("bin")).expect("the bed is ours");
    fs::create_dir_all(bed.at("sysroot/lib/rustlib/none/lib")).expect("the bed is ours");
    script("rustc", "echo \"$PWD/sysroot\"");
    script("cargo", cargo);
    let path = std::env::var("PATH").expect("there is a PATH");
    format!("{}:{path}", bed.at("bin").display())
}

fn interrupted_while_building() {
    let bed = bed("survival_good");
    let path = toolchain_that_hangs(&bed);
    let mut command = bed.command_that_builds();
    command.env("PATH", path);
    fs::write(bed.at("none"), "").expect("the platform file");
    let mut harness = start(&mut command);
    until("the build", || bed.pids().len() == 2);
    assert_eq!(signal(&mut harness, Signal::TERM), Some(130));
    nothing_is_left(&bed);
}

fn killed_half_way() {
    let bed = bed("survival_half_way");
    let mut harness = start(&mut bed.command());
    until("the record of a step", || recorded(&bed, "step one"));
    assert_eq!(signal(&mut harness, Signal::KILL), None);
    assert!(bed.pids().iter().all(|pid| gone(pid)), "QEMU goes too");
    let console = fs::read_to_string(bed.runs()[0].join("console.raw")).expect("it was kept");
    assert_eq!(console, "step one\r\n");
}

fn two_runs_at_once() {
    let bed = bed("survival_good");
    let both = [start(&mut bed.command()), start(&mut bed.command())];
    for harness in both {
        let ran: Ran = harness.wait_with_output().expect("it is ours").into();
        assert_eq!(ran.code, Some(0), "{ran:#?}");
    }
    let runs = bed.runs();
    assert_eq!(runs.len(), 2);
    for run in runs {
        let console = fs::read_to_string(run.join("console.log")).expect("it was kept");
        assert_eq!(console, "step one\nstep two, word 0x42\nstep three\n");
        assert!(run.join("verdict.json").is_file());
    }
    nothing_is_left(&bed);
}

/// Files in the process that is started may not become larger than so many bytes, which looks to a
/// program as a full disk does.
fn with_file_limit(command: &mut Command, bytes: u64) -> &mut Command {
    let limit = move || {
        let limit = Some(bytes);
        setrlimit(
            Resource::Fsize,
            Rlimit {
                current: limit,
                maximum: limit,
            },
        )?;
        Ok(())
    };
    // SAFETY: the closure makes a system call, and allocates nothing.
    unsafe { command.pre_exec(limit) }
}

fn full_from_the_start() {
    let bed = bed("survival_good");
    let run = with_file_limit(&mut bed.command(), 16).output();
    let ran: Ran = run.expect("the harness can be started").into();
    assert_eq!(ran.code, Some(4), "{ran:#?}");
    for text in ["cannot write", "the disk is not full"] {
        assert!(ran.stderr.contains(text), "{text:?} is missing: {ran:#?}");
    }
    nothing_is_left(&bed);
}

fn fills_up() {
    let bed = bed("survival_prints_much");
    // The disk image, which has holes, may be as large as it is; the events may not.
    let mut command = bed.command();
    let command = with_file_limit(&mut command, 34 << 20);
    let run = command.args(["--format", "json"]).output();
    let ran: Ran = run.expect("the harness can be started").into();
    assert_eq!(ran.code, Some(4), "nobody could judge it again: {ran:#?}");
    let report = ran.json();
    let what = report["verdict"]["what"].to_string();
    assert!(what.contains("is incomplete: File too large"), "{what}");
    let hint = report["verdict"]["hint"].to_string();
    assert!(hint.contains("make room on the disk"), "{hint}");
    assert_eq!(report["fault"], "setup");
    nothing_is_left(&bed);
}

fn stdout_that_nobody_reads() {
    let bed = bed("survival_prints_much");
    let mut harness = start(&mut bed.command());
    let mut lines = BufReader::new(harness.stdout.take().expect("piped"));
    lines.read_line(&mut String::new()).expect("a first line");
    drop(lines);
    assert_eq!(harness.wait().expect("it is ours").code(), Some(0));
    nothing_is_left(&bed);
}

/// As when a pager waits for its user.
fn stdout_that_stands_still() {
    let bed = bed("survival_prints_much");
    let mut harness = start(&mut bed.command());
    let verdict = || {
        bed.runs()
            .iter()
            .any(|run| run.join("verdict.json").is_file())
    };
    until("the verdict", verdict);
    assert!(recorded(&bed, "step three"));
    assert_eq!(signal(&mut harness, Signal::INT), Some(130));
    nothing_is_left(&bed);
}

fn stderr_that_nobody_reads() {
    let bed = bed("survival_good");
    let path = toolchain_that_hangs(&bed);
    let failing = "#!/bin/sh\nyes 'error: no' | head -n 100000 >&2; exit 1\n";
    fs::write(bed.at("bin/cargo"), failing).expect("the bed is ours");
    fs::write(bed.at("none"), "").expect("the platform file");
    let mut harness = start(bed.command_that_builds().env("PATH", path));
    drop::<Option<ChildStderr>>(harness.stderr.take());
    assert_eq!(harness.wait().expect("it is ours").code(), Some(4));
}

/// Root too may not write there, if it has lost the capability to do what modes forbid.
fn without_override(command: &mut Command) -> &mut Command {
    let drop_it = || {
        if rustix::process::geteuid().is_root() {
            rustix::thread::remove_capability_from_bounding_set(CapabilitySet::DAC_OVERRIDE)?;
        }
        Ok(())
    };
    // SAFETY: the closure makes two system calls, and allocates nothing.
    unsafe { command.pre_exec(drop_it) }
}

fn read_only_tree() {
    let bed = bed("survival_good");
    let mode = |mode| fs::set_permissions(bed.at("."), fs::Permissions::from_mode(mode));
    mode(0o555).expect("the bed is ours");
    let run = without_override(&mut bed.command()).output();
    let ran: Ran = run.expect("the harness can be started").into();
    assert_eq!(ran.code, Some(4), "{ran:#?}");
    for text in ["cannot make", "target/harness/runs", "--records"] {
        assert!(ran.stderr.contains(text), "{text:?} is missing: {ran:#?}");
    }
    let elsewhere = tempfile::tempdir().expect("a folder");
    let mut command = bed.command();
    command.arg("--report-dir").arg(elsewhere.path());
    let run = without_override(&mut command).output();
    let ran: Ran = run.expect("the harness can be started").into();
    // The machine's pids are noted in a folder that may still be written to.
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    mode(0o755).expect("the bed is ours");
    nothing_is_left(&bed);
}
