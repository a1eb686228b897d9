//! A matrix's page, taken from its folder.

use super::MATRIX;
use super::bounds::Room;
use super::data::{Case, Matrix, Page, Past, Run, Sign};
use super::run::{self, Known};
use super::texts::Texts;
use crate::arch::Arch;
use crate::error::Error;
use crate::files;
use crate::judge::verdict::Verdict;
use crate::matrix::results::VERSION;
use crate::matrix::{Attempt, CaseResult, Outcome, Results};
use crate::reports::words;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::fs;
use std::path::{Path, PathBuf};

/// About how many bytes of a matrix's page may be lines of logs, for all of its runs.
pub const ROOM: usize = 1_000_000;

/// How many of these bytes are for the runs that passed, at least.
const OF_PASSED: usize = ROOM / 5;

/// The most that a run has which did not pass.
pub const OF_A_FAILURE: usize = 300_000;

/// The largest `matrix.json` that is read, in bytes.
const LIMIT: u64 = 256 << 20;

/// How many earlier matrices are shown.
const PAST: usize = 16;

/// What the page of the matrix in a folder shows.
pub fn page(dir: &Path, program: &str) -> Result<Page, Error> {
    let results: Results = read(dir)?;
    let mut page = Page::new(program, dir);
    let mut texts = Texts::default();
    let mut runs = runs(dir, &results, &mut texts, &mut page);
    let mut cases = Vec::new();
    for case in &results.cases {
        let first = page.runs.len();
        page.runs.extend(runs.by_ref().take(case.attempts.len()));
        let runs: Vec<_> = (first..page.runs.len()).collect();
        cases.push(Case {
            name: texts.line(&case.name),
            scenario: texts.line(&case.scenario),
            machine: texts.line(&case.machine),
            arch: case.arch.name(),
            outcome: sign(case),
            fails: words::fails(&results, case),
            without: runs
                .is_empty()
                .then(|| texts.line(words::without_a_run(case))),
            seconds: case.attempts.last().map_or(0.0, |last| last.seconds),
            runs,
        });
    }
    let arches = Arch::ALL.into_iter();
    let has = |arch: &Arch| results.cases.iter().any(|case| case.arch == *arch);
    page.matrix = Some(Matrix {
        started: texts.line(&results.started),
        seconds: results.seconds,
        jobs: results.jobs,
        command: texts.command(&results.command),
        shard: results
            .shard
            .map(|shard| format!("{}/{}", shard.k, shard.n)),
        exit_code: results.exit_code(),
        arches: arches.filter(has).map(Arch::name).collect(),
        history: history(dir, &results, &mut texts),
        cases,
    });
    page.texts = texts.list();
    Ok(page)
}

/// Reads a matrix, or some of what is known of it.
fn read<T: DeserializeOwned>(dir: &Path) -> Result<T, Error> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    let path = dir.join(MATRIX);
    let unusable = |why: String| Error::Usage(format!("{} cannot be read: {why}", path.display()));
    let text = files::read(&path, LIMIT).map_err(|e| unusable(e.to_string()))?;
    let Versioned { version } =
        serde_json::from_slice(&text).map_err(|e| unusable(e.to_string()))?;
    if version > VERSION {
        let why =
            format!("it is of version {version}, and this harness knows them up to {VERSION}");
        return Err(unusable(why));
    }
    serde_json::from_slice(&text).map_err(|e| unusable(e.to_string()))
}

/// All runs, in the order of the cases. Those that did not pass have the first choice of the room.
fn runs(
    dir: &Path,
    results: &Results,
    texts: &mut Texts,
    page: &mut Page,
) -> std::vec::IntoIter<Run> {
    let attempts = results.cases.iter().flat_map(|case| {
        let attempts = case.attempts.iter().enumerate();
        attempts.map(move |(nth, attempt)| (case, nth, attempt))
    });
    let mut attempts: Vec<_> = attempts.enumerate().collect();
    let count = attempts.len();
    attempts.sort_by_key(|(_, (_, _, attempt))| attempt.report.passed());
    let failures = attempts.partition_point(|(_, (_, _, attempt))| !attempt.report.passed());
    let mut left = ROOM;
    let mut runs: Vec<_> = (0..count).map(|_| None).collect();
    for (done, (place, (case, nth, attempt))) in attempts.into_iter().enumerate() {
        let log = match failures.checked_sub(done) {
            None | Some(0) => left / (count - done),
            Some(more) => OF_A_FAILURE.min(left.saturating_sub(OF_PASSED) / more),
        };
        let run = attempted(
            dir,
            case,
            nth,
            attempt,
            Room::of_several(log, count),
            texts,
            page,
        );
        left = left.saturating_sub(run.log.cost);
        runs[place] = Some(run);
    }
    let runs: Vec<_> = runs.into_iter().flatten().collect();
    runs.into_iter()
}

/// A run of a case: from its records, or if these cannot be read, from its report.
fn attempted(
    dir: &Path,
    case: &CaseResult,
    nth: usize,
    attempt: &Attempt,
    room: Room,
    texts: &mut Texts,
    page: &mut Page,
) -> Run {
    let id = match nth {
        0 => case.name.clone(),
        _ => format!("{}~{}", case.name, nth + 1),
    };
    let report = &attempt.report;
    let known = Known {
        id: id.clone(),
        report,
    };
    let read = match folder(dir, report.run_dir.as_deref()) {
        Some(folder) if !folder.is_dir() => Err(Error::Usage(format!(
            "the run's files are not part of this folder, and {} is not here either",
            folder.display()
        ))),
        Some(folder) => run::read(&folder, Some(known), room, texts, page),
        None => Err(Error::Usage(
            "the run has no records: it did not get so far".into(),
        )),
    };
    read.unwrap_or_else(|error| {
        let mut run = run::of_report(&id, &case.machine, report, texts);
        run.missing = Some(texts.block(&error.to_string()));
        run
    })
}

/// The folder of a run's records: beside the matrix, which may have been moved, or where it was made.
fn folder(dir: &Path, made: Option<&Path>) -> Option<PathBuf> {
    let made = made?;
    let beside = made.file_name().map(|name| dir.join("runs").join(name));
    let beside = beside.filter(|beside| beside.is_dir());
    Some(beside.unwrap_or_else(|| made.to_owned()))
}

fn sign(case: &CaseResult) -> Sign {
    let timed_out = |last: &Attempt| matches!(last.report.verdict, Verdict::Timeout { .. });
    match case.outcome {
        Outcome::Failed if case.attempts.last().is_some_and(timed_out) => Sign::TimedOut,
        outcome => of_outcome(outcome),
    }
}

fn of_outcome(outcome: Outcome) -> Sign {
    match outcome {
        Outcome::Passed => Sign::Passed,
        Outcome::Flaky => Sign::Flaky,
        Outcome::Failed => Sign::Failed,
        Outcome::SetUp => Sign::SetUp,
        Outcome::NotRun => Sign::NotRun,
    }
}

/// An earlier matrix, without its runs' reports.
#[derive(Debug, Deserialize)]
struct Brief {
    started: String,
    seconds: f64,
    #[serde(default)]
    flaky_fails: bool,
    cases: Vec<BriefCase>,
}

#[derive(Debug, Deserialize)]
struct BriefCase {
    name: String,
    outcome: Outcome,
    attempts: Vec<BriefAttempt>,
}

#[derive(Debug, Deserialize)]
struct BriefAttempt {
    seconds: f64,
}

/// The matrices in the same folder that are earlier by name, the newest last. What cannot be read is none.
fn history(dir: &Path, results: &Results, texts: &mut Texts) -> Vec<Past> {
    let whole = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    let (Some(parent), Some(own)) = (whole.parent(), whole.file_name()) else {
        return Vec::new();
    };
    let siblings = fs::read_dir(parent).into_iter().flatten().flatten();
    let mut names: Vec<_> = siblings.map(|sibling| sibling.file_name()).collect();
    names.retain(|name| name.as_os_str() < own);
    names.sort_unstable_by(|one, other| other.cmp(one));
    let read = names
        .iter()
        .filter_map(|name| Some((name, read::<Brief>(&parent.join(name)).ok()?)));
    let mut past: Vec<_> = read
        .take(PAST)
        .map(|(name, brief)| brief.past(&name.to_string_lossy(), results, texts))
        .collect();
    past.reverse();
    past
}

impl Brief {
    fn past(&self, folder: &str, results: &Results, texts: &mut Texts) -> Past {
        let of = |case: &CaseResult| self.cases.iter().find(|other| other.name == case.name);
        let cases = || results.cases.iter().map(of);
        let took = |case: &BriefCase| case.attempts.last().map_or(0.0, |last| last.seconds * 1e3);
        let well = |case: &&BriefCase| match case.outcome {
            Outcome::Passed => true,
            Outcome::Flaky => !self.flaky_fails,
            Outcome::Failed | Outcome::SetUp | Outcome::NotRun => false,
        };
        let passed = self.cases.iter().filter(well).count();
        let not_run = self.cases.iter();
        let not_run = not_run.filter(|case| case.outcome == Outcome::NotRun);
        let not_run = not_run.count();
        Past {
            folder: texts.line(folder),
            started: texts.line(&self.started),
            seconds: self.seconds,
            outcomes: cases()
                .map(|case| case.map_or(Sign::None, |case| of_outcome(case.outcome)))
                .collect(),
            took: cases()
                .map(|case| case.map_or(0, |case| took(case) as u64))
                .collect(),
            counts: [passed, self.cases.len() - passed - not_run, not_run],
        }
    }
}
