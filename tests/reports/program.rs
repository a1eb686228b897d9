//! `--report`, and what the program does in a job of GitHub Actions, as a user meets them.

use crate::support::{Ran, command, harness, root};
use harness::tools::pages::{PAGES, entries};
use roxmltree::Document;
use serde_json::Value;
use std::fs::{self, File};
use std::path::Path;

const GOOD: &[&str] = &[
    "judge",
    "--arch",
    "riscv64",
    "fixtures/consoles/riscv64/good.log",
];

/// A console that fails, and has a line that the runner would act on.
fn bad(folder: &Path) -> String {
    let good = fs::read_to_string(root().join(GOOD[3])).unwrap();
    let file = folder.join("bad.log");
    fs::write(
        &file,
        format!("{good}::error::forged ##[error]forged\npanicked at src/x.rs:1:1:\n"),
    )
    .unwrap();
    file.display().to_string()
}

#[track_caller]
fn refused(args: &[&str], said: &str) {
    let ran = harness(&[GOOD, args].concat());
    assert_eq!(ran.code, Some(2), "{ran:#?}");
    assert!(
        ran.stderr.contains(said),
        "{said:?} is missing from {ran:#?}"
    );
}

#[test]
fn each_format_is_written_to_its_file_and_the_verdict_is_printed_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let bad = bad(folder.path());
    let formats = ["json", "junit", "tap", "github", "markdown"];
    let reports = formats.map(|format| format!("{format}={}", at(format).display()));
    let options = reports.iter().flat_map(|report| ["--report", report]);
    let args: Vec<_> = ["judge", "--arch", "riscv64", &bad]
        .into_iter()
        .chain(options)
        .collect();
    let ran = harness(&args);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    assert!(ran.stdout.contains("FAIL gkernel on riscv64"), "{ran:#?}");
    let [json, junit, tap, github, markdown] = formats.map(|f| fs::read_to_string(at(f)).unwrap());
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["cases"][0]["name"], "gkernel::riscv64");
    assert_eq!(json["cases"][0]["outcome"], "failed");
    let typed = format!("harness judge --arch riscv64 {bad} --report");
    assert!(
        json["command"].as_str().unwrap().starts_with(&typed),
        "{json}"
    );
    // Whatever the reports are, the command in them judges the console again.
    let again = format!("again: harness judge --arch riscv64 {bad} --report");
    assert!(junit.contains(&again) && github.contains(&again), "{junit}");
    let started = json["started"].as_str().unwrap();
    assert_eq!(started.len(), "2026-11-26T13:57:12.345Z".len(), "{started}");
    let junit = Document::parse(&junit).unwrap();
    assert_eq!(junit.root_element().attribute("failures"), Some("1"));
    assert!(tap.contains("\nnot ok 1 - gkernel::riscv64\n"), "{tap}");
    assert!(
        github.starts_with("::error file=tests/scenarios/gkernel.toml,"),
        "{github}"
    );
    assert!(
        markdown.starts_with("## ` gkernel::riscv64 `: did not pass\n"),
        "{markdown}"
    );
}

#[test]
fn a_report_on_standard_output_is_alone_there() {
    let ran = harness(&[GOOD, &["--report", "junit=-"]].concat());
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    Document::parse(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {ran:#?}"));
    assert!(ran.stderr.contains("PASS gkernel on riscv64"), "{ran:#?}");
}

#[test]
fn what_no_report_can_be_is_refused_before_anything_is_done() {
    refused(
        &["--report", "pdf=x"],
        "the formats are json, junit, tap, github, markdown",
    );
    refused(&["--report", "junit"], "such as junit=junit.xml");
    refused(
        &["--report", "junit=no/such/folder/x.xml"],
        "mkdir -p no/such/folder",
    );
    refused(&["--report", "junit=tests"], "name a file in it");
    refused(
        &["--report", "tap=-", "--format", "json"],
        "standard output is taken by --format json",
    );
    refused(
        &["--report", "tap=-", "--report", "junit=-"],
        "give each its own file",
    );
    refused(
        &["--report", "tap=x", "--report", "junit=x"],
        "two reports would be written to x",
    );
}

#[test]
fn a_report_that_cannot_be_written_is_exit_4_and_the_others_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let tap = format!("tap={}", folder.path().join("tap").display());
    let ran = harness(&[GOOD, &["--report", "junit=/dev/full", "--report", &tap]].concat());
    assert_eq!(ran.code, Some(4), "{ran:#?}");
    assert!(ran.stderr.contains("cannot write /dev/full"), "{ran:#?}");
    assert!(ran.stdout.contains("PASS"), "{ran:#?}");
    assert!(folder.path().join("tap").is_file());
    // Nor does a report get lost because the verdict cannot be printed.
    let json = folder.path().join("json");
    let report = format!("json={}", json.display());
    let full = File::options().write(true).open("/dev/full").unwrap();
    let ran: Ran = command(&[GOOD, &["--report", &report]].concat())
        .stdout(full)
        .output()
        .unwrap()
        .into();
    assert_eq!(ran.code, Some(4), "{ran:#?}");
    assert!(json.is_file());
}

const SCENARIO: &str = "about = 'x'\narches = ['riscv64']\nend = 'shutdown'\n[hv]\nlines = false\n\
                        [[step]]\nname = 'up'\npattern = '^ready$'\n";

/// What the set-up did has a verdict, and so a report, under the name that the case has when it is judged.
#[test]
fn a_run_that_the_set_up_fails_is_an_error_in_its_report() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    fs::write(at("mine.toml"), SCENARIO).unwrap();
    fs::write(at("kernel"), [0x13, 0, 0, 0].repeat(4)).unwrap();
    let (kernel, scenario, records) = (at("kernel"), at("mine.toml"), at("records"));
    let run = [
        "run",
        "--machine",
        "riscv64",
        "--hypervisor",
        &kernel,
        "--scenario",
        &scenario,
    ];
    let (tap, records) = (format!("tap={}", at("tap")), ["--records", &records]);
    let run = [
        &run[..],
        &records,
        &["--report", "junit=-", "--report", &tap],
    ]
    .concat();
    let ran: Ran = command(&run)
        .env("PATH", folder.path())
        .output()
        .unwrap()
        .into();
    assert_eq!(ran.code, Some(4), "{ran:#?}");
    assert!(
        ran.stderr
            .contains("error: qemu-system-riscv64 is not installed"),
        "{ran:#?}"
    );
    let junit = Document::parse(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {ran:#?}"));
    assert_eq!(junit.root_element().attribute("errors"), Some("1"));
    let tap = fs::read_to_string(at("tap")).unwrap();
    assert!(tap.contains("\nnot ok 1 - mine::riscv64\n"), "{tap}");
    assert!(tap.contains("severity: \"error\"\n"), "{tap}");
    // The same for who asks for JSON alone.
    let json = [&run[..run.len() - 4], &["--format", "json"]].concat();
    let ran: Ran = command(&json)
        .env("PATH", folder.path())
        .output()
        .unwrap()
        .into();
    assert_eq!(ran.code, Some(4), "{ran:#?}");
    assert_eq!(ran.json()["scenario"], "mine");
    assert_eq!(ran.stderr, "");
}

/// Runs the program as a step of a job does.
fn in_a_job(args: &[&str], summary: &Path) -> Ran {
    let mut command = command(args);
    command
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_STEP_SUMMARY", summary);
    command
        .env("GITHUB_WORKSPACE", root())
        .output()
        .unwrap()
        .into()
}

/// The lines that the runner acts on.
fn acted_on(stdout: &str) -> Vec<&str> {
    let mut stopped = None;
    let mut found = Vec::new();
    for line in stdout.lines() {
        let is_command = line.trim_start().starts_with("::") || line.contains("##[");
        match stopped {
            Some(token) if line == format!("::{token}::") => stopped = None,
            Some(_) => {}
            None if is_command => match line.strip_prefix("::stop-commands::") {
                Some(token) => stopped = Some(token),
                None => found.push(line),
            },
            None => {}
        }
    }
    assert_eq!(stopped, None, "commands are taken again in the end");
    found
}

#[test]
fn a_job_gets_annotations_and_a_summary_and_nothing_that_a_guest_says_is_a_command() {
    let folder = tempfile::tempdir().unwrap();
    let (bad, summary) = (bad(folder.path()), folder.path().join("summary.md"));
    fs::write(&summary, "of another step\n").unwrap();
    let ran = in_a_job(&["judge", "--arch", "riscv64", &bad], &summary);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    assert!(ran.stdout.contains("##[error]forged"), "{ran:#?}");
    let found = acted_on(&ran.stdout);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].starts_with("::error file=tests/scenarios/gkernel.toml,"),
        "{found:?}"
    );
    let written = fs::read_to_string(&summary).unwrap();
    assert!(
        written.starts_with("of another step\n## ` gkernel::riscv64 `: did not pass"),
        "{written}"
    );
}

/// The job's log has both streams, so what belongs to a report on standard output does not protect the other.
#[test]
fn nothing_that_a_guest_says_is_a_command_on_standard_error() {
    let folder = tempfile::tempdir().unwrap();
    let (bad, summary) = (bad(folder.path()), folder.path().join("summary.md"));
    let judge = ["judge", "--arch", "riscv64", &bad, "--report", "tap=-"];
    let ran = in_a_job(&judge, &summary);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    // The guest's line is shown, and harmless.
    assert!(ran.stderr.contains(r"#\x23[error]forged"), "{ran:#?}");
    let found = acted_on(&ran.stderr);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("::error file=tests/"), "{found:?}");
}

/// A name that a pull request brings, or an input that somebody else gave.
#[test]
fn nothing_that_an_error_quotes_is_a_command() {
    let folder = tempfile::tempdir().unwrap();
    let summary = folder.path().join("summary.md");
    for args in [
        ["judge", "--arch", "riscv64", "##[error]x"],
        ["judge", "--arch", "##[stop-commands]x", "x"],
        ["judge", "--scenario", "a\n::error::x", "x"],
    ] {
        let ran = in_a_job(&args, &summary);
        assert_eq!(ran.code, Some(2), "{ran:#?}");
        // The annotation of the error is the harness's own.
        let [own] = &acted_on(&ran.stderr)[..] else {
            panic!("{ran:#?}");
        };
        assert!(own.starts_with("::error title=harness::"), "{own}");
        assert_eq!(acted_on(&ran.stdout), [""; 0]);
    }
}

#[test]
fn json_stays_json_in_a_job() {
    let folder = tempfile::tempdir().unwrap();
    let (bad, summary) = (bad(folder.path()), folder.path().join("summary.md"));
    let ran = in_a_job(
        &["judge", "--arch", "riscv64", &bad, "--format", "json"],
        &summary,
    );
    let lines = ran.json()["last_lines"].clone();
    assert!(lines.to_string().contains("##[error]forged"), "{lines}");
    assert_eq!(acted_on(&ran.stdout), [""; 0]);
    assert_eq!(acted_on(&ran.stderr).len(), 1, "{ran:#?}");
}

#[test]
fn a_mistake_in_a_scenario_is_annotated_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = folder.path().join("mine.toml");
    fs::write(&scenario, "about = 'x'\nsteps = 1\n").unwrap();
    let scenario = scenario.display().to_string();
    let args = [GOOD, &["--scenario", &scenario]].concat();
    let ran = in_a_job(&args, &folder.path().join("summary.md"));
    assert_eq!(ran.code, Some(2), "{ran:#?}");
    let found = acted_on(&ran.stderr);
    assert_eq!(found.len(), 1, "{ran:#?}");
    assert!(
        found[0].starts_with(&format!("::error file={scenario},line=2,")),
        "{found:?}"
    );
}

#[test]
fn the_schemas_come_with_the_program() {
    let read = |name: &str| -> Value {
        let text = fs::read_to_string(root().join("harness/docs").join(name)).unwrap();
        serde_json::from_str(&text).unwrap()
    };
    let (verdict, mut matrix) = (read("verdict.schema.json"), read("matrix.schema.json"));
    assert_eq!(harness(&["explain", "--schema", "verdict"]).json(), verdict);
    matrix["$defs"]["verdict.schema.json"] = verdict;
    assert_eq!(harness(&["explain", "--schema", "matrix"]).json(), matrix);
    let both = harness(&["explain", "--schema", "matrix", "pass"]);
    assert_eq!(both.code, Some(2), "{both:#?}");
}

/// What the page says there is, the program takes.
#[test]
fn the_page_has_every_format() {
    let page = PAGES.iter().find(|page| page.name == "reports.md").unwrap();
    let formats = entries(page.text);
    let formats = formats
        .iter()
        .filter(|entry| entry.section == Some("Formats"));
    let formats: Vec<_> = formats.map(|entry| entry.key).collect();
    refused(
        &["--report", "pdf=x"],
        &format!("the formats are {}", formats.join(", ")),
    );
}
