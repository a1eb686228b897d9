//! What a matrix does for each of its cases: boots it and judges it. And before that, builds what all of them need.

use super::folder;
use super::going::Options;
use super::plan::{Case, Plan};
use super::runner::{Job, News, Stopped, Teller};
use super::schedule::Task;
use crate::boot::build::{self, Ask, Target};
use crate::config::recipe::Recipe;
use crate::error::Error;
use crate::judge::event::Event;
use crate::judge::observer::{Beginning, Observer};
use crate::judge::trial::StepReached;
use crate::project::Project;
use crate::records::Unjudged;
use crate::records::report::Report;
use crate::run::{event_loop, follow_to_the_end};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// Builds what a plan needs, one after the other, so that afterwards no run starts cargo. `tell` is told what comes next, and
/// how many have been built by then.
///
/// # Errors
///
/// A build fails.
pub async fn build(
    project: &Project,
    plan: &Plan,
    options: &Options,
    mut tell: impl FnMut(usize, &str),
) -> Result<(), Error> {
    let mut recipes = BTreeMap::new();
    for (nth, (arch, target)) in plan.targets.iter().enumerate() {
        let program = match target {
            Target::Hypervisor => "hypervisor",
            Target::Guest(name) => name,
        };
        tell(nth, &format!("{program} for {arch}"));
        if !recipes.contains_key(arch) {
            recipes.insert(*arch, Recipe::load(project, *arch)?);
        }
        let recipe = &recipes[arch];
        let target = std::slice::from_ref(target);
        build::build(project, recipe, target, options.ask, &options.progress).await?;
    }
    Ok(())
}

/// The boots of a matrix.
pub(super) struct Boots {
    pub project: Project,
    pub cases: Vec<Case>,
    /// Where the folders of the runs are made.
    pub runs: PathBuf,
    pub timeout: Duration,
    pub no_audit: bool,
    pub keep_images: bool,
}

impl Job for Boots {
    fn run(&self, task: Task, tell: &Teller, stopped: &mut Stopped) -> Option<Report> {
        let case = &self.cases[task.case];
        let mut request = case
            .request()
            .timeout(self.timeout)
            .records(&self.runs)
            .observe(Follower {
                task,
                tell: tell.clone(),
            });
        request.ask = Ask::Never;
        request.no_audit = self.no_audit;
        let result = match event_loop() {
            Ok(runtime) => runtime.block_on(async {
                tokio::select! {
                    biased;
                    _ = stopped.wait_for(|stopped| *stopped) => None,
                    result = follow_to_the_end(&self.project, request) => Some(result),
                }
            }),
            Err(error) => Some(Err(error.into())),
        };
        let result = result?;
        Some(
            result.unwrap_or_else(|Unjudged { error, report }| match report {
                Some(report) => *report,
                None => report_of(case, &error),
            }),
        )
    }

    fn tidy(&self, _: Task, report: &Report) {
        if let Some(run) = report.run_dir.as_ref().filter(|_| report.passed())
            && !self.keep_images
        {
            folder::slim(run, self.project.program());
        }
    }
}

/// The report of a run that has none of its own.
fn report_of(case: &Case, error: &Error) -> Report {
    let report = |error: &Error| Report::of_error(case.arch, &case.scenario, error);
    report(error).unwrap_or_else(|| {
        // The plan has read all files, so one of them has changed.
        let changed = Error::infrastructure(
            error.to_string(),
            "a file was changed while the matrix went on: run it again",
        );
        report(&changed).expect("the set-up's faults have reports")
    })
}

/// Tells how far a run has come.
struct Follower {
    task: Task,
    tell: Teller,
}

impl Observer for Follower {
    fn begins(&mut self, run: &Beginning<'_>) {
        let (task, steps) = (self.task, run.steps);
        let _ = self.tell.send(News::Booted { task, steps });
    }

    fn event(&mut self, _: Duration, _: &Event<'_>) {}

    fn step(&mut self, step: &StepReached) {
        let (task, step) = (self.task, step.step.clone());
        let _ = self.tell.send(News::Step { task, step });
    }
}
