//! What came of a matrix, as a table for people.

use super::results::{CaseResult, Outcome, Results};
use crate::arch::Arch;
use crate::shown;
use anstyle::{AnsiColor, Style};
use std::collections::BTreeMap;
use std::fmt::Write;

/// How wide the names of rows may be, in characters.
const NAME: usize = 44;

/// How wide the columns are.
const COLUMN: usize = 15;

/// How a word about an outcome looks.
pub fn style(outcome: Outcome) -> Style {
    let colour = match outcome {
        Outcome::Passed => AnsiColor::Green,
        Outcome::Flaky | Outcome::NotRun => AnsiColor::Yellow,
        Outcome::Failed | Outcome::SetUp => AnsiColor::Red,
    };
    let plain = Style::new().fg_color(Some(colour.into()));
    match outcome {
        Outcome::Passed | Outcome::NotRun => plain,
        _ => plain.bold(),
    }
}

/// The word for an outcome at the beginning of a line.
pub fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "PASS",
        Outcome::Flaky => "FLAKY",
        Outcome::Failed => "FAIL",
        Outcome::SetUp => "STOPPED",
        Outcome::NotRun => "NOT RUN",
    }
}

/// The line about a case that is over, without its end: `PASS gkernel::riscv64 0.27 s`.
pub fn line(name: &str, outcome: Outcome, seconds: f64) -> String {
    let (style, word) = (style(outcome), word(outcome));
    format!(
        "{style}{word}{style:#} {} {seconds:.2} s",
        shown::line(name)
    )
}

/// The same about a run that the set-up failed, and that is tried again.
pub fn again(name: &str, seconds: f64) -> String {
    let style = style(Outcome::Flaky);
    format!("{style}AGAIN{style:#} {} {seconds:.2} s", shown::line(name))
}

/// The whole: a table by scenario and architecture of what did not pass, or of all cases if they are wanted; one by
/// architecture; and a line about all.
pub fn summary(results: &Results, all: bool) -> String {
    let mut out = String::new();
    by_scenario(results, all, &mut out);
    by_architecture(results, &mut out);
    let _ = writeln!(out, "\n{}", verdict(results));
    out
}

/// The architectures that there are cases of.
fn arches(results: &Results) -> Vec<Arch> {
    let there = |arch: &Arch| results.cases.iter().any(|case| case.arch == *arch);
    Arch::ALL.into_iter().filter(there).collect()
}

/// The scenario, with the machine if that is another one than the architecture's own.
fn row_of(case: &CaseResult) -> String {
    match case.machine == case.arch.name() {
        true => case.scenario.clone(),
        false => format!("{} @ {}", case.scenario, case.machine),
    }
}

fn by_scenario(results: &Results, all: bool, out: &mut String) {
    let mut rows: BTreeMap<String, Vec<&CaseResult>> = BTreeMap::new();
    for case in &results.cases {
        rows.entry(row_of(case)).or_default().push(case);
    }
    let count = rows.len();
    let passed = |cases: &[&CaseResult]| cases.iter().all(|case| case.outcome == Outcome::Passed);
    rows.retain(|_, cases| all || !passed(cases));
    if rows.is_empty() {
        return;
    }
    let width = rows.keys().map(|name| name.chars().count()).max();
    let width = width.unwrap_or(0).min(NAME);
    let arches = arches(results);
    let _ = write!(out, "\n  {:width$}", "");
    for arch in &arches {
        let _ = write!(out, " {arch:>COLUMN$}", arch = arch.name());
    }
    out.push('\n');
    for (name, cases) in &rows {
        let _ = write!(out, "  {:width$}", cut(name));
        for arch in &arches {
            let case = cases.iter().find(|case| case.arch == *arch);
            out.push(' ');
            out.push_str(&case.map_or_else(|| format!("{:>COLUMN$}", "-"), |case| cell(case)));
        }
        out.push('\n');
    }
    if rows.len() < count {
        let others = count - rows.len();
        let _ = writeln!(
            out,
            "  and {others} more, which passed (--table shows them)"
        );
    }
}

fn cut(name: &str) -> String {
    let name = shown::line(name);
    match name.char_indices().nth(NAME) {
        Some((_, _)) => name.chars().take(NAME - 1).chain(['…']).collect(),
        None => name.into_owned(),
    }
}

fn cell(case: &CaseResult) -> String {
    let text = match case.attempts.last() {
        Some(last) if case.outcome == Outcome::Passed => format!("{:.2} s", last.seconds),
        Some(last) => format!("{} {:.2} s", word(case.outcome), last.seconds),
        None => word(case.outcome).to_owned(),
    };
    let style = style(case.outcome);
    // The padding has no colour.
    let blanks = " ".repeat(COLUMN.saturating_sub(text.len()));
    format!("{blanks}{style}{text}{style:#}")
}

fn by_architecture(results: &Results, out: &mut String) {
    const COLUMNS: [(&str, Outcome); 5] = [
        ("passed", Outcome::Passed),
        ("flaky", Outcome::Flaky),
        ("failed", Outcome::Failed),
        ("set-up", Outcome::SetUp),
        ("not run", Outcome::NotRun),
    ];
    let there = |outcome: Outcome| results.cases.iter().any(|case| case.outcome == outcome);
    let columns = COLUMNS.iter().filter(|(_, outcome)| there(*outcome));
    let columns: Vec<_> = columns.collect();
    let _ = write!(out, "\n  {:8} {:>8}", "", "cases");
    for (name, _) in &columns {
        let _ = write!(out, " {name:>8}");
    }
    let _ = writeln!(out, " {:>10}", "boots");
    for arch in arches(results) {
        let cases = || results.cases.iter().filter(move |case| case.arch == arch);
        let _ = write!(out, "  {:8} {:>8}", arch.name(), cases().count());
        for (_, outcome) in &columns {
            let count = cases().filter(|case| case.outcome == *outcome).count();
            let style = match count {
                0 => Style::new(),
                _ => style(*outcome),
            };
            let _ = write!(out, " {style}{count:>8}{style:#}");
        }
        let boots = sum(cases());
        let _ = writeln!(out, " {boots:>8.2} s");
    }
}

/// How long all runs of some cases took, in seconds.
fn sum<'c>(cases: impl Iterator<Item = &'c CaseResult>) -> f64 {
    let attempts = cases.flat_map(|case| &case.attempts);
    // The sum of no numbers would be -0.
    attempts.fold(0.0, |sum, attempt| sum + attempt.seconds)
}

/// The line about all.
fn verdict(results: &Results) -> String {
    let count = |outcome| {
        results
            .cases
            .iter()
            .filter(|case| case.outcome == outcome)
            .count()
    };
    let others: Vec<_> = [
        Outcome::Failed,
        Outcome::SetUp,
        Outcome::NotRun,
        Outcome::Flaky,
    ]
    .into_iter()
    .filter(|&outcome| count(outcome) > 0)
    .map(|outcome| match outcome {
        Outcome::SetUp => format!("{} failed by the set-up", count(outcome)),
        outcome => format!("{} {outcome}", count(outcome)),
    })
    .collect();
    let outcome = match results.exit_code() {
        0 => Outcome::Passed,
        _ => Outcome::Failed,
    };
    let (style, word) = (style(outcome), word(outcome));
    let of = match results.cases.len() {
        1 => "1 case".to_owned(),
        cases => format!("{cases} cases"),
    };
    let shard = results
        .shard
        .map_or(String::new(), |shard| format!(", part {shard}"));
    let mut out = format!("{style}{word}{style:#} {of}{shard}: ");
    out += &match &others[..] {
        [] => "all passed".to_owned(),
        others => format!("{}, {} passed", others.join(", "), count(Outcome::Passed)),
    };
    let boots = sum(results.cases.iter());
    let _ = write!(out, ", {:.2} s for {boots:.2} s of boots", results.seconds);
    out
}

#[cfg(test)]
mod tests;
