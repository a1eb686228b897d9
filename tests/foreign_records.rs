//! Judges records that somebody else made, or that were cut off.

#[path = "support/record.rs"]
mod record;
mod support;

use harness::records::version::VERSION;
use std::fs;
use support::{Ran, command, harness};

#[track_caller]
fn refused(ran: &Ran, said: &[&str]) {
    assert_eq!(ran.code, Some(2), "{ran:#?}");
    for text in said {
        assert!(
            ran.stderr.contains(text),
            "{text:?} is missing from {ran:#?}"
        );
    }
}

/// Judges a record with a change to one of its files.
fn judged(file: &str, change: impl FnOnce(&str) -> Vec<u8>) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    record::make(folder.path());
    let path = folder.path().join(file);
    let text = fs::read_to_string(&path).unwrap();
    let changed = change(&text);
    assert_ne!(changed, text.as_bytes(), "nothing has changed");
    fs::write(path, changed).unwrap();
    harness(&["judge", &folder.path().to_string_lossy()])
}

fn with(from: &'static str, to: &'static str) -> impl FnOnce(&str) -> Vec<u8> {
    move |text| text.replacen(from, to, 1).into_bytes()
}

#[test]
fn a_record_that_cannot_be_a_runs_is_refused() {
    for (file, change, said) in [
        (
            "run.json",
            with(r#""arch":"riscv64""#, r#""arch":"x86_64""#),
            "it is from riscv64, the run from x86_64",
        ),
        (
            "story.json",
            with(
                r#""arch":"riscv64","timeout""#,
                r#""arch":"aarch64","timeout""#,
            ),
            "it is from aarch64, the run from riscv64",
        ),
        (
            "story.json",
            with(
                r#""start":{"arch":"riscv64"}"#,
                r#""start":{"arch":"x86_64"}"#,
            ),
            "it is from x86_64",
        ),
        (
            "story.json",
            with(r#""optional":false"#, r#""optional":true"#),
            "every run would pass",
        ),
        (
            "story.json",
            with(r#""count":1"#, r#""count":0"#),
            "happens 0 times",
        ),
        ("story.json", with(r#""^ok$""#, r#""""#), "is any line"),
        (
            "story.json",
            with(r#""name":"ok""#, r#""name":" ""#),
            "has no name",
        ),
        (
            "story.json",
            with(r#""version":1"#, r#""version":4294967296"#),
            "story.json: it is of version 4294967296",
        ),
        (
            "events.jsonl",
            with(r#"{"t":0.1"#, "{\"t\":0.1}\n{\"t\":0.1"),
            "events.jsonl is damaged",
        ),
        (
            "events.jsonl",
            with(
                r#"{"t":0.2,"event":"end""#,
                r#"{"t":0.2,"event":"timeout","clock":"run","after":5.0,"silent_for":1.0}
{"t":0.2,"event":"end""#,
            ),
            "clock ran out after 5 s in it, but had 30 s",
        ),
        (
            "events.jsonl",
            with(
                r#"{"t":0.2"#,
                r#"{"t":0.15,"event":"witness","format":"x86-svm","npf":0,"hypercall":0,"other":0,"last":null,"faults":[]}
{"t":0.2"#,
            ),
            "QEMU's log in it is from x86_64",
        ),
    ] {
        let result = judged(file, change);
        refused(&result, &[said]);
    }
    let later = format!("{}", VERSION + 1);
    let newer = judged("run.json", |text| {
        let version = format!(r#""version":{later}"#);
        text.replacen(r#""version":1"#, &version, 1).into()
    });
    let said = format!("run.json: it is of version {later} of the records");
    refused(&newer, &[&said]);
    let empty = judged("story.json", |text| {
        let steps = text.find("[{\"name\"").unwrap()..text.find("],\"forbidden\"").unwrap() + 1;
        [&text[..steps.start], "[]", &text[steps.end..]]
            .concat()
            .into()
    });
    refused(&empty, &["it has no step that must happen"]);
}

#[test]
fn a_record_that_is_whole_gets_its_verdict() {
    let folder = tempfile::tempdir().unwrap();
    record::make(folder.path());
    let dir = folder.path().to_string_lossy();
    let report = harness(&["judge", &dir, "--format", "json"]).json();
    assert_eq!(report["verdict"]["kind"], "pass", "{report}");
    assert_eq!(report["version"], VERSION, "{report}");
}

#[test]
fn a_recorded_strand_is_judged_again_and_the_likely_cause_is_told() {
    const STRAND: &str = r#""strands":[{"name":"w","by":"guest","course":{"sequence":
{"pattern":"^w ([0-9]+)$","first":0,"last":2}},"overlaps":[]}],"forbidden":[{"#;
    let folder = tempfile::tempdir().unwrap();
    record::make(folder.path());
    let change = |file: &str, from: &str, to: &str| {
        let path = folder.path().join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from:?} is not in {file}");
        fs::write(path, text.replacen(from, to, 1)).unwrap();
    };
    let lines = |lines: &[&str]| {
        let line = |text: &&str| format!("{{\"t\":0.1,\"event\":\"line\",\"text\":\"{text}\"}}\n");
        let end = record::EVENTS.lines().last().unwrap();
        let lines: String = lines.iter().map(line).collect();
        fs::write(
            folder.path().join("events.jsonl"),
            format!("{lines}{end}\n"),
        )
        .unwrap();
        let dir = folder.path().to_string_lossy().into_owned();
        harness(&["judge", &dir, "--format", "json"]).json()
    };
    change("story.json", r#""forbidden":[{"#, STRAND);
    let report = lines(&["w 0", "ok", "w 1", "w 2"]);
    assert_eq!(report["verdict"]["kind"], "pass", "{report}");
    assert!(report["cause"].is_null(), "{report}");
    let report = lines(&["w 0", "panicked at src/a.rs:7:1:", "no stack", "w 2", "ok"]);
    assert_eq!(report["verdict"]["kind"], "strand-broken", "{report}");
    assert_eq!(report["fault"], "guest");
    assert_eq!(report["strands"][0]["due"], "1");
    let cause = &report["cause"];
    assert_eq!(
        (&cause["kind"], &cause["look_at"]),
        (&"panic".into(), &"src/a.rs:7:1".into())
    );
    assert_eq!(cause["then"], "no stack");
    change("story.json", r#"([0-9]+)"#, "[0-9]+");
    let dir = folder.path().to_string_lossy();
    refused(&harness(&["judge", &dir]), &["one capture group"]);
}

#[test]
fn a_record_from_before_there_were_versions_is_still_read() {
    let run = judged("run.json", with(r#""version":1,"#, ""));
    assert_eq!(run.code, Some(0), "{run:#?}");
    let story = r#""version":1,"arch":"riscv64","timeout":{"secs":30,"nanos":0},"silence":null,"#;
    let story = judged("story.json", with(story, ""));
    assert_eq!(story.code, Some(0), "{story:#?}");
}

#[test]
fn a_record_that_is_cut_anywhere_counts_up_to_its_last_whole_line() {
    // The last line is of characters of two, three and four bytes, and is cut everywhere in it.
    let text = "\u{e9}\u{20ac}\u{1f600}";
    let last = format!("{{\"t\":0.15,\"event\":\"line\",\"text\":\"{text}\"}}\n");
    for cut in 1..last.len() - 1 {
        let result = judged("events.jsonl", |events| {
            let (first, _) = events.split_once('\n').unwrap();
            [first.as_bytes(), b"\n", &last.as_bytes()[..cut]].concat()
        });
        assert_eq!(result.code, Some(4), "cut at {cut}: {result:#?}");
        assert!(result.stdout.contains("cut short"), "{result:#?}");
    }
}

#[test]
fn nothing_of_a_record_reaches_the_terminal_that_it_would_act_on() {
    const EVIL: &str = r"\u001b]0;title\u0007\u001b[2Jx\nPASS all\u009b31m\u202ey";
    for (file, from, to) in [
        ("run.json", "\"made\"", format!("\"{EVIL}\"")),
        (
            "story.json",
            "\"name\":\"ok\"",
            format!("\"name\":\"{EVIL}\""),
        ),
        ("story.json", "\"^ok$\"", format!("\"{EVIL}\"")),
        ("story.json", "\"^bad\"", format!("\"ok|{EVIL}\"")),
        (
            "events.jsonl",
            "\"text\":\"ok\"",
            format!("\"text\":\"{EVIL}\""),
        ),
        ("events.jsonl", "\"guest-shutdown\"", format!("\"{EVIL}\"")),
        (
            "events.jsonl",
            "{\"t\":0.1,",
            format!(
                "{{\"t\":0.1,\"event\":\"stopped\",\"what\":\"{EVIL}\",\"hint\":\"{EVIL}\"}}\n{{\"t\":0.1,"
            ),
        ),
        (
            "events.jsonl",
            "\"how\":\"reported\",\"kind\":\"shutdown\",\"reason\":\"guest-shutdown\"",
            format!("\"how\":\"unreported\",\"status\":\"{EVIL}\""),
        ),
    ] {
        for format in ["human", "json"] {
            let folder = tempfile::tempdir().unwrap();
            record::make(folder.path());
            let path = folder.path().join(file);
            let text = fs::read_to_string(&path).unwrap();
            assert!(text.contains(from), "{from} is not in {file}");
            fs::write(&path, text.replacen(from, &to, 1)).unwrap();
            let mut judge = command(&["judge", "--format", format]);
            // Colours are kept: what is left out of them is not left out for want of a terminal.
            judge.arg(folder.path()).env("CLICOLOR_FORCE", "1");
            let result: Ran = judge.output().unwrap().into();
            let shown = format!("{}{}", result.stdout, result.stderr);
            for evil in [
                "\x1b]",
                "\x1b[2J",
                "\x07",
                "\u{9b}",
                "\u{202e}",
                "\nPASS all",
            ] {
                assert!(
                    !shown.contains(evil),
                    "{evil:?} in {file} ({from}): {result:#?}"
                );
            }
        }
    }
}
