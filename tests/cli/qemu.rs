//! The command line and the QEMU that it starts.

use crate::dispositions::with_signals;
use crate::support::{self, command};
use crate::workspace;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Stdio};

fn run_in(folder: &Path, more: &[&str]) -> std::process::Command {
    let kernel = folder.join("kernel.bin");
    let mut command = command(&["run", "--arch", "riscv64", "--root"]);
    command
        .arg(folder)
        .arg("--image")
        .arg(&kernel)
        .arg("--guest")
        .arg(&kernel)
        .args(more);
    command
}

#[test]
fn an_empty_image_is_refused_with_what_it_could_be() {
    let folder = workspace("qemu-system-riscv64", "");
    fs::write(folder.path().join("kernel.bin"), "").unwrap();
    let ran: support::Ran = run_in(folder.path(), &[]).output().unwrap().into();
    assert_eq!(ran.code, Some(2), "{ran:#?}");
    assert!(
        ran.stderr
            .contains("kernel.bin: it is empty; a kernel for riscv64 is"),
        "{ran:#?}"
    );
}

/// What QEMU makes for itself lies with the run's records, wherever temporary files usually go.
#[test]
fn a_temporary_folder_that_is_not_there_does_not_matter() {
    let folder = workspace("qemu-system-riscv64", "");
    let mut run = run_in(folder.path(), &["--timeout", "500ms"]);
    let ran: support::Ran = run
        .env("TMPDIR", "/no/such/folder")
        .output()
        .unwrap()
        .into();
    assert_eq!(ran.code, Some(3), "{ran:#?}");
}

/// A program that a machine file names by a path is found from that file, whatever folder the harness
/// is started in.
#[test]
fn a_qemu_may_be_named_by_a_path_from_the_machine_file() {
    let folder = workspace("../../tools/qemu", "");
    let tools = folder.path().join("tools");
    fs::create_dir(&tools).unwrap();
    let script = "#!/bin/sh\nexec qemu-system-riscv64 \"$@\"\n";
    fs::write(tools.join("qemu"), script).unwrap();
    fs::set_permissions(tools.join("qemu"), fs::Permissions::from_mode(0o755)).unwrap();
    let ran: support::Ran = run_in(folder.path(), &["--timeout", "500ms"])
        .output()
        .unwrap()
        .into();
    assert_eq!(ran.code, Some(3), "{ran:#?}");
}

#[test]
fn a_missing_qemu_is_infrastructure_with_what_to_do() {
    let folder = workspace("qemu-system-nowhere", "");
    let ran: support::Ran = run_in(folder.path(), &[]).output().unwrap().into();
    assert_eq!(ran.code, Some(4), "{ran:#?}");
    for text in ["qemu-system-nowhere is not installed", "./x setup"] {
        assert!(ran.stderr.contains(text), "{ran:#?}");
    }
}

#[test]
fn an_argument_that_qemu_refuses_is_infrastructure_and_qemu_is_quoted() {
    let folder = workspace("qemu-system-riscv64", "\"-nonsense\",");
    let ran: support::Ran = run_in(folder.path(), &[]).output().unwrap().into();
    assert_eq!(ran.code, Some(4), "{ran:#?}");
    assert!(
        ran.stderr
            .contains("| qemu-system-riscv64: -nonsense: invalid option"),
        "{ran:#?}"
    );
}

#[test]
fn a_guest_that_never_speaks_times_out_and_the_records_say_so() {
    let folder = workspace("qemu-system-riscv64", "");
    let ran: support::Ran = run_in(folder.path(), &["--timeout", "500ms", "--format", "json"])
        .output()
        .unwrap()
        .into();
    assert_eq!(ran.code, Some(3), "{ran:#?}");
    let report = ran.json();
    let run_dir = Path::new(report["run_dir"].as_str().unwrap());
    let verdict = fs::read_to_string(run_dir.join("verdict.json")).unwrap();
    assert_eq!(verdict.trim(), ran.stdout.trim());
    let command = fs::read_to_string(run_dir.join("command.txt")).unwrap();
    assert!(
        command.contains(" && TMPDIR=. qemu-system-riscv64 -serial mon:stdio "),
        "{command}"
    );
    let console = fs::read_to_string(run_dir.join("console.log")).unwrap();
    assert!(console.contains("OpenSBI"), "{console}");
}

/// A harness whose machine has printed something: it is up, and will stay so.
fn booted(folder: &Path) -> (Child, BufReader<std::process::ChildStdout>) {
    let mut harness = run_in(folder, &[]);
    let mut child = with_signals(&mut harness, &[], &[Signal::INT, Signal::TERM, Signal::HUP])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("OpenSBI") {
        line.clear();
        assert_ne!(lines.read_line(&mut line).unwrap(), 0, "the console ended");
    }
    (child, lines)
}

/// The QEMUs that run in a folder, or in one below it.
fn qemus(folder: &Path) -> Vec<String> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter_map(|process| {
            let command = fs::read(process.path().join("cmdline")).ok()?;
            let command = String::from_utf8_lossy(&command).replace('\0', " ");
            let runs_in = fs::read_link(process.path().join("cwd")).ok()?;
            (command.starts_with("qemu") && runs_in.starts_with(folder)).then_some(command)
        })
        .collect()
}

#[track_caller]
fn ends_with_its_qemu(signal: Signal, code: Option<i32>) {
    let folder = workspace("qemu-system-riscv64", "");
    let (mut child, mut stdout) = booted(folder.path());
    assert_eq!(qemus(folder.path()).len(), 1);
    kill_process(Pid::from_child(&child), signal).unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), code, "on {signal:?}");
    // QEMU dies with its parent, but not in the same instant; its end of the pipe is not ours, so
    // its going cannot be awaited otherwise than by looking.
    let until = std::time::Instant::now() + std::time::Duration::from_secs(2);
    while !qemus(folder.path()).is_empty() && std::time::Instant::now() < until {
        std::thread::yield_now();
    }
    assert_eq!(qemus(folder.path()), Vec::<String>::new(), "on {signal:?}");
    stdout.read_to_string(&mut String::new()).unwrap();
}

#[test]
fn an_interrupt_ends_qemu_and_exits_with_130() {
    ends_with_its_qemu(Signal::INT, Some(130));
    ends_with_its_qemu(Signal::TERM, Some(130));
    ends_with_its_qemu(Signal::HUP, Some(130));
}

#[test]
fn qemu_does_not_outlive_a_harness_that_is_killed() {
    ends_with_its_qemu(Signal::KILL, None);
}

#[test]
fn a_reader_that_goes_away_does_not_change_the_verdict() {
    let folder = workspace("qemu-system-riscv64", "");
    let mut child = run_in(folder.path(), &["--timeout", "1"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(3));
}
