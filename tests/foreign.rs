//! Judges consoles recorded from other projects' images, by the scenarios of `tests/foreign`.
//! `tests/foreign/judge.sh` does the same with the images themselves.

mod support;

use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use support::{harness, root};

/// A row of `tests/foreign/verdicts.txt`.
struct Row {
    image: String,
    arch: String,
    kind: String,
    cause: String,
}

impl Row {
    fn console(&self) -> PathBuf {
        let name = format!("{}-{}.log", self.image, self.arch);
        root().join("fixtures/foreign").join(name)
    }

    /// The harness's report on a console.
    fn judge(&self, console: &Path) -> Value {
        let scenario = root().join(format!("tests/foreign/{}.toml", self.image));
        let (scenario, console) = (scenario.to_str().unwrap(), console.to_str().unwrap());
        let arch = self.arch.as_str();
        let ran = harness(&[
            "judge",
            "--arch",
            arch,
            "--scenario",
            scenario,
            "--format",
            "json",
            console,
        ]);
        assert_eq!(ran.stderr, "", "{} on {arch}", self.image);
        let json = ran.json();
        assert_eq!(json["exit_code"], ran.code.unwrap());
        json
    }
}

fn rows() -> Vec<Row> {
    let table = fs::read_to_string(root().join("tests/foreign/verdicts.txt")).unwrap();
    let lines = table
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let rows = lines.map(|line| {
        let words: Vec<_> = line.split_whitespace().collect();
        let [image, arch, _machine, _guest, kind, cause @ ..] = &words[..] else {
            panic!("a row has too few columns: {line}");
        };
        Row {
            image: (*image).to_owned(),
            arch: (*arch).to_owned(),
            kind: (*kind).to_owned(),
            cause: cause.join(" "),
        }
    });
    rows.collect()
}

/// The names of a folder's files that have an ending, without it.
fn names(folder: &str, ending: &str) -> BTreeSet<String> {
    let files = fs::read_dir(root().join(folder)).unwrap();
    let files = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    files
        .filter_map(|name| Some(name.strip_suffix(ending)?.to_owned()))
        .collect()
}

#[test]
fn every_recorded_console_gets_the_verdict_of_its_row_for_the_reason_of_its_row() {
    for row in rows() {
        let json = row.judge(&row.console());
        let name = format!("{} on {}", row.image, row.arch);
        assert_eq!(
            json["verdict"]["kind"], *row.kind,
            "{name}: {}",
            json["text"]
        );
        let text = json["text"].as_str().unwrap();
        assert!(text.contains(&row.cause), "{name}: {text}");
    }
}

/// Each crate on each architecture, and nothing that is left over.
#[test]
fn the_table_the_scenarios_and_the_consoles_belong_together() {
    let of = |what: fn(&Row) -> String| rows().iter().map(what).collect::<BTreeSet<_>>();
    assert_eq!(of(|row| row.image.clone()), names("tests/foreign", ".toml"));
    let consoles = of(|row| format!("{}-{}", row.image, row.arch));
    assert_eq!(consoles, names("fixtures/foreign", ".log"));
    assert_eq!(consoles.len(), 6 * 3);
}

#[test]
fn a_scenario_has_at_most_fifteen_lines() {
    for name in names("tests/foreign", ".toml") {
        let text = fs::read_to_string(root().join(format!("tests/foreign/{name}.toml"))).unwrap();
        let lines = text.lines().filter(|line| !line.trim().is_empty()).count();
        assert!(lines <= 15, "{name} has {lines}");
    }
}

/// The published loader takes a short read for the end of the file. Where its file system gives a sector a read, as a
/// later one does, a guest of 512 bytes runs, and whatever comes of it, `Hypervisor ok!` is printed.
#[test]
fn a_guest_that_was_loaded_in_part_is_the_cause_that_is_named() {
    let folder = tempfile::tempdir().unwrap();
    for row in rows().into_iter().filter(|row| row.image == "guestaspace") {
        let text = fs::read_to_string(row.console()).unwrap();
        let loaded = text
            .lines()
            .find(|line| line.starts_with("Loaded "))
            .unwrap();
        let part = text.replace(loaded, "Loaded 512 bytes from /sbin/gkernel");
        let log = folder.path().join("part.log");
        fs::write(&log, part).unwrap();
        let json = row.judge(&log);
        assert_eq!(json["verdict"]["kind"], "diverged", "{}", row.arch);
        assert_eq!(
            json["verdict"]["line"],
            "Loaded 512 bytes from /sbin/gkernel"
        );
    }
}

/// A pass is worth something: without the line of any one step there is none.
#[test]
fn a_console_that_lacks_a_step_does_not_pass() {
    let folder = tempfile::tempdir().unwrap();
    for row in rows().into_iter().filter(|row| row.kind == "pass") {
        let whole = row.judge(&row.console());
        let text = fs::read_to_string(row.console()).unwrap();
        let steps = whole["steps"].as_array().unwrap();
        assert!(steps.len() >= 2, "{} asks for little", row.image);
        for step in steps {
            let line = step["line"].as_str().unwrap();
            let kept = text.lines().filter(|other| *other != line);
            let kept: Vec<_> = kept.collect();
            assert!(
                kept.len() < text.lines().count(),
                "{line:?} is in the console"
            );
            let lacking = folder.path().join("lacking.log");
            fs::write(&lacking, kept.join("\n")).unwrap();
            let code = &row.judge(&lacking)["exit_code"];
            assert_eq!(*code, 1, "{} without {line:?}", row.image);
        }
    }
}
