//! Which cases are run: what did not pass, and parts.

use super::{CARGO, Suite, lines, outcomes};
use crate::cases::STORY;
use crate::support::{self, Ran};
use crate::survival::toolchain;
use harness::matrix::folder;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

pub fn rerun_failed() {
    let suite = Suite::new(&[("a", "good"), ("b", "bad"), ("c", "broken")]);
    let ran = suite.run(&["--rerun-failed"]);
    assert_eq!(ran.code, Some(2), "{ran:#?}");
    assert!(
        ran.stderr.contains("there is no earlier matrix"),
        "{ran:#?}"
    );
    assert_eq!(suite.run(&[]).code, Some(1));
    let ran = suite.run(&["failed() | a", "--list"]);
    assert_eq!(ran.stdout, "a::good\nb::bad\nc::broken\n");
    suite.write("c", "good");
    // The name of that case has changed with its machine. Without it, all might pass.
    for again in ["--rerun-failed", "failed()"] {
        let ran = suite.run(&[again]);
        assert_eq!(ran.code, Some(2), "{ran:#?}");
        assert!(ran.stderr.contains("c::broken did not pass"), "{ran:#?}");
    }
    assert_eq!(suite.run(&[]).code, Some(1));
    let mended = fs::read_to_string(suite.0.at("configs/machines/good.toml"));
    fs::write(
        suite.0.at("configs/machines/bad.toml"),
        mended.expect("it is there"),
    )
    .expect("ours");
    let ran = suite.run(&["--rerun-failed"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    let ran = suite.run(&["--rerun-failed"]);
    assert_eq!(ran.code, Some(2), "nothing would be tested: {ran:#?}");
    assert!(
        ran.stderr.contains("there is nothing to run again"),
        "{ran:#?}"
    );
}

pub fn shards() {
    let scenarios: Vec<_> = ["a", "b", "c", "d", "e"]
        .iter()
        .map(|name| (*name, "good"))
        .collect();
    let suite = Suite::new(&scenarios);
    let part = |shard: &str| {
        let ran = suite.run(&["--shard", shard, "!c"]);
        assert_eq!(ran.code, Some(0), "{ran:#?}");
        let results = suite.results();
        let shown = results.shard.expect("it is noted").to_string();
        assert_eq!(shown, shard);
        let names = results.cases.iter().map(|case| case.scenario.clone());
        names.collect::<Vec<_>>()
    };
    let (first, second) = (part("1/2"), part("2/2"));
    assert_eq!((first.len(), second.len()), (2, 2));
    let all: BTreeSet<_> = first.into_iter().chain(second).collect();
    assert_eq!(all, lines(["a", "b", "d", "e"]));
    let ran = suite.run(&["--shard", "6/6"]);
    assert_eq!(ran.code, Some(2), "{ran:#?}");
    assert!(
        ran.stderr
            .contains("part 6/6 is empty, since there are 5 cases"),
        "{ran:#?}"
    );
}

/// A file of the suite, as an argument.
fn file(suite: &Suite, name: &str) -> String {
    suite.0.at(name).display().to_string()
}

/// Writes a scenario that has no name in the suite, and that wants a bad machine.
fn unnamed(suite: &Suite) -> String {
    let story = STORY.replace("guest  = \"guest\"", "machine = \"bad\"");
    fs::write(suite.0.at("mine.toml"), story).expect("the bed is ours");
    file(suite, "mine.toml")
}

pub fn same_again() {
    let suite = Suite::new(&[("a", "bad"), ("b", "good")]);
    let path = toolchain(&suite.0, CARGO);
    fs::write(suite.0.at("none"), "").expect("the platform file");
    let mine = unnamed(&suite);
    let ran = suite.run(&["--scenario", &mine, "--scenario", "a"]);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    // Neither the scenarios nor the hypervisor are named again; and not from the same folder.
    let run = |args: &[&str]| -> Ran {
        let mut command = suite.command_that_builds(args);
        let command = command.env("PATH", &path).current_dir(suite.0.at("bin"));
        command.output().expect("it starts").into()
    };
    for again in ["--rerun-failed", "failed()"] {
        let ran = run(&[again, "--list"]);
        assert_eq!(ran.stdout, "a::bad\nmine::bad\n", "{ran:#?}");
    }
    // Twice, since the newest matrix is the one that was run again then.
    for _ in 0..2 {
        let ran = run(&["--rerun-failed"]);
        assert_eq!(ran.code, Some(1), "{ran:#?}");
        assert_eq!(outcomes(&suite.results()), "a failed, mine failed");
        for case in suite.results().cases {
            let run = case.attempts[0].report.run_dir.clone();
            let booted = fs::read_to_string(run.expect("a folder").join("run.json"));
            let booted = booted.expect("it is there");
            assert!(booted.contains(&file(&suite, "kernel.bin")), "{booted}");
        }
    }
    assert!(!suite.0.at("log").exists(), "cargo was started");
}

pub fn contradictions() {
    let suite = Suite::new(&[("a", "bad"), ("b", "good")]);
    let mine = unnamed(&suite);
    fs::copy(suite.0.at("kernel.bin"), suite.0.at("other.bin")).expect("the bed is ours");
    assert_eq!(suite.run(&["a", "b"]).code, Some(1));
    let machine = file(&suite, "configs/machines/bad.toml");
    let other = file(&suite, "other.bin");
    for [option, word] in [
        ["--scenario", &mine],
        ["--machine", &machine],
        ["--hypervisor", &other],
    ] {
        for again in ["--rerun-failed", "failed()"] {
            let mut command = suite.command_that_builds(&[again, option, word]);
            let ran: Ran = command.output().expect("it starts").into();
            assert_eq!(ran.code, Some(2), "{ran:#?}");
            let said = format!("{option} {word}: the newest matrix was of ");
            assert!(ran.stderr.contains(&said), "{said}: {ran:#?}");
        }
    }
    // Some of what there was may be chosen.
    let ran = suite.run(&["--rerun-failed", "--list", "--scenario", "a"]);
    assert_eq!(ran.stdout, "a::bad\n", "{ran:#?}");
    let ran = suite.run(&["--rerun-failed", "--list", "--scenario", "b"]);
    assert_eq!(ran.code, Some(2), "{ran:#?}");
}

pub fn hint() {
    let suite = Suite::new(&[("a", "bad")]);
    let records = file(&suite, "it's here");
    let args = [
        "--records",
        &records,
        "--timeout",
        "20500ms",
        "--no-audit",
        "--retries",
        "1",
        "--flaky",
        "fail",
    ];
    let ran = suite.run(&args);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    let records = records.replace('\'', r"'\''");
    let again = format!(
        "again:   ./x matrix --rerun-failed --records '{records}' --timeout 20500ms --no-audit --retries 1 --flaky fail\n"
    );
    assert!(ran.stdout.contains(&again), "{again}: {ran:#?}");
}

pub fn flaky_now() {
    let suite = Suite::new(&[("a", "broken_once"), ("b", "good")]);
    assert_eq!(suite.run(&["--retries", "1"]).code, Some(0));
    let ran = suite.run(&["--rerun-failed", "--flaky", "fail", "--list"]);
    assert_eq!(ran.stdout, "a::broken_once\n", "{ran:#?}");
    let ran = suite.run(&["--rerun-failed", "--list"]);
    assert!(ran.stderr.contains("nothing to run again"), "{ran:#?}");
}

pub fn failed_parts() {
    let scenarios = ["a", "b", "c", "d", "e", "f", "g"].map(|name| (name, "bad"));
    let suite = Suite::new(&scenarios);
    // Two computers, each with a folder of its own. That other cases were dealt out changes nothing.
    for shard in ["1/2", "2/2"] {
        let records = file(&suite, shard.split('/').next().expect("a number"));
        let ran = suite.run(&["--shard", shard, "--records", &records, "!a"]);
        assert_eq!(ran.code, Some(1), "{ran:#?}");
        let (_, results) = folder::newest(records.as_ref()).expect("it is over");
        let names = results.cases.iter().map(|case| format!("{}\n", case.name));
        let names: String = names.collect();
        assert_eq!(names.lines().count(), 3);
        for again in [
            &["--rerun-failed", "--shard", shard][..],
            &["--rerun-failed"],
            &["failed()", "--shard", shard],
        ] {
            let ran = suite.run(&[again, &["--list", "--records", &records]].concat());
            assert_eq!(ran.stdout, names, "{again:?}: {ran:#?}");
        }
        let ran = suite.run(&["--rerun-failed", "--shard", "1/3", "--records", &records]);
        assert_eq!(ran.code, Some(2), "{ran:#?}");
        assert!(ran.stderr.contains(&format!("part {shard}")), "{ran:#?}");
    }
    // Two computers that know the same matrix: each case is run again by one of them, whatever failed.
    assert_eq!(suite.run(&["b", "d", "f"]).code, Some(1));
    let part = |shard: &str, again: &str| suite.run(&["--shard", shard, again, "--list"]).stdout;
    for again in ["--rerun-failed", "failed()"] {
        let all = [part("1/2", again), part("2/2", again)].concat();
        let all: BTreeSet<_> = all.lines().map(str::to_owned).collect();
        assert_eq!(all, lines(["b::bad", "d::bad", "f::bad"]));
    }
}

/// What was booted, and how, by the records of a run.
fn booted(run: &Path) -> [Value; 4] {
    let read = |name: &str| -> Value {
        let text = fs::read_to_string(run.join(name)).expect("it is there");
        serde_json::from_str(&text).expect("it is JSON")
    };
    let (run, story) = (read("run.json"), read("story.json"));
    let (hypervisor, machine) = (run["hypervisor"]["sha256"].clone(), run["machine"].clone());
    let mut asked = run["asked"].clone();
    asked["arch"] = Value::Null; // where a machine is named, that tells nothing more
    [hypervisor, machine, asked, story["timeout"].clone()]
}

pub fn same_command() {
    let suite = Suite::new(&[("a", "bad")]);
    let mine = unnamed(&suite);
    fs::rename(&mine, suite.0.at("it's.toml")).expect("the bed is ours");
    fs::copy(
        suite.0.at("configs/machines/bad.toml"),
        suite.0.at("my machine.toml"),
    )
    .expect("the bed is ours");
    // What is typed in a workspace.
    let x = format!(
        "#!/bin/sh\nexec '{}' \"$@\"\n",
        env!("CARGO_BIN_EXE_harness")
    );
    fs::write(suite.0.at("x"), x).expect("the bed is ours");
    fs::set_permissions(suite.0.at("x"), fs::Permissions::from_mode(0o755)).expect("ours");
    let args = [
        "--scenario",
        "./it's.toml",
        "--machine",
        "./my machine.toml",
        "--hypervisor",
        "kernel.bin",
        "--timeout",
        "20500ms",
        "--no-audit",
    ];
    for command in ["matrix", "run"] {
        let mut first = support::command(&[&[command][..], &args].concat());
        let first = first.current_dir(suite.0.at("."));
        let ran: Ran = first.output().expect("it starts").into();
        assert_eq!(ran.code, Some(1), "{ran:#?}");
        let run = match command {
            "matrix" => suite.runs().pop(),
            _ => suite.0.runs().pop(),
        };
        let run = run.expect("it has a folder");
        let verdict = fs::read_to_string(run.join("verdict.json")).expect("it is there");
        let verdict: Value = serde_json::from_str(&verdict).expect("it is JSON");
        let again = verdict["again"].as_str().expect("it is told").to_owned();
        let records = suite.0.at("again").join(command);
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("{again} --records \"$RECORDS\"")]);
        shell.env("RECORDS", &records).current_dir(suite.0.at("."));
        let ran: Ran = shell.output().expect("there is a shell").into();
        assert_eq!(ran.code, Some(1), "{again}: {ran:#?}");
        let second = fs::read_dir(&records).expect("there are records").next();
        let second = second.expect("of the run").expect("readable").path();
        assert_eq!(booted(&second), booted(&run), "{again}");
    }
    // The page and the reports tell the same.
    let (matrix, _) = folder::newest(&suite.matrices()).expect("it is over");
    let page = fs::read_to_string(matrix.join("index.html")).expect("it is there");
    assert!(page.contains("--timeout 20500ms --no-audit"));
}
