//! JUnit's XML, as dashboards of continuous integration read it: one suite for each architecture, a test case
//! for each case, and one for each case within its boot (`[[result]]`).
//!
//! There is no single standard. This is what `junit-10.xsd` of Jenkins's xUnit plugin allows, which has
//! Surefire's elements for runs that were repeated; `testsuites` has the attribute `skipped` besides.

use super::words::{self, Result};
use crate::arch::Arch;
use crate::matrix::{Attempt, CaseResult, Outcome, Results};
use crate::records::report::Report;
use crate::shown;
use quick_junit::{
    FlakyOrRerun, NonSuccessKind, Report as Suites, TestCase, TestCaseStatus, TestRerun, TestSuite,
};
use std::borrow::Cow;
use std::time::Duration;

/// How many of a run's last console lines a report holds.
const LAST_LINES: usize = 200;

/// The whole document.
///
/// What the guest or the hypervisor did wrong is a failure, what the set-up did an error; a case that was not
/// run is skipped. A case that passed in the end has each run before that as a `flakyError`; it is an error
/// itself if flaky cases fail the matrix.
pub fn junit(results: &Results) -> String {
    let mut suites = Suites::new("harness");
    suites.time = seconds(results.seconds);
    for arch in Arch::ALL {
        let cases: Vec<_> = results.cases.iter().filter(|c| c.arch == arch).collect();
        if !cases.is_empty() {
            suites.add_test_suite(suite(results, arch, &cases));
        }
    }
    suites.to_string().expect("a string takes all")
}

fn suite(results: &Results, arch: Arch, cases: &[&CaseResult]) -> TestSuite {
    let mut suite = TestSuite::new(arch.name());
    suite.timestamp = results.started.parse().ok();
    let attempts = cases.iter().flat_map(|case| &case.attempts);
    suite.time = seconds(attempts.map(|attempt| attempt.seconds).sum());
    suite.add_property(("harness", &*shown::line(&results.harness)));
    suite.add_property(("command", &*shown::line(&results.command)));
    for case in cases {
        suite.add_test_case(boot(results, case));
        let report = words::last(case).map(|attempt| &attempt.report);
        suite.add_test_cases(report.into_iter().flat_map(|report| within(case, report)));
    }
    suite
}

/// The test case of a boot as a whole.
fn boot(results: &Results, case: &CaseResult) -> TestCase {
    let Some(attempt) = words::last(case) else {
        return test_case(case, &case.name, without_a_run(case));
    };
    let report = &attempt.report;
    let mut status = match case.outcome {
        Outcome::Passed => TestCaseStatus::success(),
        Outcome::Flaky if !results.flaky_fails => TestCaseStatus::success(),
        Outcome::Flaky => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_message(words::FLAKY_FAILS).set_type("flaky");
            status.set_rerun_kind(FlakyOrRerun::Flaky);
            status
        }
        _ => failed(results, case, report),
    };
    status.add_reruns(words::earlier(case).iter().map(rerun));
    let mut test_case = test_case(case, &case.name, status);
    test_case.time = seconds(attempt.seconds);
    let lines: Vec<_> = last_lines(report).collect();
    if !lines.is_empty() {
        test_case.set_system_out(lines.join("\n"));
    }
    test_case
}

/// Of a case that has none; a record may be without the one that failed.
fn without_a_run(case: &CaseResult) -> TestCaseStatus {
    let mut status = if case.outcome == Outcome::NotRun {
        TestCaseStatus::skipped()
    } else {
        TestCaseStatus::non_success(NonSuccessKind::Error)
    };
    status.set_message(words::without_a_run(case));
    status
}

fn failed(results: &Results, case: &CaseResult, report: &Report) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind(report));
    let again = words::command(results, case);
    let paragraph = words::paragraph(report);
    status
        .set_type(report.verdict.kind())
        .set_message(words::headline(report))
        .set_description(format!("{paragraph}  again: {again}\n"));
    status
}

/// A run that did not count in the end.
fn rerun(attempt: &Attempt) -> TestRerun {
    let report = &attempt.report;
    let mut rerun = TestRerun::new(kind(report));
    rerun
        .set_type(report.verdict.kind())
        .set_message(words::headline(report))
        .set_stack_trace(words::paragraph(report));
    rerun
}

/// The test cases within a boot.
fn within<'r>(case: &'r CaseResult, report: &'r Report) -> impl Iterator<Item = TestCase> + 'r {
    words::results_of(report).map(|(name, became)| {
        let status = match became {
            Result::Ok => TestCaseStatus::success(),
            Result::NotJudged => {
                let mut status = TestCaseStatus::skipped();
                status.set_message(words::headline(report));
                status
            }
            Result::Failed(why) => {
                let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                status.set_type("result").set_message(why);
                status
            }
        };
        test_case(case, &format!("{}::{name}", case.name), status)
    })
}

/// Dashboards show a class's package, class and name, or the name alone.
fn test_case(case: &CaseResult, name: &str, status: TestCaseStatus) -> TestCase {
    let mut test_case = TestCase::new(shown::line(name), status);
    test_case.set_classname(format!(
        "{}.{}",
        shown::line(&case.machine),
        shown::line(&case.scenario)
    ));
    test_case
}

/// The last lines of the console, the oldest first.
fn last_lines(report: &Report) -> impl Iterator<Item = Cow<'_, str>> {
    let surplus = report.last_lines.len().saturating_sub(LAST_LINES);
    report.last_lines[surplus..]
        .iter()
        .map(|text| shown::line(text))
}

fn kind(report: &Report) -> NonSuccessKind {
    if words::is_set_up(report) {
        NonSuccessKind::Error
    } else {
        NonSuccessKind::Failure
    }
}

/// A duration; none for what a record may say that is none.
fn seconds(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds).ok()
}
