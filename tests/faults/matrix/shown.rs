//! What a matrix shows, and to whom.

use super::{Suite, outcomes};
use crate::cases::STORY;
use crate::survival::start;
use harness::matrix::Results;
use serde_json::Value;
use std::fs;
use std::io::Read;
use std::process::{Command, Stdio};

pub fn as_json() {
    let suite = Suite::new(&[("a", "good"), ("b", "bad")]);
    let ran = suite.run(&["--format", "json", "--jobs", "8"]);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    let results: Results = serde_json::from_str(&ran.stdout).expect("it is one object");
    assert_eq!(outcomes(&results), "a passed, b failed");
    assert_eq!(results.jobs, 2, "there are no more cases");
    let kept = serde_json::to_value(suite.results()).expect("plain data");
    assert_eq!(ran.json(), kept);
    assert!(
        results.command.starts_with("harness matrix --root "),
        "{}",
        results.command
    );
    assert!(ran.stderr.is_empty(), "{ran:#?}");
}

pub fn reader_goes() {
    let suite = Suite::new(&[("a", "bad"), ("b", "waiting")]);
    let mut harness = start(&mut suite.command(&["--jobs", "2"]));
    drop(harness.stdout.take());
    fs::write(suite.0.at("go"), "").expect("the bed is ours");
    assert_eq!(harness.wait().expect("it is ours").code(), Some(1));
    assert_eq!(outcomes(&suite.results()), "a failed, b passed");
}

pub fn on_a_terminal() {
    let suite = Suite::new(&[("a", "good"), ("b", "bad"), ("c", "waiting")]);
    let command = suite.command(&["--jobs", "1"]);
    let words = [command.get_program()]
        .into_iter()
        .chain(command.get_args());
    let words = words.map(|word| format!("'{}'", word.to_string_lossy()));
    let words = words.collect::<Vec<_>>().join(" ");
    // It gives the program a terminal.
    let mut script = Command::new("script");
    script
        .args(["-qec", &words, "/dev/null"])
        .stdin(Stdio::null());
    let mut script = script
        .stdout(Stdio::piped())
        .spawn()
        .expect("there is a script");
    let mut terminal = script.stdout.take().expect("it is piped");
    let mut shown = String::new();
    let mut piece = [0; 4096];
    let mut waits = true;
    loop {
        let read = terminal.read(&mut piece).expect("it can be read");
        if read == 0 {
            break;
        }
        shown += &String::from_utf8_lossy(&piece[..read]);
        if waits && shown.contains("c::waiting   1/3 ") && shown.contains("one") {
            fs::write(suite.0.at("go"), "").expect("the bed is ours");
            waits = false;
        }
    }
    assert_eq!(
        script.wait().expect("it is ours").code(),
        Some(1),
        "{shown}"
    );
    assert!(
        !waits && shown.contains("2/3 cases, 1 not passed, "),
        "{shown}"
    );
    // What passed needs no line there.
    assert!(
        shown.contains("FAIL") && !shown.contains("PASS\x1b[0m a::good"),
        "{shown}"
    );
    suite.nothing_is_left();
}

pub fn many_faults() {
    let suite = Suite::new(&[]);
    let story = STORY.replace("guest  = \"guest\"", "machine = \"faulting\"");
    let story = story.replacen("[[step]]", "[witness]\n\n[[step]]", 1);
    fs::write(suite.0.at("tests/scenarios/a.toml"), story).expect("the bed is ours");
    let ran = suite.run(&[]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    let report = &suite.results().cases[0].attempts[0].report;
    let account = report.witness.as_ref().expect("it has the log's account");
    let counts = (account.npf, account.faults.len(), account.faults_left_out);
    assert_eq!(counts, (40, 32, 8));
    // The run itself keeps all; and its log, packed.
    let run = report.run_dir.as_ref().expect("it has a folder");
    let verdict = fs::read_to_string(run.join("verdict.json")).expect("it is there");
    let verdict: Value = serde_json::from_str(&verdict).expect("it is JSON");
    let faults = verdict["witness"]["faults"].as_array().expect("a list");
    assert_eq!(faults.len(), 40);
    assert!(run.join("witness.log.gz").is_file() && !run.join("witness.log").exists());
}
