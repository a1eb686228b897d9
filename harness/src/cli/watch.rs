//! `harness watch`: runs again what a change concerns.

use super::boots::{Boot, Jobs};
use super::{Arches, Format, one_or_all, output, scenario_of};
use crate::arch::Arch;
use crate::boot::Request;
use crate::boot::build::Ask;
use crate::config::scenario::Definition;
use crate::error::Error;
use crate::project::Project;
use crate::records::report::Report;
use crate::run::follow;
use crate::shown;
use crate::tools::watch::{Burst, Changes, files_of};
use clap::Args;
use std::collections::{BTreeSet, VecDeque};
use std::ffi::OsString;
use std::future::poll_fn;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, SystemTime};

/// How many of the files that changed are named.
const NAMED: usize = 3;

/// Its options.
#[derive(Debug, Args)]
pub(super) struct WatchArgs {
    /// The architecture, or all of them [default: the scenario's machine, or else all that it is for]
    #[arg(long, value_name = "ARCH", value_parser = one_or_all)]
    arch: Option<Arches>,
    /// The machine: its name (harness list), or a file
    #[arg(long, value_name = "NAME|FILE", value_parser = clap::builder::OsStringValueParser::new())]
    machine: Option<OsString>,
    /// The scenario: its name in tests/scenarios, or a file; may be given several times [default: in this project's
    /// workspace, gkernel]
    #[arg(
        long = "scenario",
        value_name = "NAME|FILE",
        value_parser = clap::builder::OsStringValueParser::new()
    )]
    scenarios: Vec<OsString>,
    /// How the guest runs, such as el0 or emulated-flash: short for `--scenario <NAME>-<MODE>`
    #[arg(long, value_name = "MODE")]
    mode: Option<String>,
    #[command(flatten)]
    boot: Boot,
    #[command(flatten)]
    jobs: Jobs,
    /// End after the runs of so many changes, with the exit code of the worst of the last results; 0 runs everything
    /// once. Without this only an interrupt ends it
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    changes: Option<u32>,
    /// How to report
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// A run that is made again and again.
struct Case {
    scenario: String,
    arch: Option<Arch>,
    /// The files that it was made of when these were last looked for.
    files: BTreeSet<PathBuf>,
    /// The exit code of its last result.
    code: u8,
}

impl Case {
    fn name(&self) -> String {
        let scenario = shown::line(&self.scenario);
        match self.arch {
            Some(arch) => format!("{scenario} on {arch}"),
            None => scenario.into_owned(),
        }
    }
}

/// What is watched.
struct Watch<'a> {
    project: &'a Project,
    args: &'a WatchArgs,
    ask: Ask,
    /// How many runs go on at once.
    jobs: usize,
    cases: Vec<Case>,
    changes: Changes,
}

/// A run under way.
type Run<'r> = Pin<Box<dyn Future<Output = Result<Report, Error>> + 'r>>;

/// Runs under way, each with the number of its case.
#[derive(Default)]
struct Going<'r>(Vec<(usize, Run<'r>)>);

impl Going<'_> {
    /// Waits for the first that ends.
    async fn next(&mut self) -> (usize, Result<Report, Error>) {
        poll_fn(|context| {
            for (at, (nth, run)) in self.0.iter_mut().enumerate() {
                if let Poll::Ready(result) = run.as_mut().poll(context) {
                    let nth = *nth;
                    drop(self.0.remove(at));
                    return Poll::Ready((nth, result));
                }
            }
            Poll::Pending
        })
        .await
    }
}

/// Runs, and runs again after each change, until it is interrupted.
pub(super) async fn watch(project: &Project, args: &WatchArgs, ask: Ask) -> Result<u8, Error> {
    let mut cases = Vec::new();
    let mut scenarios: Vec<_> = args
        .scenarios
        .iter()
        .map(|word| Some(word.as_os_str()))
        .collect();
    if scenarios.is_empty() {
        scenarios.push(None);
    }
    for scenario in scenarios {
        let scenario = scenario_of(project, scenario, args.mode.as_deref())?;
        for arch in arches(project, args, &scenario)? {
            cases.push(Case {
                scenario: scenario.clone(),
                arch,
                files: BTreeSet::new(),
                code: 0,
            });
        }
    }
    let changes = Changes::new()?;
    let mut watch = Watch {
        project,
        args,
        ask,
        jobs: args.jobs.or_processors().get(),
        cases,
        changes,
    };
    let mut due: VecDeque<usize> = (0..watch.cases.len()).collect();
    let mut left = args.changes;
    loop {
        watch.run_all(&mut due).await?;
        if left == Some(0) {
            let codes = watch.cases.iter().map(|case| case.code);
            return Ok(codes.max().unwrap_or(0));
        }
        let ends = if left.is_none() { "; Ctrl-C ends" } else { "" };
        let count = watch.files();
        output::say_aside(&format!("watching {count} files{ends}"));
        while due.is_empty() {
            let burst = watch.changes.next().await;
            watch.due_after(&burst, &mut due);
        }
        left = left.map(|left| left - 1);
    }
}

/// The architectures on which a scenario is run; none of them is the machine that the scenario or `--machine` names.
fn arches(project: &Project, args: &WatchArgs, scenario: &str) -> Result<Vec<Option<Arch>>, Error> {
    let summary = Definition::named(project, scenario)?.summary(project)?;
    let all = summary.arches.into_iter();
    let asked = match &args.arch {
        None if args.machine.is_some()
            || summary
                .machine
                .as_ref()
                .is_some_and(|machine| machine.is_one()) =>
        {
            return Ok(vec![None]);
        }
        None => all.map(Some).collect(),
        // One that the scenario is not for is told when it is run; of `all` it is left out.
        Some(Arches(arches)) if arches.len() == 1 => vec![Some(arches[0])],
        Some(Arches(arches)) => all.filter(|arch| arches.contains(arch)).map(Some).collect(),
    };
    Ok(asked)
}

impl Watch<'_> {
    /// Runs what is due, some at a time. A change meanwhile ends the runs that it concerns, and has them run again.
    async fn run_all(&mut self, due: &mut VecDeque<usize>) -> Result<(), Error> {
        let mut going = Going::default();
        loop {
            while going.0.len() < self.jobs
                && let Some(nth) = due.pop_front()
            {
                self.look_for_files(nth)?;
                let (project, request) = (self.project, self.request(nth));
                let run = async move { follow(project, request).await };
                going.0.push((nth, Box::pin(run)));
            }
            if going.0.is_empty() {
                return Ok(());
            }
            tokio::select! {
                biased;
                burst = self.changes.next() => {
                    // What is dropped here ends, its QEMU and its build included.
                    going.0.retain(|(nth, _)| !burst.concerns(&self.cases[*nth].files));
                    due_after(&self.cases, self.project, &burst, due);
                }
                (nth, result) = going.next() => {
                    self.cases[nth].code = self.show(result)?;
                    // A build may have found other files than the one before.
                    self.look_for_files(nth)?;
                }
            }
        }
    }

    /// Shows a result; its exit code. What is wrong with a build or a file is a result too: it is waited for somebody
    /// to mend it.
    fn show(&self, result: Result<Report, Error>) -> Result<u8, Error> {
        match result {
            Ok(report) => super::run::publish(&report, self.args.format),
            Err(error) => {
                output::complain(&error);
                Ok(error.exit_code())
            }
        }
    }

    fn request(&self, nth: usize) -> Request {
        let case = &self.cases[nth];
        let request = Request::new(case.scenario.clone()).build_progress(output::say_aside);
        let mut request = self.args.boot.of(request);
        request.machine = self.args.machine.clone();
        request.arch = case.arch;
        request.ask = self.ask;
        request
    }

    /// Looks for the files of a case, and watches them.
    fn look_for_files(&mut self, nth: usize) -> Result<(), Error> {
        let request = self.request(nth);
        let files = files_of(self.project, &request, &self.cases[nth].files);
        self.changes.watch(&files)?;
        self.cases[nth].files = files;
        Ok(())
    }

    /// How many files are watched.
    fn files(&self) -> usize {
        let all: BTreeSet<_> = self.cases.iter().flat_map(|case| &case.files).collect();
        all.len()
    }

    fn due_after(&self, burst: &Burst, due: &mut VecDeque<usize>) {
        due_after(&self.cases, self.project, burst, due);
    }
}

/// Adds the cases that a burst of changes concerns, and says which change concerns which.
fn due_after(cases: &[Case], project: &Project, burst: &Burst, due: &mut VecDeque<usize>) {
    let concerned = cases
        .iter()
        .enumerate()
        .filter(|(_, case)| burst.concerns(&case.files));
    let concerned: Vec<_> = concerned.collect();
    if concerned.is_empty() {
        return;
    }
    let files: BTreeSet<&Path> = concerned
        .iter()
        .flat_map(|(_, case)| burst.of(&case.files))
        .collect();
    let names: Vec<_> = concerned.iter().map(|(_, case)| case.name()).collect();
    let text = format!(
        "\n{}{}: {}",
        changed(project, &files),
        age(&files),
        names.join(", ")
    );
    output::say_aside(&text);
    for (nth, _) in concerned {
        if !due.contains(&nth) {
            due.push_back(nth);
        }
    }
}

/// The files that changed, in words.
fn changed(project: &Project, files: &BTreeSet<&Path>) -> String {
    if files.is_empty() {
        return "too much changed to tell what".into();
    }
    let names = files.iter().take(NAMED).map(|file| {
        let name = project.short(file).display().to_string();
        shown::line(&name).into_owned()
    });
    let more = match files.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{}{more} changed", names.collect::<Vec<_>>().join(", "))
}

/// How long ago the last of the files was saved, if they tell.
fn age(files: &BTreeSet<&Path>) -> String {
    let saved = files
        .iter()
        .filter_map(|file| std::fs::metadata(file).ok()?.modified().ok());
    let age = saved
        .max()
        .and_then(|saved| SystemTime::now().duration_since(saved).ok());
    match age {
        Some(age) if age < Duration::from_secs(10) => format!(" {:.2} s ago", age.as_secs_f64()),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_makes_what_it_concerns_due_once() {
        let case = |name: &str, files: &[&str]| Case {
            scenario: name.into(),
            arch: Some(Arch::Riscv64),
            files: files.iter().map(PathBuf::from).collect(),
            code: 0,
        };
        let cases = [
            case("one", &["/w/shared.rs", "/w/one.toml"]),
            case("two", &["/w/shared.rs", "/w/two.toml"]),
            case("three", &["/w/three.toml"]),
        ];
        let project = Project::new("/w");
        let burst = |files: &[&str]| Burst {
            files: files.iter().map(PathBuf::from).collect(),
            lost: false,
        };
        let mut due = VecDeque::new();
        due_after(&cases, &project, &burst(&["/w/README.md"]), &mut due);
        assert!(due.is_empty(), "{due:?}");
        due_after(&cases, &project, &burst(&["/w/two.toml"]), &mut due);
        due_after(
            &cases,
            &project,
            &burst(&["/w/shared.rs", "/w/one.toml"]),
            &mut due,
        );
        assert_eq!(due, [1, 0]);
    }

    #[test]
    fn what_changed_is_told_within_a_line() {
        let files = ["/w/a.rs", "/w/b.rs", "/w/c/d.rs", "/w/e.rs"].map(Path::new);
        let all = BTreeSet::from(files);
        let project = Project::new("/w");
        assert_eq!(
            changed(&project, &all),
            "a.rs, b.rs, c/d.rs and 1 more changed"
        );
        assert_eq!(
            changed(&project, &BTreeSet::new()),
            "too much changed to tell what"
        );
        assert_eq!(age(&all), "");
    }
}
