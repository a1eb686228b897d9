//! The command line, as a user meets it.

mod support;

use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Stdio};
use support::{command, harness, root};

#[track_caller]
fn refused(args: &[&str], said: &[&str]) {
    let ran = harness(args);
    assert_eq!(ran.code, Some(2), "{ran:#?}");
    for text in said {
        assert!(
            ran.stderr.contains(text),
            "{text:?} is missing from {ran:#?}"
        );
    }
}

#[test]
fn an_unknown_architecture_is_refused_with_those_there_are() {
    refused(
        &["run", "--arch", "mips"],
        &["mips", "riscv64", "aarch64", "x86_64"],
    );
    refused(
        &["build", "--arch", "mips"],
        &["riscv64, aarch64, x86_64, all"],
    );
    refused(&["run"], &["--arch"]);
}

#[test]
fn an_unknown_scenario_is_refused_with_those_there_are() {
    refused(
        &["run", "--arch", "riscv64", "--scenario", "nonsense"],
        &["nonsense", "gkernel"],
    );
}

#[test]
fn impossible_times_and_missing_files_are_refused() {
    refused(
        &["run", "--arch", "riscv64", "--timeout", "0"],
        &["--timeout", "zero"],
    );
    refused(
        &["run", "--arch", "riscv64", "--timeout", "soon"],
        &["seconds (30, 0.5)"],
    );
    refused(
        &["run", "--arch", "riscv64", "--guest", "/no/such/guest"],
        &["/no/such/guest"],
    );
    refused(
        &["judge", "--arch", "riscv64", "/no/such/log"],
        &["/no/such/log"],
    );
}

#[test]
fn a_mistake_in_a_scenario_is_shown_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bad.toml");
    let good = fs::read_to_string(root().join("tests/scenarios/gkernel.toml")).unwrap();
    fs::write(&file, good.replacen("pattern", "patern", 1)).unwrap();
    let file = file.to_string_lossy();
    refused(
        &["run", "--arch", "riscv64", "--scenario", &file],
        &["bad.toml:", "key `patern`: unknown field", "| patern = "],
    );
    fs::write(&*file, "arches = ['riscv64']\nend = 'shutdown'\n").unwrap();
    refused(
        &["run", "--arch", "riscv64", "--scenario", &file],
        &["every run would pass"],
    );
    fs::write(&*file, "arches = [\n").unwrap();
    refused(
        &["run", "--arch", "riscv64", "--scenario", &file],
        &["bad.toml:"],
    );
}

#[test]
fn a_missing_or_wrong_machine_file_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let machines = folder.path().join("configs/machines");
    let root_arg = folder.path().to_string_lossy();
    let args = ["run", "--arch", "riscv64", "--root", &root_arg];
    refused(&args, &["has no folder configs/machines"]);
    fs::create_dir_all(&machines).unwrap();
    fs::create_dir(machines.join("riscv64.toml")).unwrap();
    refused(&args, &["riscv64.toml: cannot be read"]);
    fs::remove_dir(machines.join("riscv64.toml")).unwrap();
    let good = fs::read_to_string(root().join("configs/machines/riscv64.toml")).unwrap();
    let bad = good.replace("\"{kernel}\"", "\"{kernal}\"");
    fs::write(machines.join("riscv64.toml"), bad).unwrap();
    refused(
        &args,
        &["riscv64.toml:", "no placeholder {kernal}", "{kernel}"],
    );
    // A log that nobody would read is no log.
    let bad = good.replace("\"{trace_log}\"", "\"witness.log\"");
    fs::write(machines.join("riscv64.toml"), bad).unwrap();
    refused(
        &args,
        &[
            "riscv64.toml:",
            "key `args`: none of them names {trace_log}",
        ],
    );
}

#[test]
fn a_recorded_console_is_judged_with_an_exit_code_and_json() {
    let good = harness(&[
        "judge",
        "--arch",
        "riscv64",
        "fixtures/consoles/riscv64/good.log",
    ]);
    assert_eq!(good.code, Some(0), "{good:#?}");
    assert!(good.stdout.contains("PASS gkernel on riscv64"), "{good:#?}");
    let bad = "fixtures/consoles/riscv64/wrong-magic.log";
    let bad = harness(&["judge", "--arch", "riscv64", "--format", "json", bad]);
    assert_eq!(bad.code, Some(1));
    let report = bad.json();
    assert_eq!(report["verdict"]["kind"], "diverged");
    assert_eq!(report["exit_code"], 1);
    assert_eq!(report["awaited"]["step"], "word");
}

#[test]
fn a_failure_says_what_came_what_was_awaited_and_whom_to_look_at() {
    let log = "fixtures/consoles/x86_64/truncated-banner.log";
    insta::assert_snapshot!(
        "failure",
        harness(&["judge", "--arch", "x86_64", log]).stdout
    );
}

#[test]
fn the_list_names_everything() {
    let ran = harness(&["list"]);
    assert_eq!(ran.code, Some(0));
    for name in [
        "riscv64",
        "aarch64",
        "x86_64",
        "gkernel",
        "qemu-system-riscv64",
    ] {
        assert!(ran.stdout.contains(name), "{name} is missing from {ran:#?}");
    }
}

#[test]
fn the_doctor_finds_everything_here() {
    let ran = harness(&["doctor"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    for name in [
        "rustc",
        "target folder",
        "x86_64: firmware",
        "riscv64: QEMU",
    ] {
        assert!(ran.stdout.contains(name), "{name} is missing from {ran:#?}");
    }
    let report = harness(&["doctor", "--format", "json"]).json();
    let checks = report.as_array().unwrap();
    assert!(checks.iter().all(|check| check["ok"] == true), "{report}");
}

#[test]
fn the_doctor_says_what_is_missing_and_what_to_do() {
    let folder = workspace("qemu-system-nowhere", "");
    fs::write(folder.path().join("target"), "a file in the way").unwrap();
    fs::write(folder.path().join("configs/machines/aarch64.toml"), "").unwrap();
    let pin = "[toolchain]\nchannel = \"1.0.0\"\n";
    fs::write(folder.path().join("rust-toolchain.toml"), pin).unwrap();
    let root = folder.path().to_string_lossy();
    let mut doctor = command(&["doctor", "--root", &root]);
    // Whatever that workspace pins, the toolchain that built this test answers.
    doctor.env(
        "RUSTUP_TOOLCHAIN",
        option_env!("RUSTUP_TOOLCHAIN").unwrap_or_default(),
    );
    let ran: support::Ran = doctor.output().unwrap().into();
    assert_eq!(ran.code, Some(4), "{ran:#?}");
    for text in [
        "but 1.0.0 is pinned",
        "target cannot be written to",
        "qemu-system-nowhere is not installed",
        "aarch64.toml: lacks keys",
        "what to do: run ./x setup",
    ] {
        assert!(ran.stdout.contains(text), "{text:?} is missing: {ran:#?}");
    }
    let too_old = workspace("qemu-system-riscv64", "");
    let machine = too_old.path().join("configs/machines/riscv64.toml");
    let text = fs::read_to_string(&machine).unwrap();
    let oldest = text
        .lines()
        .find(|line| line.starts_with("oldest"))
        .unwrap();
    fs::write(&machine, text.replace(oldest, "oldest = \"99.1\"")).unwrap();
    let ran = harness(&["doctor", "--root", &too_old.path().to_string_lossy()]);
    let text = "but it must be 99.1 or later";
    assert!(ran.stdout.contains(text), "{ran:#?}");
}

/// A workspace whose machine is a given program with further arguments.
fn workspace(program: &str, more: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let machine = fs::read_to_string(root().join("configs/machines/riscv64.toml")).unwrap();
    let machine = machine.replace("\"qemu-system-riscv64\"", &format!("{program:?}"));
    let machine = machine.replace("machine = [", &format!("machine = [{more}"));
    // The kernel here is nothing, and the firmware all that speaks: listen to it.
    let machine = machine.replace("'^OpenSBI v'", "'^no firmware begins so$'");
    for (path, contents) in [
        ("configs/machines/riscv64.toml", machine.as_str()),
        (
            "tests/scenarios/gkernel.toml",
            include_str!("scenarios/gkernel.toml"),
        ),
        (
            "tests/scenarios/base/values.toml",
            include_str!("scenarios/base/values.toml"),
        ),
        ("kernel.bin", "\0\0\0\0"),
    ] {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }
    folder
}

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
    // A caller of these tests may ignore a signal, as `nohup` does, and that is inherited.
    let harness = run_in(folder, &[]);
    let mut child = std::process::Command::new("env")
        .arg("--default-signal")
        .arg(harness.get_program())
        .args(harness.get_args())
        .env_remove("HARNESS_ROOT")
        .current_dir(root())
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
