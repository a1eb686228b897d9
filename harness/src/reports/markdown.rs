//! A summary in Markdown, as GitHub shows it under a job: how many of what, by architecture, and each case that
//! failed with the command to run it again.

use super::words;
use crate::arch::Arch;
use crate::matrix::{CaseResult, Outcome, Results};
use crate::shown;
use std::collections::BTreeMap;
use std::fmt::Write;

/// How many failures are told at length. GitHub takes a summary of at most 1 MiB.
const FAILURES: usize = 20;

/// How many characters are shown of what is said of one of them.
const PARAGRAPH: usize = 6000;

/// How many bytes there are at most before a row of the table of all cases that is still added.
const FULL: usize = 900 << 10;

/// What can come of a case, in the order of the columns.
const OUTCOMES: [Outcome; 5] = [
    Outcome::Passed,
    Outcome::Flaky,
    Outcome::Failed,
    Outcome::SetUp,
    Outcome::NotRun,
];

/// The summary.
pub fn markdown(results: &Results) -> String {
    let mut out = String::new();
    let passed = results.exit_code() == 0;
    let word = if passed { "passed" } else { "did not pass" };
    let of = match results.cases.as_slice() {
        [case] => code(&case.name),
        cases => format!("{} cases", cases.len()),
    };
    let _ = writeln!(out, "## {of}: {word}\n");
    by_architecture(&mut out, results);
    let failed = results.cases.iter();
    let failed: Vec<_> = failed.filter(|c| words::fails(results, c)).collect();
    for case in failed.iter().take(FAILURES) {
        failure(&mut out, results, case);
    }
    if let Some(more) = failed.len().checked_sub(FAILURES).filter(|&more| more > 0) {
        let _ = writeln!(out, "{more} more cases failed.\n");
    }
    if results.cases.len() > 1 {
        all(&mut out, results);
    }
    let _ = writeln!(out, "Made by {}", code(&results.command));
    out
}

/// A row for each architecture, a column for each outcome.
fn by_architecture(out: &mut String, results: &Results) {
    let _ = write!(out, "| |");
    for outcome in OUTCOMES {
        let _ = write!(out, " {outcome} |");
    }
    let _ = writeln!(out, " time |\n|---|--:|--:|--:|--:|--:|--:|");
    for arch in Arch::ALL {
        let cases: Vec<_> = results.cases.iter().filter(|c| c.arch == arch).collect();
        if cases.is_empty() {
            continue;
        }
        let _ = write!(out, "| {arch} |");
        for outcome in OUTCOMES {
            let count = cases.iter().filter(|case| case.outcome == outcome).count();
            let _ = write!(out, " {count} |");
        }
        let attempts = cases.iter().flat_map(|case| &case.attempts);
        let seconds: f64 = attempts.map(|attempt| attempt.seconds).sum();
        let _ = writeln!(out, " {seconds:.1} s |");
    }
    out.push('\n');
}

/// What is to be said of a case that fails the matrix.
fn failure(out: &mut String, results: &Results, case: &CaseResult) {
    let _ = writeln!(out, "### {}: {}\n", code(&case.name), case.outcome);
    let said = match words::last(case) {
        None => words::without_a_run(case).to_owned(),
        Some(_) if case.outcome == Outcome::Flaky => words::FLAKY_FAILS.to_owned(),
        Some(attempt) => {
            let _ = writeln!(out, "To look at: {}.\n", attempt.report.blame);
            words::paragraph(&attempt.report)
        }
    };
    block(out, "text", &said);
    block(out, "sh", &words::command(results, case));
}

/// A row for each scenario, a column for each machine.
fn all(out: &mut String, results: &Results) {
    let mut machines: Vec<_> = results.cases.iter().map(|case| &case.machine).collect();
    machines.sort();
    machines.dedup();
    let mut rows: BTreeMap<&str, BTreeMap<&str, Outcome>> = BTreeMap::new();
    for case in &results.cases {
        let row = rows.entry(&case.scenario).or_default();
        row.insert(&case.machine, case.outcome);
    }
    let _ = write!(out, "<details><summary>All cases</summary>\n\n| |");
    for machine in &machines {
        let _ = write!(out, " {} |", code(machine));
    }
    let _ = writeln!(out, "\n|---{}|", "|---".repeat(machines.len()));
    for (scenario, row) in &rows {
        if out.len() > FULL {
            let _ = writeln!(out, "| ... |");
            break;
        }
        let _ = write!(out, "| {} |", code(scenario));
        for machine in &machines {
            let outcome = row.get(machine.as_str());
            let _ = write!(
                out,
                " {} |",
                outcome.map_or(String::new(), Outcome::to_string)
            );
        }
        out.push('\n');
    }
    let _ = writeln!(out, "\n</details>\n");
}

/// Text as code, where nothing in it is Markdown or HTML. A table takes it too: there `|` ends a cell even in
/// code.
fn code(text: &str) -> String {
    let text = shown::line(text).replace('|', "\u{2502}");
    if text.trim().is_empty() {
        return String::new();
    }
    let ticks = "`".repeat(longest_run(&text) + 1);
    format!("{ticks} {text} {ticks}")
}

/// A block of code.
fn block(out: &mut String, language: &str, text: &str) {
    let text = words::beginning(text, PARAGRAPH);
    let fence = "`".repeat(longest_run(&text).max(2) + 1);
    let _ = writeln!(out, "{fence}{language}\n{}\n{fence}\n", text.trim_end());
}

/// How many backticks stand together in a text at most.
fn longest_run(text: &str) -> usize {
    let runs = text.split(|c| c != '`').map(str::len);
    runs.max().unwrap_or(0)
}
