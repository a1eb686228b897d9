//! The mutants: those of the conformance suite, and those that are generated. `harness mutants` tries all of
//! them; here a few show that it works, and all are checked to apply.

mod support;

use harness::tools::mutants::generate::equivalents::Equivalents;
use harness::tools::mutants::generate::{site::Site, sources};
use std::collections::BTreeSet;
use std::fs;
use support::{harness, root};

#[test]
fn every_case_has_a_mutant_that_still_applies() {
    let without = harness::tools::mutants::check(&harness::Project::new(root()))
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(without, Vec::<String>::new());
}

#[test]
fn defects_that_are_put_back_are_seen() {
    let cases = ["npf-outside", "npf-store-ro"];
    let args = ["mutants", "--arch", "riscv64", "--format", "json"];
    let ran = harness(&[&args[..], &cases[..]].concat());
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    let table = ran.json();
    for (row, case) in table["rows"].as_array().expect("rows").iter().zip(cases) {
        assert_eq!(row["case"], case);
        assert_eq!(row["arch"], "riscv64");
        assert_eq!(row["fate"], "killed");
        let seen_by = row["verdict"].as_str().unwrap();
        assert!(["forbidden-output", "broken-report", "isolation-broken"].contains(&seen_by));
    }
}

#[test]
fn a_hypervisor_that_lies_is_seen() {
    let lies = ["lie-after-ok", "lie-no-host"];
    let args = ["mutants", "--arch", "x86_64", "--format", "json"];
    let ran = harness(&[&args[..], &lies[..]].concat());
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    let table = ran.json();
    let rows = table["rows"].as_array().expect("rows");
    let fates: Vec<_> = rows
        .iter()
        .map(|row| (&row["mutant"], &row["case"], &row["fate"], &row["verdict"]))
        .map(|(mutant, case, fate, verdict)| format!("{mutant} {case} {fate} {verdict}"))
        .collect();
    assert_eq!(
        fates,
        [
            r#""lie-after-ok" "gkernel" "killed" "forbidden-output""#,
            r#""lie-no-host" "gkernel" "killed" "broken-report""#,
        ]
    );
}

#[test]
fn a_case_that_is_not_there_is_a_usage_error() {
    let ran = harness(&["mutants", "no-such-case"]);
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.stderr
            .contains("there is no case `no-such-case`; there are: "),
        "{ran:#?}"
    );
}

fn sites() -> Vec<Site> {
    sources::sites(&root()).unwrap_or_else(|error| panic!("{error}"))
}

/// A place that is found no more would be a mutant that nobody misses.
#[test]
fn the_places_for_mutants_are_these() {
    let sites = sites();
    let ids: BTreeSet<_> = sites.iter().map(|site| site.id.as_str()).collect();
    assert_eq!(ids.len(), sites.len(), "an ID is there twice");
    let ids: Vec<_> = sites.iter().map(|site| site.id.as_str()).collect();
    insta::assert_snapshot!(
        "sites",
        format!("{} mutants\n{}", ids.len(), ids.join("\n"))
    );
}

#[test]
fn each_generated_mutant_is_a_change_of_its_file() {
    for site in sites() {
        let text = fs::read_to_string(root().join(&site.file)).unwrap();
        let mutant = site.apply(&text).expect("it was found there");
        assert_ne!(mutant, text, "{}", site.id);
    }
}

#[test]
fn the_list_of_equivalents_names_mutants_and_says_why() {
    let list = Equivalents::read(&harness::Project::new(root()));
    let list = list.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(list.mistakes(&sites(), &[]), Vec::<String>::new());
}

#[test]
fn a_generated_mutant_is_killed_and_its_result_is_kept() {
    let id = "riscv64/format/Sv39x4.leaf/Self-V-dropped";
    let args = [
        "mutants",
        "--generate",
        "--arch",
        "riscv64",
        "--jobs",
        "1",
        id,
    ];
    let ran = harness(&[&args[..], &["--again", "--format", "json"]].concat());
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    let row = &ran.json()["rows"][0];
    assert_eq!((&row["id"], &row["fate"]), (&id.into(), &"killed".into()));
    assert!(
        row["place"]
            .as_str()
            .is_some_and(|place| place.starts_with("hypervisor/src/arch/"))
    );

    let kept = harness(&args);
    assert_eq!(kept.code, Some(0), "{kept:#?}");
    let line = "riscv64: 1 mutants: 1 killed";
    assert!(
        kept.stdout.starts_with(line),
        "it was tried again: {kept:#?}"
    );
}

#[test]
fn a_mutant_that_is_not_there_is_a_usage_error() {
    let ran = harness(&["mutants", "--generate", "x86_64/nothing"]);
    assert_eq!(ran.code, Some(2), "{ran:#?}");
    assert!(ran.stderr.contains("--generate --list"), "{ran:#?}");
}
