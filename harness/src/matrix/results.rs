//! What came of a matrix, as plain data: `matrix.json` in its folder, from which every report is made.

use super::selection::Chosen;
use crate::arch::Arch;
use crate::records::report::Report;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The version of `matrix.json`. It grows with a change that an older reader would misunderstand.
pub const VERSION: u32 = 1;

/// The exit code of a run that timed out.
const TIMED_OUT: u8 = 3;

/// A matrix, complete or cut short.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Results {
    /// [`VERSION`].
    pub version: u32,
    /// The harness's version.
    pub harness: String,
    /// When it started: RFC 3339, UTC.
    pub started: String,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// How many runs went on at the same time.
    pub jobs: usize,
    /// The command line that made it, as one would type it.
    pub command: String,
    /// The part of the cases that it had, if it was not all of them.
    pub shard: Option<Shard>,
    /// What it was of, by which what did not pass is run again; none in results of earlier harnesses, and of a single run.
    #[serde(default)]
    pub chosen: Option<Chosen>,
    /// Whether flaky cases fail it.
    pub flaky_fails: bool,
    /// The cases, sorted by name.
    pub cases: Vec<CaseResult>,
}

/// Part `k` of `n`, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// Which part.
    pub k: u32,
    /// How many parts there are.
    pub n: u32,
}

/// A case: a scenario on a machine.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CaseResult {
    /// `scenario::machine`, by which filters find it.
    pub name: String,
    /// The scenario.
    pub scenario: String,
    /// The machine.
    pub machine: String,
    /// The machine's architecture.
    pub arch: Arch,
    /// What came of it.
    pub outcome: Outcome,
    /// Its runs, the last of which counts; none if it was not run. The run's folder is
    /// [`Report::run_dir`].
    pub attempts: Vec<Attempt>,
}

/// A run of a case.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Attempt {
    /// When it started, in seconds after the matrix did.
    pub at: f64,
    /// How long it took with all that belongs to it, in seconds; the machine alone took
    /// [`Report::seconds`].
    pub seconds: f64,
    /// Its verdict and all that belongs to it.
    pub report: Report,
}

/// What came of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Outcome {
    /// It passed the first time.
    Passed,
    /// It passed after the set-up had failed it.
    Flaky,
    /// The guest or the hypervisor failed it.
    Failed,
    /// The set-up failed it.
    SetUp,
    /// It was not run: the matrix ended before its turn.
    NotRun,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Passed => "passed",
            Self::Flaky => "flaky",
            Self::Failed => "failed",
            Self::SetUp => "set-up",
            Self::NotRun => "not run",
        })
    }
}

impl Results {
    /// The exit code, of what is worst: 1 if a guest or a hypervisor failed a case (3 if all of these were timeouts, and all
    /// cases were run); else 4 if the set-up failed one; else 1 for a case that was not run, or a flaky one where these
    /// fail; else 0.
    ///
    /// Whoever runs all again after a 4 so never runs a guest again that has failed.
    pub fn exit_code(&self) -> u8 {
        let any = |outcome| self.cases.iter().any(|case| case.outcome == outcome);
        let failed = self
            .cases
            .iter()
            .filter(|case| case.outcome == Outcome::Failed);
        let mut codes = failed.map(|case| case.attempts.last().map(|last| last.report.exit_code));
        if any(Outcome::Failed) {
            let timeouts = codes.all(|code| code == Some(TIMED_OUT)) && !any(Outcome::NotRun);
            if timeouts { TIMED_OUT } else { 1 }
        } else if any(Outcome::SetUp) {
            4
        } else {
            let fails = any(Outcome::NotRun) || (self.flaky_fails && any(Outcome::Flaky));
            u8::from(fails)
        }
    }
}
