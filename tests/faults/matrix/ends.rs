//! Matrices that are given up.

use super::{Suite, lines, outcomes};
use crate::support::Ran;
use crate::survival::{start, until};
use harness::matrix::{Results, folder};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::Path;

pub fn interrupted() {
    let suite = Suite::new(&[
        ("a", "good"),
        ("b", "hanging"),
        ("c", "hanging"),
        ("d", "good"),
    ]);
    let mut harness = start(&mut suite.command(&["--jobs", "2"]));
    let reached = |text: &str| {
        let events = suite.runs().into_iter().map(|run| run.join("events.jsonl"));
        let mut events = events.filter_map(|file| fs::read_to_string(file).ok());
        events.any(|events| events.contains(text))
    };
    until("a result", || {
        suite
            .runs()
            .iter()
            .any(|run| run.join("verdict.json").is_file())
    });
    // The second of those that hang takes the place of the first that is over.
    until("both machines", || {
        suite.0.pids().len() == 3 && reached("step one")
    });
    kill_process(Pid::from_child(&harness), Signal::INT).expect("it is still there");
    assert_eq!(harness.wait().expect("it is ours").code(), Some(130));
    suite.nothing_is_left();
    let mut said = String::new();
    let stderr = harness.stderr.as_mut().expect("it is piped");
    stderr.read_to_string(&mut said).expect("it is text");
    assert!(said.contains("what was over by then is in "), "{said}");
    assert_eq!(
        outcomes(&suite.results()),
        "a passed, b not run, c not run, d not run"
    );
    let (path, _) = folder::newest(&suite.matrices()).expect("it is over");
    let names = fs::read_dir(path).expect("it is there").flatten();
    let names: BTreeSet<_> = names
        .map(|entry| entry.file_name().into_string().expect("text"))
        .collect();
    assert_eq!(
        names,
        lines(["index.html", "kept.json", "matrix.json", "runs"])
    );
}

pub fn killed() {
    let suite = Suite::new(&[("b", "hanging"), ("c", "hanging")]);
    let mut harness = start(&mut suite.command(&["--jobs", "2"]));
    until("both machines", || suite.0.pids().len() == 2);
    kill_process(Pid::from_child(&harness), Signal::KILL).expect("it is still there");
    harness.wait().expect("it is ours");
    suite.nothing_is_left();
    assert!(folder::newest(&suite.matrices()).is_none());
}

/// What a report of the results has: the cases and what came of them.
fn reported(file: &Path) -> String {
    let text = fs::read_to_string(file).expect("there is a report");
    outcomes(&serde_json::from_str::<Results>(&text).expect("of the results"))
}

pub fn interrupted_and_reported() {
    let suite = Suite::new(&[("a", "good"), ("b", "hanging"), ("c", "good")]);
    let report = suite.0.at("report.json");
    let destination = format!("json={}", report.display());
    let args = ["--jobs", "1", "--report", &destination];
    let mut harness = start(&mut suite.command(&args));
    until("the second machine", || suite.0.pids().len() == 2);
    kill_process(Pid::from_child(&harness), Signal::INT).expect("it is still there");
    assert_eq!(harness.wait().expect("it is ours").code(), Some(130));
    suite.nothing_is_left();
    assert_eq!(reported(&report), "a passed, b not run, c not run");
    let (path, _) = folder::newest(&suite.matrices()).expect("it is over");
    assert!(path.join("index.html").is_file(), "it has its page");
}

pub fn not_kept() {
    let suite = Suite::new(&[("a", "waiting")]);
    let report = suite.0.at("report.json");
    let destination = format!("json={}", report.display());
    let harness = start(&mut suite.command(&["--report", &destination]));
    until("the machine", || !suite.0.pids().is_empty());
    // Where the results are to be written, nothing can be written any more.
    let matrices = fs::read_dir(suite.matrices()).expect("there is one");
    let matrix = matrices.flatten().find(|entry| entry.path().is_dir());
    let matrix = matrix.expect("there is one").path();
    fs::create_dir_all(matrix.join("matrix.json/in-the-way")).expect("the bed is ours");
    fs::write(suite.0.at("go"), "").expect("the bed is ours");
    let ran: Ran = harness.wait_with_output().expect("it is ours").into();
    assert_eq!(ran.code, Some(4), "{ran:#?}");
    assert!(ran.stderr.contains("cannot write "), "{ran:#?}");
    assert!(ran.stdout.contains("PASS 1 case: all passed, "), "{ran:#?}");
    assert_eq!(reported(&report), "a passed");
}

pub fn file_of_the_users() {
    let suite = Suite::new(&[("a", "good")]);
    let records = suite.0.at("mine");
    fs::create_dir(&records).expect("the bed is ours");
    fs::write(records.join("times.json"), "my times").expect("the bed is ours");
    let folder = records.display().to_string();
    assert_eq!(suite.run(&["--records", &folder]).code, Some(0));
    let mine = fs::read_to_string(records.join("times.json")).expect("it is there");
    assert_eq!(mine, "my times");
    // The harness has a file of its own, and leaves it alone if it is somebody else's.
    let times = records.join(".harness-times.json");
    let noted = fs::read_to_string(&times).expect("it is there");
    assert!(noted.contains("a::good"), "{noted}");
    fs::write(&times, "my times").expect("the bed is ours");
    assert_eq!(suite.run(&["--records", &folder]).code, Some(0));
    assert_eq!(fs::read_to_string(&times).expect("there"), "my times");
}
