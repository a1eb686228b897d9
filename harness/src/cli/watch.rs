//! `harness watch`: runs again what a change concerns.

use super::boots::{Boot, Jobs};
use super::values::{Arches, one_or_all};
use super::what::scenario_of;
use super::{Format, output};
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
use std::collections::{BTreeMap, BTreeSet, VecDeque};
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
#[derive(Debug, Default)]
struct Case {
    /// The files that it was made of when these were last looked for.
    files: BTreeSet<PathBuf>,
    /// The exit code of its last result.
    code: u8,
}

/// Which run it is: the scenario's place on the command line, and the architecture; without one, it is run on the machine
/// that the scenario or `--machine` names.
type Key = (usize, Option<Arch>);

/// What is watched.
struct Watch<'a> {
    project: &'a Project,
    /// The project by its physical path, by which changes are told.
    physical: Project,
    args: &'a WatchArgs,
    ask: Ask,
    /// How many runs go on at once.
    jobs: usize,
    scenarios: Vec<String>,
    cases: BTreeMap<Key, Case>,
    changes: Changes,
}

/// A run under way.
type Run<'r> = Pin<Box<dyn Future<Output = Result<Report, Error>> + 'r>>;

/// Runs under way.
#[derive(Default)]
struct Going<'r>(Vec<(Key, Run<'r>)>);

impl Going<'_> {
    /// Waits for the first that ends.
    async fn next(&mut self) -> (Key, Result<Report, Error>) {
        poll_fn(|context| {
            for (at, (key, run)) in self.0.iter_mut().enumerate() {
                if let Poll::Ready(result) = run.as_mut().poll(context) {
                    let key = *key;
                    drop(self.0.remove(at));
                    return Poll::Ready((key, result));
                }
            }
            Poll::Pending
        })
        .await
    }
}

/// Runs, and runs again after each change, until it is interrupted.
pub(super) async fn watch(project: &Project, args: &WatchArgs, ask: Ask) -> Result<u8, Error> {
    let mut scenarios = Vec::new();
    let mut named: Vec<_> = args.scenarios.iter().map(|word| Some(&**word)).collect();
    if named.is_empty() {
        named.push(None);
    }
    for scenario in named {
        scenarios.push(scenario_of(project, scenario, args.mode.as_deref())?);
    }
    let folder = std::fs::canonicalize(project.folder());
    let mut watch = Watch {
        project,
        physical: folder.map_or_else(|_| project.clone(), Project::new),
        args,
        ask,
        jobs: args.jobs.or_processors().get(),
        scenarios,
        cases: BTreeMap::new(),
        changes: Changes::new()?,
    };
    let mut due = VecDeque::new();
    for nth in 0..watch.scenarios.len() {
        let keys = watch.keys(nth)?;
        due.extend(keys.into_iter().filter(|key| watch.take(*key)));
    }
    let mut left = args.changes;
    loop {
        watch.run_all(&mut due).await?;
        if left == Some(0) {
            let codes = watch.cases.values().map(|case| case.code);
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
    let definition = Definition::named(project, scenario)?;
    let summary = definition.summary(project)?;
    let by_scenario = summary.machine.as_ref();
    let has_one = args.machine.is_some() || by_scenario.is_some_and(|machine| machine.is_one());
    let all = summary.arches.into_iter();
    let asked = match &args.arch {
        None if has_one => return Ok(vec![None]),
        None => all.map(Some).collect(),
        // One that the scenario or the machine is not for is told when it is run; of `all` it is left out.
        Some(Arches(arches)) if arches.len() == 1 => vec![Some(arches[0])],
        Some(Arches(_)) if has_one => vec![None],
        Some(Arches(arches)) => all.filter(|arch| arches.contains(arch)).map(Some).collect(),
    };
    // Of one that is for none, a run tells that.
    Ok(if asked.is_empty() { vec![None] } else { asked })
}

impl Watch<'_> {
    /// The runs of a scenario. Of one that has a mistake it is one, which tells it.
    ///
    /// # Errors
    ///
    /// There is no such scenario.
    fn keys(&self, nth: usize) -> Result<Vec<Key>, Error> {
        let arches = match arches(self.project, self.args, &self.scenarios[nth]) {
            Err(Error::Config(_)) => vec![None],
            arches => arches?,
        };
        Ok(arches.into_iter().map(|arch| (nth, arch)).collect())
    }

    /// Takes a run among the others; whether it is a new one.
    fn take(&mut self, key: Key) -> bool {
        let is_new = !self.cases.contains_key(&key);
        if is_new {
            self.cases.insert(key, Case::default());
        }
        is_new
    }

    /// Runs what is due, some at a time. A change meanwhile ends the runs that it concerns, and has them run again.
    async fn run_all(&mut self, due: &mut VecDeque<Key>) -> Result<(), Error> {
        let mut going = Going::default();
        loop {
            while going.0.len() < self.jobs
                && let Some(key) = due.pop_front()
            {
                self.look_for_files(key)?;
                let (project, request) = (self.project, self.request(key));
                let run = async move { follow(project, request).await };
                going.0.push((key, Box::pin(run)));
            }
            if going.0.is_empty() {
                return Ok(());
            }
            tokio::select! {
                biased;
                burst = self.changes.next() => {
                    self.due_after(&burst, due);
                    // What is dropped here ends, its QEMU and its build included.
                    going.0.retain(|(key, _)| self.cases.contains_key(key) && !due.contains(key));
                }
                (key, result) = going.next() => {
                    let code = self.show(result)?;
                    // A build may have found other files than the one before.
                    self.look_for_files(key)?;
                    self.cases.entry(key).or_default().code = code;
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

    fn request(&self, (nth, arch): Key) -> Request {
        let scenario = self.scenarios[nth].clone();
        let request = Request::new(scenario).build_progress(output::say_aside);
        let mut request = self.args.boot.of(request);
        request.machine = self.args.machine.clone();
        request.arch = arch;
        request.ask = self.ask;
        request
    }

    /// Looks for the files of a run, and watches them.
    fn look_for_files(&mut self, key: Key) -> Result<(), Error> {
        let request = self.request(key);
        let case = self.cases.entry(key).or_default();
        case.files = files_of(self.project, &request, &case.files);
        self.changes.watch(&case.files)
    }

    /// How many files are watched.
    fn files(&self) -> usize {
        let all: BTreeSet<_> = self.cases.values().flat_map(|case| &case.files).collect();
        all.len()
    }

    /// Adds the runs that a burst of changes concerns, and says which change concerns which. A scenario may have become
    /// one for other architectures.
    fn due_after(&mut self, burst: &Burst, due: &mut VecDeque<Key>) {
        let (files, concerned) = concerned(&self.cases, burst);
        let scenarios: BTreeSet<_> = concerned.iter().map(|(nth, _)| *nth).collect();
        let mut again = concerned;
        for nth in scenarios {
            // Of one that is gone, or has a mistake, the runs stay, and tell that.
            let Ok(arches) = arches(self.project, self.args, &self.scenarios[nth]) else {
                continue;
            };
            let is_left = |key: &Key| key.0 != nth || arches.contains(&key.1);
            self.cases.retain(|key, _| is_left(key));
            due.retain(is_left);
            again.retain(is_left);
            for arch in arches {
                if self.take((nth, arch)) {
                    again.insert((nth, arch));
                }
            }
        }
        if again.is_empty() {
            return;
        }
        let names: Vec<_> = again.iter().map(|key| self.name(*key)).collect();
        let files = files.iter().map(PathBuf::as_path).collect();
        let changed = changed(&self.physical, &files);
        let text = format!("\n{changed}{}: {}", age(&files), names.join(", "));
        output::say_aside(&text);
        due.retain(|key| !again.contains(key));
        due.extend(again);
    }

    fn name(&self, (nth, arch): Key) -> String {
        let scenario = shown::line(&self.scenarios[nth]);
        match arch {
            Some(arch) => format!("{scenario} on {arch}"),
            None => scenario.into_owned(),
        }
    }
}

/// The files of a burst of changes that concern somebody, and the runs that they concern.
fn concerned(cases: &BTreeMap<Key, Case>, burst: &Burst) -> (BTreeSet<PathBuf>, BTreeSet<Key>) {
    let concerned = cases.iter().filter(|(_, case)| burst.concerns(&case.files));
    let (mut files, mut keys) = (BTreeSet::new(), BTreeSet::new());
    for (key, case) in concerned {
        files.extend(burst.of(&case.files).into_iter().map(Path::to_owned));
        keys.insert(*key);
    }
    (files, keys)
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
    fn a_change_concerns_the_runs_that_have_the_file() {
        let case = |files: &[&str]| Case {
            files: files.iter().map(PathBuf::from).collect(),
            code: 0,
        };
        let riscv64 = Some(Arch::Riscv64);
        let cases = BTreeMap::from([
            ((0, riscv64), case(&["/w/shared.rs", "/w/one.toml"])),
            ((1, riscv64), case(&["/w/shared.rs", "/w/two.toml"])),
            ((2, None), case(&["/w/three.toml"])),
        ]);
        let of = |files: &[&str]| {
            let burst = Burst {
                files: files.iter().map(PathBuf::from).collect(),
                lost: false,
            };
            let (files, keys) = concerned(&cases, &burst);
            let keys: Vec<_> = keys.into_iter().map(|(nth, _)| nth).collect();
            (files.len(), keys)
        };
        assert_eq!(of(&["/w/README.md"]), (0, vec![]));
        assert_eq!(of(&["/w/two.toml", "/w/README.md"]), (1, vec![1]));
        assert_eq!(of(&["/w/shared.rs", "/w/three.toml"]), (2, vec![0, 1, 2]));
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
