//! Feeds rubbish to every option of every command, and to every file that is read: the program must end
//! by itself, with one of its exit codes, and print something short that a terminal can show.
//!
//! The options come from clap, so none can be forgotten. The programs that a run needs are missing, so
//! nothing is built or booted: this tests everything before that.

#[path = "rubbish/bed.rs"]
mod bed;
#[path = "support/record.rs"]
mod record;

use bed::{Bed, contents};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::process::{Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// How long a command may take that has nothing to do.
const PATIENCE: Duration = Duration::from_secs(30);

/// How much it may say.
const MOST_SAID: usize = 64 << 10;

/// What is typed for an option.
fn values(bed: &Bed) -> Vec<OsString> {
    let mut values: Vec<OsString> = [
        "",
        "-",
        "--",
        "-1",
        "0",
        "1e999",
        "NaN",
        "18446744073709551616",
        "\n",
        "a\nPASS b",
        "{x}",
        "%d%s",
        "../../..",
        "gkernel",
        "no/such/file",
        "/dev/null",
        "/dev/full",
        "junit=-",
        "tap=/dev/full",
        "json=no/such/folder/file",
        "\x1b]0;title\x07\x1b[2J\x1b[35m",
        "\u{9b}35m\u{202e}\u{feff}",
    ]
    .map(OsString::from)
    .into();
    values.push(OsString::from_vec(b"\xff\xfe\x80".to_vec()));
    values.push("x".repeat(100_000).into());
    values.push("x/".repeat(50_000).into());
    for path in ["pipe", "reports", "run"] {
        values.push(bed.at(path).into());
    }
    values.extend(contents().into_iter().map(|(name, _)| bed.at(name).into()));
    values
}

/// Runs a command to its end, and says what is wrong with how it ended.
fn tried(bed: &Bed, args: &[OsString], env: Option<&OsStr>) -> Result<(), String> {
    let mut command = bed.command(args);
    if let Some(value) = env {
        command.env("HARNESS_ROOT", value);
    }
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let child = match child {
        Ok(child) => child,
        Err(error) => return Err(format!("cannot be started: {error}")),
    };
    let pid = rustix::process::Pid::from_child(&child);
    let (done, ended) = mpsc::channel();
    let waiting = std::thread::spawn(move || done.send(child.wait_with_output()));
    let output = ended.recv_timeout(PATIENCE);
    if output.is_err() {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
    let _ = waiting.join();
    match output {
        Ok(output) => ended_well(&output.map_err(|e| e.to_string())?),
        Err(_) => Err(format!("has not ended after {PATIENCE:?}")),
    }
}

fn ended_well(output: &Output) -> Result<(), String> {
    let Output {
        status,
        stdout,
        stderr,
    } = output;
    if !matches!(status.code(), Some(0..=4)) {
        let said = String::from_utf8_lossy(stderr);
        return Err(format!("ended with {status}: {said:.600}"));
    }
    if status.code() != Some(0) && stdout.is_empty() && stderr.is_empty() {
        return Err(format!("ended with {status} and said nothing"));
    }
    if stdout.len() + stderr.len() > MOST_SAID {
        return Err(format!("said {} bytes", stdout.len() + stderr.len()));
    }
    if String::from_utf8_lossy(stderr).contains("panicked at") {
        return Err("a thread of it panicked".into());
    }
    for stream in [stdout, stderr] {
        let text =
            std::str::from_utf8(stream).map_err(|e| format!("said what is not UTF-8: {e}"))?;
        if let Some(evil) = acted_on(text) {
            return Err(format!(
                "said {evil:?}, on which a terminal acts: {text:.600?}"
            ));
        }
    }
    Ok(())
}

/// What a terminal would act on, except for the few colours that the program's own messages have.
fn acted_on(text: &str) -> Option<String> {
    const OWN: [&str; 7] = ["0", "1", "4", "31", "32", "33", "36"];
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_control() && !"\n\t".contains(c)) {
        let from = &rest[at..];
        let end = from.strip_prefix("\x1b[").and_then(|from| from.find('m'));
        let own =
            end.is_some_and(|end| from[2..2 + end].split(';').all(|code| OWN.contains(&code)));
        match end.filter(|_| own) {
            Some(end) => rest = &from[2 + end + 1..],
            None => return Some(from.chars().take(12).collect()),
        }
    }
    text.contains(['\u{202e}', '\u{feff}'])
        .then(|| "a mark of direction or width".into())
}

/// Tries commands, two at a time; all that did not end well.
#[track_caller]
fn all_end_well(bed: &Bed, commands: &[(Vec<OsString>, Option<OsString>)]) {
    let halves: Vec<_> = commands.chunks(commands.len().div_ceil(2)).collect();
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let threads = halves.into_iter().map(|half| {
            scope.spawn(move || {
                let tried = half.iter().filter_map(|(args, env)| {
                    let wrong = tried(bed, args, env.as_deref()).err()?;
                    let line = format!("{env:?} {args:?}");
                    Some(format!("{line:.300}\n    {wrong}"))
                });
                tried.collect::<Vec<_>>()
            })
        });
        let threads: Vec<_> = threads.collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        commands.len(),
        wrong.join("\n")
    );
}

/// What a command needs besides the argument that is tried, so that it gets as far as it can.
fn usual(bed: &Bed, command: &str) -> Vec<(&'static str, OsString)> {
    let mut usual = vec![("root", bed.folder.clone().into())];
    if command == "new" {
        usual.push(("from", bed.at("console.log").into()));
    }
    if ["run", "watch", "build", "new"].contains(&command) {
        usual.push(("arch", "riscv64".into()));
    }
    if command == "judge" {
        usual.push(("arch", "riscv64".into()));
        usual.push(("log", bed.at("console.log").into()));
    }
    if command == "watch" {
        usual.push(("changes", "0".into()));
    }
    if ["run", "watch"].contains(&command) {
        usual.push(("hypervisor", bed.at("kernel.bin").into()));
        usual.push(("guest", bed.at("guest.bin").into()));
    }
    if command == "run" {
        usual.push(("records", bed.at("reports").into()));
    }
    usual
}

/// A command's arguments: the usual ones, but `value` for `tried`.
fn arguments(
    command: &clap::Command,
    usual: &[(&'static str, OsString)],
    tried: &clap::Arg,
    value: &OsStr,
) -> Vec<OsString> {
    let mut args: Vec<OsString> = vec![command.get_name().into()];
    let mut positional = Vec::new();
    let kept = usual.iter().filter(|(id, _)| tried.get_id() != *id);
    let kept = kept.map(|(id, value)| (*id, value.as_os_str()));
    for (id, value) in kept.chain([(tried.get_id().as_str(), value)]) {
        let arg = command.get_arguments().find(|arg| arg.get_id() == id);
        match arg
            .expect("the command has the arguments that it needs")
            .get_long()
        {
            Some(long) => {
                let mut option = OsString::from(format!("--{long}="));
                option.push(value);
                args.push(option);
            }
            None => positional.push(value.to_owned()),
        }
    }
    if !positional.is_empty() {
        args.push("--".into());
        args.extend(positional);
    }
    args
}

#[test]
fn every_option_of_every_command() {
    let bed = Bed::new();
    let mut description = harness::cli::description();
    description.build();
    let mut commands = Vec::new();
    let mut options = 0;
    for command in description.get_subcommands() {
        if command.get_name() == "help" {
            continue;
        }
        let usual = usual(&bed, command.get_name());
        for arg in command.get_arguments() {
            let by_itself = matches!(
                arg.get_action(),
                clap::ArgAction::Help
                    | clap::ArgAction::HelpShort
                    | clap::ArgAction::HelpLong
                    | clap::ArgAction::Version
            );
            if by_itself {
                continue;
            }
            options += 1;
            for value in values(&bed) {
                commands.push((arguments(command, &usual, arg, &value), None));
            }
        }
    }
    assert!(options > 25, "only {options} options were found");
    for value in values(&bed)
        .into_iter()
        .filter(|value| !value.as_bytes().contains(&0))
    {
        commands.push((vec!["list".into()], Some(value.clone())));
        commands.push((vec![value], None));
    }
    all_end_well(&bed, &commands);
    // `--records ../../..` among others: there, and nowhere that is not the test's.
    assert!(
        bed.left_above() > 0,
        "the records of a run are somewhere else"
    );
}

#[test]
fn every_file_that_is_read() {
    let run: Vec<OsString> = [
        "run",
        "--arch",
        "riscv64",
        "--timeout",
        "0.2",
        "--image",
        "kernel.bin",
        "--guest",
        "guest.bin",
    ]
    .map(OsString::from)
    .into();
    let judge = ["judge", "run"].map(OsString::from).to_vec();
    let list = ["list"].map(OsString::from).to_vec();
    let console = ["judge", "--arch", "riscv64", "console.log"]
        .map(OsString::from)
        .to_vec();
    let mutants = ["mutants", "--arch", "riscv64"]
        .map(OsString::from)
        .to_vec();
    let doctor = ["doctor"].map(OsString::from).to_vec();
    let build = ["build", "--arch", "riscv64"].map(OsString::from).to_vec();
    // A machine file of one's own.
    let own = ["run", "--machine", "own.toml", "--hypervisor", "kernel.bin"];
    let own = [&own[..], &["--guest", "guest.bin", "--timeout", "0.2"]].concat();
    let own: Vec<_> = own.into_iter().map(OsString::from).collect();
    let own_console = ["judge", "--machine", "own.toml", "console.log"]
        .map(OsString::from)
        .to_vec();
    let own_doctor = ["doctor", "--machine", "own.toml"]
        .map(OsString::from)
        .to_vec();
    let again = ["matrix", "--rerun-failed"].map(OsString::from).to_vec();
    let files: [(&str, &[&Vec<OsString>]); 13] = [
        (
            "configs/machines/riscv64.toml",
            &[&run, &console, &list, &doctor],
        ),
        (
            "tests/scenarios/gkernel.toml",
            &[&run, &console, &list, &mutants],
        ),
        ("tests/mutants/npf-outside.patch", &[&mutants]),
        ("configs/build.toml", &[&doctor, &build]),
        ("own.toml", &[&own, &own_console, &own_doctor]),
        ("kernel.bin", &[&run]),
        ("guest.bin", &[&run]),
        ("console.log", &[&console]),
        ("run/run.json", &[&judge]),
        ("run/story.json", &[&judge]),
        ("run/events.jsonl", &[&judge]),
        ("rust-toolchain.toml", &[&doctor]),
        (
            "target/harness/matrices/20260101T000000Z-1/matrix.json",
            &[&again],
        ),
    ];
    for (file, commands) in files {
        for (name, contents) in contents() {
            let bed = Bed::new();
            bed.write(file, &contents);
            for args in commands {
                let what = format!("{name} as {file}, {args:?}");
                if let Err(wrong) = tried(&bed, args, None) {
                    panic!("{what}: {wrong}");
                }
            }
        }
        // No file at all: a folder, a pipe that nobody writes to, a device, nothing.
        for other in ["folder", "pipe", "/dev/zero", "nothing"] {
            let bed = Bed::new();
            bed.write(file, b""); // it may have a folder of its own
            let _ = fs::remove_file(bed.at(file));
            match other {
                "folder" => fs::create_dir(bed.at(file)).unwrap(),
                "nothing" => {}
                _ => std::os::unix::fs::symlink(bed.at(other), bed.at(file)).unwrap(),
            }
            if file == "rust-toolchain.toml" && ["pipe", "/dev/zero"].contains(&other) {
                continue; // it is no input, but a part of the workspace, and an interrupt ends it
            }
            for args in commands {
                if let Err(wrong) = tried(&bed, args, None) {
                    panic!("{other} as {file}, {args:?}: {wrong}");
                }
            }
        }
    }
}
