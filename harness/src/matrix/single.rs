//! A single run as a matrix of one, so that there is one kind of data to make reports from.

use super::results::VERSION;
use super::{Attempt, CaseResult, Outcome, Results};
use crate::judge::verdict::Blame;
use crate::records::report::Report;

impl Outcome {
    /// What comes of a case whose only run ended so.
    pub fn of(report: &Report) -> Self {
        match report.blame {
            _ if report.passed() => Self::Passed,
            Blame::Setup => Self::SetUp,
            _ => Self::Failed,
        }
    }
}

impl Results {
    /// A run that began at `started` (RFC 3339, UTC) and took `seconds` with all that belongs to it, on the
    /// machine of that name. `command` is the command line that made it, as one would type it.
    pub fn of_run(
        report: Report,
        machine: &str,
        started: impl Into<String>,
        seconds: f64,
        command: impl Into<String>,
    ) -> Self {
        let case = CaseResult {
            name: format!("{}::{machine}", report.scenario),
            scenario: report.scenario.clone(),
            machine: machine.to_owned(),
            arch: report.arch,
            outcome: Outcome::of(&report),
            attempts: vec![Attempt {
                at: 0.0,
                seconds,
                report,
            }],
        };
        Self {
            version: VERSION,
            harness: env!("CARGO_PKG_VERSION").to_owned(),
            started: started.into(),
            seconds,
            jobs: 1,
            command: command.into(),
            shard: None,
            chosen: None,
            flaky_fails: false,
            cases: vec![case],
        }
    }
}
