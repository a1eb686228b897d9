//! What all formats say of a case in words. Nothing here holds more than [`shown`] lets through.

use crate::judge::results::Outcome as ResultOutcome;
use crate::judge::verdict::Blame;
use crate::matrix::{Attempt, CaseResult, Outcome, Results};
use crate::records::asked::Asked;
use crate::records::report::Report;
use crate::shown;
use std::borrow::Cow;

/// Why a case has no verdict.
pub(super) const NOT_RUN: &str = "the matrix ended before its turn";

/// Why there is nothing to tell of a case that was run.
const NO_RECORD: &str = "its run is not recorded";

/// Why a case that passed fails its matrix.
pub(super) const FLAKY_FAILS: &str =
    "it passed only after the set-up had failed it, and flaky cases fail this matrix";

/// Whether a case fails its matrix, with what came of it.
pub(crate) fn fails(results: &Results, case: &CaseResult) -> bool {
    match case.outcome {
        Outcome::Passed | Outcome::NotRun => false,
        Outcome::Flaky => results.flaky_fails,
        Outcome::Failed | Outcome::SetUp => true,
    }
}

/// Why there is no run of a case to tell of.
pub(crate) fn without_a_run(case: &CaseResult) -> &'static str {
    if case.outcome == Outcome::NotRun {
        NOT_RUN
    } else {
        NO_RECORD
    }
}

/// Whether the set-up is to blame, which says nothing about the guest or the hypervisor.
pub(super) fn is_set_up(report: &Report) -> bool {
    report.blame == Blame::Setup
}

/// The run that counts.
pub(super) fn last(case: &CaseResult) -> Option<&Attempt> {
    case.attempts.last()
}

/// The runs before the one that counts.
pub(super) fn earlier(case: &CaseResult) -> &[Attempt] {
    case.attempts.split_last().map_or(&[], |(_, rest)| rest)
}

/// The verdict on one line.
pub(super) fn headline(report: &Report) -> Cow<'_, str> {
    shown::line(report.text.lines().next().unwrap_or_default())
}

/// The paragraph that `harness run` ends with, without colours.
pub(super) fn paragraph(report: &Report) -> String {
    let text = report.human();
    anstream::adapter::strip_str(&text).to_string()
}

/// The beginning of a text, with as many characters, and how many more there are.
pub(super) fn beginning(text: &str, characters: usize) -> Cow<'_, str> {
    match text.char_indices().nth(characters) {
        None => text.into(),
        Some((at, _)) => {
            let (first, more) = (&text[..at], text[at..].chars().count());
            format!("{first}\n[... {more} more characters]").into()
        }
    }
}

/// What became of a case within a boot.
pub(super) enum Result<'r> {
    /// It is as it should be.
    Ok,
    /// It failed, and why, in its own words if it said any.
    Failed(Cow<'r, str>),
    /// The set-up ended the run before it said anything.
    NotJudged,
}

/// The cases within the boot that counts, in order, each with its name.
pub(super) fn results_of(report: &Report) -> impl Iterator<Item = (Cow<'_, str>, Result<'_>)> {
    report.results.iter().map(|result| {
        let said = result.line.as_deref().map(shown::line);
        let became = match result.outcome {
            ResultOutcome::Ok => Result::Ok,
            ResultOutcome::Missing if is_set_up(report) => Result::NotJudged,
            ResultOutcome::Failed => Result::Failed(said.unwrap_or("it failed".into())),
            ResultOutcome::Missing => Result::Failed("no line of its own came".into()),
        };
        (shown::line(&result.name), became)
    })
}

/// The command to paste to run a case again, alone.
pub(super) fn command(results: &Results, case: &CaseResult) -> String {
    if let Some(again) = last(case).and_then(|last| last.report.again.as_deref()) {
        return shown::safe(again).into_owned();
    }
    let program = results.command.split(' ').next();
    let program = program.filter(|word| !word.is_empty()).unwrap_or("harness");
    let asked = Asked::of(&shown::line(&case.scenario), &shown::line(&case.machine));
    asked.command(&shown::line(program)).unwrap_or_default()
}
