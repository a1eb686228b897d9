//! Matrices of real machines: all three architectures at once, and the page about it.

mod support;

use harness::matrix::{Outcome, Results, folder, results};
use harness::records::packed;
use harness::tools::pages::{self, PAGES};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use support::{Ran, harness, root};

/// Runs a matrix into a folder of its own.
fn matrix(folder: &Path, args: &[&str]) -> Ran {
    let folder = folder.to_str().expect("its name is text");
    harness(&[&["matrix", "--records", folder], args].concat())
}

#[track_caller]
fn results(folder: &Path) -> Results {
    folder::newest(folder).expect("one is over").1
}

#[test]
fn three_architectures_boot_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let ran = matrix(folder.path(), &["--scenario", "gkernel"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    let results = results(folder.path());
    let names: Vec<_> = results.cases.iter().map(|case| &*case.name).collect();
    assert_eq!(
        names,
        ["gkernel::aarch64", "gkernel::riscv64", "gkernel::x86_64"]
    );
    for case in &results.cases {
        assert_eq!(case.outcome, Outcome::Passed, "{ran:#?}");
        let report = &case.attempts[0].report;
        assert!(report.audit.is_some() && report.steps.len() == report.steps_total);
        assert!(
            ran.stdout.contains(&format!("PASS {} ", case.name)),
            "{ran:#?}"
        );
    }
    assert!(
        ran.stdout.contains("\nPASS 3 cases: all passed, "),
        "{ran:#?}"
    );
    // The next one knows how long they take.
    let times = fs::read_to_string(folder.path().join(".harness-times.json")).unwrap();
    assert!(names.iter().all(|name| times.contains(name)), "{times}");
}

#[test]
fn another_machine_of_an_architecture_is_a_case_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let cortex = root().join("tests/scenarios/machines/aarch64-cortex-a76.toml");
    let args = [
        "--scenario",
        "gkernel-el0",
        "--machine",
        "aarch64",
        "--machine",
        cortex.to_str().unwrap(),
        "--no-audit",
    ];
    let ran = matrix(folder.path(), &args);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    let names: Vec<_> = results(folder.path())
        .cases
        .into_iter()
        .map(|case| case.name)
        .collect();
    assert_eq!(
        names,
        ["gkernel-el0::aarch64", "gkernel-el0::aarch64-cortex-a76"]
    );
}

#[test]
fn one_broken_scenario_among_others_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let good = fs::read_to_string(root().join("tests/scenarios/gkernel.toml")).unwrap();
    let good = good.replace(
        "base/",
        &format!("{}/tests/scenarios/base/", root().display()),
    );
    let broken = folder.path().join("broken.toml");
    fs::write(
        &broken,
        good.replace("Got pflash magic: pfld$", "Got pflash magic: pfdl$"),
    )
    .unwrap();
    let args = [
        "--scenario",
        "gkernel",
        "--scenario",
        broken.to_str().unwrap(),
        "--arch",
        "riscv64",
        "--arch",
        "x86_64",
    ];
    let ran = matrix(folder.path(), &args);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    for text in [
        "FAIL broken::riscv64 ",
        "FAIL broken::x86_64 ",
        "Got pflash magic: pfld",
        "\nFAIL 4 cases: 2 failed, 2 passed, ",
    ] {
        assert!(ran.stdout.contains(text), "{text:?} is missing: {ran:#?}");
    }
    let ran = matrix(
        folder.path(),
        &["failed()", "--list", "--scenario", broken.to_str().unwrap()],
    );
    assert_eq!(ran.stdout, "broken::riscv64\nbroken::x86_64\n");
}

#[test]
fn every_case_of_the_workspace_is_in_one_of_its_shards() {
    let list = |shard: &str| -> Vec<String> {
        let ran = harness(&["matrix", "--list", "--format", "json", "--shard", shard]);
        assert_eq!((ran.code, &*ran.stderr), (Some(0), ""));
        serde_json::from_value(ran.json()).unwrap()
    };
    let all = list("1/1");
    assert!(
        all.len() > 200 && all.contains(&"gkernel-el0::aarch64".to_owned()),
        "{all:?}"
    );
    let parts: Vec<_> = ["1/3", "2/3", "3/3"].map(list).into();
    let together: BTreeSet<_> = parts.concat().into_iter().collect();
    assert_eq!(together.len(), parts.concat().len());
    assert_eq!(together, all.into_iter().collect());
}

#[test]
fn what_is_packed_is_judged_and_shown_as_before() {
    for name in ["x86_64-gkernel", "aarch64-mmio-forms"] {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join(name);
        fs::create_dir(&run).unwrap();
        for entry in fs::read_dir(root().join("fixtures/runs").join(name)).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), run.join(entry.file_name())).unwrap();
        }
        let at = run.to_str().unwrap();
        let seen = || {
            let mut judged = harness(&["judge", at, "--format", "json"]).json();
            judged["memory_kib"] = Value::Null;
            judged["seconds"] = Value::Null;
            let audit = harness(&["audit", at, "--format", "json"]);
            assert_eq!(harness(&["page", at]).code, Some(0));
            let page = fs::read_to_string(run.join("page.html")).unwrap();
            (judged, audit.code, audit.stdout, page)
        };
        let before = seen();
        assert!(before.3.contains("witness.log:"), "it has QEMU's log");
        for record in ["events.jsonl", "witness.log"] {
            packed::pack(&run, record).unwrap();
            assert!(!run.join(record).exists());
        }
        assert!(seen() == before, "{name} is another run now");
    }
}

fn page() -> &'static str {
    let page = PAGES.iter().find(|page| page.name == "matrix.md");
    page.unwrap().text
}

/// The keys under a heading of the page.
fn keys(title: &str) -> BTreeSet<String> {
    let entries = pages::entries(page()).into_iter();
    let entries = entries.filter(|entry| entry.section == Some(title));
    entries.map(|entry| entry.key.to_owned()).collect()
}

#[test]
fn the_page_has_every_option() {
    let harness = harness::cli::description();
    let matrix = harness.find_subcommand("matrix").unwrap();
    let options = matrix
        .get_arguments()
        .filter(|option| !option.is_global_set());
    let options = options.filter_map(|option| match option.get_long() {
        Some("help") => None,
        Some(long) => Some(format!("--{long}")),
        None => option.get_value_names().map(|names| names[0].to_string()),
    });
    assert_eq!(keys("Options"), options.collect());
}

#[test]
fn the_page_has_every_field_of_the_results_and_its_type() {
    let folder = tempfile::tempdir().unwrap();
    let ran = matrix(
        folder.path(),
        &["gkernel", "--arch", "riscv64", "--format", "json"],
    );
    let json = ran.json();
    let fields: BTreeSet<_> = json.as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys("Fields"), fields);
    for entry in pages::entries(page()) {
        if entry.section != Some("Fields") {
            continue;
        }
        let kind = match &json[entry.key] {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        let (types, _) = entry.text.split_once(':').unwrap();
        assert!(
            types.split(" or ").any(|of| of == kind),
            "{}: {kind}",
            entry.key
        );
    }
    let case = &json["cases"][0];
    let fields: BTreeSet<_> = case.as_object().unwrap().keys().cloned().collect();
    let entries = pages::entries(page());
    let cases = entries.iter().find(|entry| entry.key == "cases").unwrap();
    let items = pages::items(cases);
    assert_eq!(
        items
            .iter()
            .map(|item| item.key.to_owned())
            .collect::<BTreeSet<_>>(),
        fields
    );
    for outcome in [
        Outcome::Passed,
        Outcome::Flaky,
        Outcome::Failed,
        Outcome::SetUp,
        Outcome::NotRun,
    ] {
        let word = serde_json::to_value(outcome).unwrap();
        let word = word.as_str().unwrap();
        assert!(cases.text.contains(&format!("`{word}`")), "{word}");
    }
    let attempt = case["attempts"][0].as_object().unwrap();
    let told = |field: &String| cases.text.contains(&format!("`{field}`"));
    assert!(attempt.keys().all(told));
    assert!(page().contains(&format!("of `matrix.json`, version {}.", results::VERSION)));
}
