//! The scenarios of `tests/foreign`, which judge images of others: on the consoles that were recorded when
//! those images ran. `tests/foreign/judge.sh` does the same with the images themselves.
//!
//! An image that does not do the same in every run has a row for each thing that it does, and a console of
//! each; what a console holds says which row it is of.

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
    /// What it is started as: its machine, and the guest on its disk.
    machine: String,
    guest: String,
    when: When,
    /// The verdicts of which it may have any.
    kinds: Vec<String>,
    cause: String,
    /// The name of its recorded console, without the ending.
    name: String,
}

/// Which consoles of an image a row is of.
enum When {
    Always,
    Has(String),
    Lacks(String),
}

impl When {
    fn read(word: &str) -> Self {
        match word.split_once(':') {
            None if word == "-" => Self::Always,
            Some(("has", word)) => Self::Has(word.to_owned()),
            Some(("lacks", word)) => Self::Lacks(word.to_owned()),
            _ => panic!("what is {word}?"),
        }
    }

    fn fits(&self, console: &str) -> bool {
        match self {
            Self::Always => true,
            Self::Has(word) => console.contains(word),
            Self::Lacks(word) => !console.contains(word),
        }
    }
}

impl Row {
    fn console(&self) -> PathBuf {
        let name = format!("{}.log", self.name);
        root().join("fixtures/foreign").join(name)
    }

    fn passes(&self) -> bool {
        self.kinds == ["pass"]
    }

    fn is_of_the_image_of(&self, other: &Self) -> bool {
        (&self.image, &self.arch) == (&other.image, &other.arch)
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

    /// Judges a console, which has to get the verdict of this row for its reason.
    #[track_caller]
    fn expect(&self, console: &Path) {
        let json = self.judge(console);
        let (name, text) = (&self.name, json["text"].as_str().unwrap());
        let kind = json["verdict"]["kind"].as_str().unwrap();
        assert!(self.kinds.iter().any(|one| one == kind), "{name}: {text}");
        assert!(text.contains(&self.cause), "{name}: {text}");
    }
}

fn rows() -> Vec<Row> {
    let table = fs::read_to_string(root().join("tests/foreign/verdicts.txt")).unwrap();
    let lines = table
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut rows: Vec<Row> = Vec::new();
    for line in lines {
        let words: Vec<_> = line.split_whitespace().collect();
        let [image, arch, machine, guest, when, kinds, cause @ ..] = &words[..] else {
            panic!("a row has too few columns: {line}");
        };
        let kinds: Vec<_> = kinds.split('|').map(str::to_owned).collect();
        let mut name = format!("{image}-{arch}");
        if rows.iter().any(|before| before.name == name) {
            name = format!("{name}-{}", kinds[0]);
        }
        rows.push(Row {
            image: (*image).to_owned(),
            arch: (*arch).to_owned(),
            machine: (*machine).to_owned(),
            guest: (*guest).to_owned(),
            when: When::read(when),
            kinds,
            cause: cause.join(" "),
            name,
        });
    }
    rows
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
        row.expect(&row.console());
    }
}

/// A run that lacks its row would get no verdict of the table's, and one that has two could get either. And a
/// verdict is of one row, so that it is wrong for a console that is of another.
#[test]
fn a_console_is_of_one_row() {
    let rows = rows();
    for row in &rows {
        let console = fs::read_to_string(row.console()).unwrap();
        let others = rows.iter().filter(|other| row.is_of_the_image_of(other));
        for other in others {
            let name = &other.name;
            let is_it = *name == row.name;
            assert_eq!(other.when.fits(&console), is_it, "{} as {name}", row.name);
            let shared = other.kinds.iter().any(|kind| row.kinds.contains(kind));
            assert_eq!(shared, is_it, "{} as {name}", row.name);
            // One run is for all of them.
            let started = (&other.machine, &other.guest);
            assert_eq!(started, (&row.machine, &row.guest), "{name}");
        }
    }
}

/// A machine that is switched off may stop in the middle of what is printed: whichever part of the panic a console
/// has, it is of one row, and gets the verdict of that.
#[test]
fn a_panic_that_is_printed_in_part_is_none_or_one() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("part.log");
    let mut rows = rows();
    rows.retain(|row| row.name.starts_with("guestmode-x86_64"));
    let [passes, panics] = &rows[..] else {
        panic!("it does two things");
    };
    let console = fs::read_to_string(panics.console()).unwrap();
    let panic = console.find("panicked").unwrap();
    for end in panic..=console.len() {
        fs::write(&log, &console[..end]).unwrap();
        let row = if panics.when.fits(&console[..end]) {
            panics
        } else {
            passes
        };
        row.expect(&log);
    }
}

/// Each crate on each architecture, and nothing that is left over.
#[test]
fn the_table_the_scenarios_and_the_consoles_belong_together() {
    let of = |what: fn(&Row) -> String| rows().iter().map(what).collect::<BTreeSet<_>>();
    let mut scenarios = names("tests/foreign", ".toml");
    // Its runs are recorded whole: tests/foreign_audit.rs judges them.
    assert!(scenarios.remove("guestaspace-audit"));
    assert_eq!(of(|row| row.image.clone()), scenarios);
    assert_eq!(
        of(|row| row.name.clone()),
        names("fixtures/foreign", ".log")
    );
    let images = of(|row| format!("{}-{}", row.image, row.arch));
    assert_eq!(images.len(), 6 * 3);
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
    for row in rows().into_iter().filter(Row::passes) {
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
