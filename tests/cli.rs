//! The command line, as a user meets it.

#[path = "support/dispositions.rs"]
mod dispositions;
#[path = "cli/qemu.rs"]
mod qemu;
mod support;

use std::fs;
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
    let scenarios = folder.path().join("tests/scenarios");
    fs::create_dir_all(&scenarios).unwrap();
    let scenario = "end = 'shutdown'\n[[step]]\nname = 'a'\npattern = 'x'\n";
    fs::write(scenarios.join("gkernel.toml"), scenario).unwrap();
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
        (
            "tests/scenarios/base/audit.toml",
            include_str!("scenarios/base/audit.toml"),
        ),
        ("kernel.bin", "\0\0\0\0"),
    ] {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }
    folder
}
