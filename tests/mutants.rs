//! The mutants of the conformance suite. `harness mutants` tries all of them; here two show that it
//! works, and all are checked to apply.

mod support;

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
        assert_eq!(row["verdict"], "forbidden-output");
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
