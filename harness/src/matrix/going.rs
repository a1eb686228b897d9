//! A matrix that goes on: its folder, its threads, and what has come of it so far.

use super::boots::Boots;
use super::folder::Folder;
use super::outlook::Outlook;
use super::plan::Plan;
use super::results::{CaseResult, Outcome, Results, Shard, VERSION};
use super::runner::{News, Workers, rounded};
use super::schedule::Schedule;
use super::selection::Chosen;
use super::times::{Times, longest_first};
use crate::boot::build::Ask;
use crate::boot::cargo::Progress;
use crate::boot::request::TIMEOUT;
use crate::error::Error;
use crate::project::Project;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// How many page faults of QEMU's log are kept of each run in the results.
pub const FAULTS_KEPT: usize = 32;

/// How a matrix is run.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// How many runs go on at the same time; as many as there are processors, if this is not said.
    pub jobs: NonZeroUsize,
    /// How often a run that the set-up failed is tried again.
    pub retries: u32,
    /// Whether no more runs begin after a failure. Those that go on are finished.
    pub fail_fast: bool,
    /// Whether a case fails the matrix that passed only after the set-up had failed it.
    pub flaky_fails: bool,
    /// How long each run may take.
    pub timeout: Duration,
    /// Leaves out the audit.
    pub no_audit: bool,
    /// Keeps what was booted, also of runs that passed.
    pub keep_images: bool,
    /// The folder to make the matrix's own folder in, where all are kept; or else [`Project::matrices`].
    pub records: Option<PathBuf>,
    /// When cargo is started, before the runs.
    pub ask: Ask,
    /// Who is told how the builds go.
    pub progress: Progress,
    /// The part of the cases that the plan has, to be noted in the results.
    pub shard: Option<Shard>,
    /// What the plan is of, to be noted in the results, so that what did not pass can be run again.
    pub chosen: Option<Chosen>,
    /// The command line, to be noted in the results.
    pub command: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            jobs: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            retries: 0,
            fail_fast: false,
            flaky_fails: false,
            timeout: TIMEOUT,
            no_audit: false,
            keep_images: false,
            records: None,
            ask: Ask::IfChanged,
            progress: Progress::nobody(),
            shard: None,
            chosen: None,
            command: String::new(),
        }
    }
}

/// A matrix that goes on.
///
/// Dropping it ends its runs, and QEMU with them; what is over by then is in its `matrix.json`.
#[derive(Debug)]
pub struct Matrix {
    // Before the folder: when that is given up, no run writes to it any more.
    workers: Workers,
    folder: Folder,
    results: Results,
    times: Times,
    outlook: Outlook,
    began: Instant,
    concluded: bool,
}

impl Matrix {
    /// Begins to run a plan, for which all is built.
    ///
    /// # Errors
    ///
    /// The folder cannot be made, or a thread cannot be started.
    pub fn start(project: &Project, plan: Plan, options: Options) -> Result<Self, Error> {
        let folder = Folder::create(project, options.records.as_deref())?;
        let times = Times::read(&folder.times());
        let estimates = times.estimates(&plan.cases, &plan.steps);
        let order = longest_first(&estimates, &plan.steps);
        let jobs = options.jobs.get().min(plan.cases.len()).max(1);
        let schedule = Schedule::new(
            order.clone(),
            options.retries,
            options.fail_fast,
            options.flaky_fails,
        );
        let outlook = Outlook::new(estimates, order, jobs);
        let results = nothing_yet(&plan, &options, jobs);
        let job = Boots {
            project: project.clone(),
            cases: plan.cases,
            runs: folder.runs(),
            timeout: options.timeout,
            no_audit: options.no_audit,
            keep_images: options.keep_images,
        };
        let began = Instant::now();
        Ok(Self {
            workers: Workers::start(jobs, schedule, job, began)?,
            folder,
            results,
            times,
            outlook,
            began,
            concluded: false,
        })
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What is to come of it, before any of it has: all cases, of which none was run yet. [`finish`](Self::finish) returns
    /// what came of it, and tells of it as it comes.
    pub fn results(&self) -> &Results {
        &self.results
    }

    /// How long it will probably take, as seen from its beginning. Whoever wants to know it while the matrix goes on has a
    /// copy [heed](Outlook::heed) the news that [`finish`](Self::finish) tells.
    pub fn outlook(&self) -> &Outlook {
        &self.outlook
    }

    /// Waits until it is over, and writes what came of it. `tell` is told all news. Returns what came of it, and whether that
    /// could be written to `matrix.json`.
    ///
    /// # Panics
    ///
    /// If a run panics.
    pub async fn finish(mut self, mut tell: impl FnMut(&News)) -> (Results, Result<(), Error>) {
        while let Some(news) = self.workers.next().await {
            tell(&news);
            self.take(news);
        }
        self.workers.stop();
        let kept = self.conclude();
        (self.results.clone(), kept)
    }

    fn take(&mut self, news: News) {
        let News::Over {
            task,
            mut attempt,
            outcome,
        } = news
        else {
            return;
        };
        // The run's own verdict has all.
        if let Some(account) = &mut attempt.report.witness {
            account.shorten(FAULTS_KEPT);
        }
        let case = &mut self.results.cases[task.case];
        if attempt.report.exit_code != 4 {
            self.times.took(&case.name, attempt.seconds);
        }
        case.attempts.push(*attempt);
        // One that is not tried again after all stays the set-up's fault.
        case.outcome = outcome.unwrap_or(Outcome::SetUp);
    }

    fn conclude(&mut self) -> Result<(), Error> {
        self.concluded = true;
        self.results.seconds = rounded(self.began.elapsed().as_secs_f64());
        self.times.write(&self.folder.times());
        self.folder.conclude(&self.results)
    }
}

impl Drop for Matrix {
    fn drop(&mut self) {
        if self.concluded {
            return;
        }
        for news in self.workers.stop() {
            self.take(news);
        }
        let _ = self.conclude(); // nobody waits for it any more
    }
}

/// The results of a plan of which no case was run.
fn nothing_yet(plan: &Plan, options: &Options, jobs: usize) -> Results {
    let cases = plan.cases.iter().map(|case| CaseResult {
        name: case.name.clone(),
        scenario: case.scenario.clone(),
        machine: case.machine.clone(),
        arch: case.arch,
        outcome: Outcome::NotRun,
        attempts: Vec::new(),
    });
    Results {
        version: VERSION,
        harness: env!("CARGO_PKG_VERSION").into(),
        started: humantime::format_rfc3339_millis(SystemTime::now()).to_string(),
        seconds: 0.0,
        jobs,
        command: options.command.clone(),
        shard: options.shard,
        chosen: options.chosen.clone(),
        flaky_fails: options.flaky_fails,
        cases: cases.collect(),
    }
}
