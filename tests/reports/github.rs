//! What GitHub's runner makes of the annotations, and a reader of Markdown of the summary.

use crate::fabricated::{case, failed, matrix, one_of_each, passed, read, set_up, texts};
use harness::reports::github::{Place, Sources, annotations};
use harness::reports::markdown::markdown;
use pulldown_cmark::{Event, Options, Parser, Tag};
use serde_json::json;
use std::path::Path;

/// A repository with two files.
struct Repository;

impl Sources for Repository {
    fn find(&self, file: &str) -> Option<String> {
        (file == "src/main.rs").then(|| "kernel/src/main.rs".to_owned())
    }

    fn scenario(&self, name: &str, file: Option<&Path>, step: Option<&str>) -> Option<Place> {
        assert_eq!(file, None, "what is read from its JSON has no file");
        (name == "text").then(|| Place {
            file: "tests/scenarios/a,b:c.toml".into(),
            line: step.map(|_| 7),
        })
    }
}

/// A command, as the runner reads it.
#[derive(Debug)]
struct Command {
    kind: String,
    properties: Vec<(String, String)>,
    message: String,
}

impl Command {
    fn property(&self, name: &str) -> Option<&str> {
        let mut properties = self.properties.iter();
        properties
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Reads lines as the runner does: `ActionCommand.TryParseV2` of `actions/runner`.
fn commands(text: &str) -> Vec<Command> {
    let of = |line: &str| {
        let line = line.trim_start().strip_prefix("::")?;
        let (head, message) = line.split_once("::")?;
        let (kind, properties) = head.split_once(' ').unwrap_or((head, ""));
        let properties = properties.split(',').filter(|p| !p.is_empty());
        let properties = properties.map(|property| {
            let (key, value) = property.split_once('=').expect("a property has a value");
            let value = value.replace("%3A", ":").replace("%2C", ",");
            (key.to_owned(), unescaped(&value))
        });
        Some(Command {
            kind: kind.to_owned(),
            properties: properties.collect(),
            message: unescaped(message),
        })
    };
    let lines = text.split(['\n', '\r']).filter(|line| !line.is_empty());
    lines
        .map(|line| of(line).unwrap_or_else(|| panic!("{line:?} is no command")))
        .collect()
}

fn unescaped(text: &str) -> String {
    text.replace("%0D", "\r")
        .replace("%0A", "\n")
        .replace("%25", "%")
}

#[test]
fn every_case_that_fails_is_one_annotation_whatever_a_guest_prints() {
    for text in texts() {
        let found = commands(&annotations(&read(&one_of_each(&text)), &Repository));
        let kinds: Vec<_> = found.iter().map(|command| command.kind.as_str()).collect();
        assert_eq!(
            kinds,
            ["error", "error", "error", "warning", "error"],
            "{text:?}"
        );
        let titles: Vec<_> = found
            .iter()
            .filter_map(|command| command.property("title"))
            .collect();
        assert_eq!(titles[0], "broken::aarch64: forbidden-output");
        assert_eq!(titles[3], "shaky::riscv64: flaky");
        for command in &found {
            assert!(command.message.len() <= 16_000, "{text:?}");
            assert!(command.properties.len() <= 3, "{command:?}");
        }
    }
    let found = commands(&annotations(&read(&one_of_each("100% a%0Ab")), &Repository));
    assert!(found[0].message.starts_with("100% a%0Ab\n"), "{found:?}");
    assert!(
        found[0]
            .message
            .ends_with("\nagain: ./x run --scenario broken --machine aarch64")
    );
    assert!(found[0].message.contains("\nto look at: the guest\n"));
}

/// Of a run with these changes, file and line.
fn place_of(change: impl Fn(&mut serde_json::Value)) -> (Option<String>, Option<String>) {
    let mut report = failed("text");
    change(&mut report);
    let cases = vec![case(["a", "riscv64"], "riscv64", "failed", &[report])];
    let found = commands(&annotations(&read(&matrix(cases)), &Repository));
    let property = |name| found[0].property(name).map(str::to_owned);
    (property("file"), property("line"))
}

#[test]
fn an_annotation_is_at_the_place_that_is_most_likely_to_blame() {
    let at = |file: &str, line: Option<&str>| (Some(file.to_owned()), line.map(str::to_owned));
    let cause = |look_at: &str| json!({ "line": "panicked at", "then": null, "kind": "panic", "fault": "guest", "look_at": look_at });
    let stopped = |source: &str| {
        let place = json!({ "program": "kernel", "function": "f", "source": source });
        json!([{ "cpu": 0, "looks": [1, 1], "pc": "0x0", "world": "guest", "place": place }])
    };
    let scenario = "tests/scenarios/a,b:c.toml";
    assert_eq!(place_of(|_| ()), at(scenario, Some("7")));
    assert_eq!(place_of(|r| r["awaited"] = json!(null)), at(scenario, None));
    assert_eq!(place_of(|r| r["scenario"] = "other".into()), (None, None));
    let main = at("kernel/src/main.rs", Some("12"));
    assert_eq!(place_of(|r| r["cause"] = cause("src/main.rs:12:5")), main);
    assert_eq!(
        place_of(|r| r["stopped_at"] = stopped("src/main.rs:12")),
        main
    );
    for elsewhere in [
        "src/other.rs:12:5",
        "the address in the line",
        "src/main.rs",
        "src/main.rs:a",
        "src/main.rs:1:2:3",
    ] {
        assert_eq!(
            place_of(|r| r["cause"] = cause(elsewhere)),
            at(scenario, Some("7")),
            "{elsewhere}"
        );
    }
}

#[test]
fn no_more_is_annotated_than_the_runner_shows() {
    let cases = (0..40).map(|nth| {
        let name = format!("case-{nth}");
        case([&name, "riscv64"], "riscv64", "failed", &[failed("x")])
    });
    let found = commands(&annotations(&read(&matrix(cases.collect())), &Repository));
    assert_eq!(found.len(), 10);
    assert_eq!(found[9].message, "31 more cases failed");
}

/// Those that were not run are told in one, which counts too.
#[test]
fn what_was_not_run_is_among_what_the_runner_shows() {
    for failures in [8, 9, 10, 11, 40] {
        let cases = (0..failures + 2).map(|nth| {
            let name = format!("case-{nth}");
            let (outcome, runs) = if nth < failures {
                ("failed", vec![failed("x")])
            } else {
                ("not-run", vec![])
            };
            case([&name, "riscv64"], "riscv64", outcome, &runs)
        });
        let found = commands(&annotations(&read(&matrix(cases.collect())), &Repository));
        assert_eq!(found.len(), 10.min(failures + 1), "{failures} failures");
        let last = &found.last().unwrap().message;
        assert!(last.starts_with("2 cases were not run: "), "{last}");
        if failures > 9 {
            assert_eq!(
                found[8].message,
                format!("{} more cases failed", failures - 8)
            );
        }
    }
}

#[test]
fn nothing_is_annotated_where_all_is_well() {
    let cases = vec![case(["a", "riscv64"], "riscv64", "passed", &[passed("x")])];
    assert_eq!(annotations(&read(&matrix(cases)), &Repository), "");
}

/// What a reader of Markdown makes of a text: its plain text, and what is neither that nor a table, a heading or
/// code.
fn rendered(text: &str) -> (String, Vec<String>) {
    let (mut plain, mut other) = (String::new(), Vec::new());
    for event in Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_GFM) {
        match event {
            Event::Text(text) | Event::Code(text) => {
                plain += &text;
                plain.push('\n');
            }
            Event::Start(
                Tag::Paragraph
                | Tag::Heading { .. }
                | Tag::CodeBlock(_)
                | Tag::Table(_)
                | Tag::TableHead
                | Tag::TableRow
                | Tag::TableCell
                | Tag::HtmlBlock,
            )
            | Event::End(_)
            | Event::SoftBreak => {}
            Event::Html(html)
                if ["<details><summary>All cases</summary>", "</details>"]
                    .contains(&html.trim()) => {}
            event => other.push(format!("{event:?}")),
        }
    }
    (plain, other)
}

#[test]
fn the_summary_is_tables_and_code_whatever_a_guest_prints() {
    for text in texts() {
        let summary = markdown(&read(&one_of_each(&text)));
        let (plain, other) = rendered(&summary);
        assert_eq!(other, [""; 0], "{text:?} in {summary}");
        for said in [
            "6 cases: did not pass",
            "broken::aarch64",
            "To look at: the guest.",
            "./x run --scenario broken --machine aarch64",
            if text.len() < 10_000 {
                "last lines seen:"
            } else {
                " more characters]"
            },
        ] {
            assert!(plain.contains(said), "{said} is not in {plain}");
        }
        assert!(
            !plain.contains("shaky::riscv64"),
            "a flaky case does not fail this matrix"
        );
    }
    let (plain, _) = rendered(&markdown(&read(&one_of_each("`code` | <b> ``` x"))));
    assert!(plain.contains("`code` | <b> ``` x"), "{plain}");
}

#[test]
fn the_summary_counts_by_architecture() {
    let summary = markdown(&read(&one_of_each("text")));
    for row in [
        "| | passed | flaky | failed | set-up | not run | time |",
        "| riscv64 | 1 | 1 | 0 | 0 | 0 | 6.8 s |",
        "| aarch64 | 0 | 0 | 1 | 0 | 0 | 4.5 s |",
        "| x86_64 | 0 | 0 | 1 | 1 | 1 | 6.8 s |",
    ] {
        assert!(
            summary.contains(&format!("{row}\n")),
            "{row} is not in {summary}"
        );
    }
    let mut results = one_of_each("text");
    results["flaky_fails"] = true.into();
    let (plain, _) = rendered(&markdown(&read(&results)));
    assert!(plain.contains("shaky::riscv64") && plain.contains("flaky cases fail this matrix"));
    let alone = vec![case(["a", "riscv64"], "riscv64", "passed", &[passed("x")])];
    let (plain, _) = rendered(&markdown(&read(&matrix(alone))));
    assert!(plain.starts_with("a::riscv64\n: passed"), "{plain}");
}

#[test]
fn a_summary_is_no_longer_than_github_takes() {
    let long = "\u{1f980}<`".repeat(20_000);
    let cases = (0..3000).map(|nth| {
        let name = format!("{nth}-{}", &long[..1200]);
        case(
            [&name, "riscv64"],
            "riscv64",
            "set-up",
            &[set_up(&long[..12_000])],
        )
    });
    let summary = markdown(&read(&matrix(cases.collect())));
    assert!(summary.len() < 1 << 20, "{}", summary.len());
    assert!(summary.contains("2980 more cases failed."));
}
