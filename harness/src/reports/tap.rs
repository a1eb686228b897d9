//! TAP 14 (the Test Anything Protocol): a test point for each case, with its facts as YAML, and the cases
//! within a boot as a subtest.

use super::words::{self, Result};
use crate::matrix::{CaseResult, Outcome, Results};
use crate::records::report::Report;
use crate::shown;
use serde::Serialize;
use std::fmt::Write;

/// The whole document.
///
/// A case that was not run is skipped. As a skipped test is no failure to a consumer, the document ends with
/// `Bail out!` then, for the matrix has not passed.
pub fn tap(results: &Results) -> String {
    let mut out = format!("TAP version 14\n1..{}\n", results.cases.len());
    for (nth, case) in results.cases.iter().enumerate() {
        let report = words::last(case).map(|attempt| &attempt.report);
        if let Some(report) = report.filter(|report| !report.results.is_empty()) {
            subtest(&mut out, case, report);
        }
        let ok = !words::fails(results, case);
        point(&mut out, "", ok, nth + 1, &case.name);
        if case.outcome == Outcome::NotRun {
            let _ = write!(out, " # SKIP {}", words::NOT_RUN);
        }
        out.push('\n');
        if let Some(report) = report {
            facts(&mut out, results, case, report);
        }
    }
    let not_run = results.cases.iter();
    let not_run = not_run.filter(|c| c.outcome == Outcome::NotRun).count();
    if not_run > 0 {
        let _ = writeln!(out, "Bail out! {not_run} cases were not run");
    }
    out
}

/// The cases within a boot, each line indented as the format wants it.
fn subtest(out: &mut String, case: &CaseResult, report: &Report) {
    const INDENT: &str = "    ";
    let _ = writeln!(out, "# Subtest: {}", described(&case.name));
    let _ = writeln!(out, "{INDENT}1..{}", report.results.len());
    for (nth, (name, became)) in words::results_of(report).enumerate() {
        let ok = !matches!(became, Result::Failed(_));
        point(out, INDENT, ok, nth + 1, &name);
        match became {
            Result::Ok => out.push('\n'),
            Result::NotJudged => out.push_str(" # SKIP the set-up ended the run\n"),
            Result::Failed(why) => {
                out.push('\n');
                block(out, INDENT, &[("message", text(&why))]);
            }
        }
    }
}

/// A test point, without its line's end.
fn point(out: &mut String, indent: &str, ok: bool, nth: usize, name: &str) {
    let word = if ok { "ok" } else { "not ok" };
    let _ = write!(out, "{indent}{word} {nth} - {}", described(name));
}

/// A description: `#` would begin a directive, and `\` escapes.
fn described(name: &str) -> String {
    let name = shown::line(name);
    name.replace('\\', r"\\").replace('#', r"\#")
}

/// What is known of a case, as YAML.
fn facts(out: &mut String, results: &Results, case: &CaseResult, report: &Report) {
    let mut facts = vec![("seconds", text(&report.seconds))];
    if case.outcome != Outcome::Passed {
        facts.push(("outcome", text(&case.outcome.to_string())));
    }
    if case.outcome == Outcome::Flaky && results.flaky_fails {
        facts.push(("message", text(words::FLAKY_FAILS)));
    }
    if !report.passed() {
        let set_up = words::is_set_up(report);
        facts.extend([
            ("severity", text(if set_up { "error" } else { "fail" })),
            ("verdict", text(report.verdict.kind())),
            ("fault", text(&report.blame)),
            ("exit_code", text(&report.exit_code)),
            ("message", text(&words::headline(report))),
            ("explanation", text(&words::paragraph(report))),
            ("again", text(&words::command(results, case))),
        ]);
    }
    let earlier = words::earlier(case).iter();
    let earlier: Vec<_> = earlier.map(|a| words::headline(&a.report)).collect();
    if !earlier.is_empty() {
        facts.push(("earlier_runs", text(&earlier)));
    }
    block(out, "", &facts);
}

/// A block of YAML under a test point. Each value is JSON, which YAML contains.
fn block(out: &mut String, indent: &str, facts: &[(&str, String)]) {
    let _ = writeln!(out, "{indent}  ---");
    for (key, value) in facts {
        let _ = writeln!(out, "{indent}  {key}: {value}");
    }
    let _ = writeln!(out, "{indent}  ...");
}

fn text(value: &(impl Serialize + ?Sized)) -> String {
    shown::json(&value)
}
