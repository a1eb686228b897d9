//! `harness matrix`.

use super::boots::{Every, Jobs};
use super::github::Silence;
use super::itself::command_line;
use super::progress::Board;
use super::reports::ReportArgs;
use super::{Format, arch, output, page, say, text_of};
use crate::arch::Arch;
use crate::boot::build::Ask;
use crate::boot::cargo::Progress;
use crate::boot::examine::Kind;
use crate::error::Error;
use crate::matrix::filter::Filter;
use crate::matrix::results::{Outcome, Results, Shard};
use crate::matrix::{self, Matrix, Options, Plan, Selection, folder, plan, summary};
use crate::project::Project;
use clap::builder::OsStringValueParser;
use clap::{Args, ValueEnum};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Its options.
#[derive(Debug, Args)]
pub(super) struct MatrixArgs {
    /// Which cases: patterns of scenarios, such as 'npf-*', or of `scenario::machine`; arch(…), machine(…), failed();
    /// with !, &, | and parentheses. Of several, the cases of any [default: all]
    #[arg(value_name = "FILTER")]
    filters: Vec<String>,
    /// A scenario: its name in tests/scenarios, or a file; may be repeated [default: all that have a name]
    #[arg(long, value_name = "NAME|FILE", value_parser = OsStringValueParser::new())]
    scenario: Vec<OsString>,
    /// A machine: its name (harness list), or a file; may be repeated [default: the scenario's, or else the one that is named
    /// after the architecture]
    #[arg(long, value_name = "NAME|FILE", value_parser = OsStringValueParser::new())]
    machine: Vec<OsString>,
    /// An architecture; may be repeated [default: all]
    #[arg(long, value_parser = arch())]
    arch: Vec<Arch>,
    /// A hypervisor (or any kernel) to boot instead of building the workspace's own; may be repeated, one for each
    /// architecture
    #[arg(long, alias = "image", value_name = "[ARCH=]FILE", value_parser = OsStringValueParser::new())]
    hypervisor: Vec<OsString>,
    #[command(flatten)]
    every: Every,
    #[command(flatten)]
    jobs: Jobs,
    /// After a failure begin no more runs; those that go on are finished
    #[arg(long)]
    fail_fast: bool,
    /// Only the cases that did not pass in the newest matrix
    #[arg(long)]
    rerun_failed: bool,
    /// Only part K of N: the same cases on every computer, each in exactly one part
    #[arg(long, value_name = "K/N", allow_hyphen_values = true)]
    shard: Option<Shard>,
    /// How often to run a case again that the set-up failed, such as a QEMU that was killed; if it passes then, it is flaky
    #[arg(
        long,
        value_name = "N",
        default_value_t = 0,
        value_parser = clap::value_parser!(u32).range(..=10),
        allow_negative_numbers = true
    )]
    retries: u32,
    /// What flaky cases are
    #[arg(long, value_enum, default_value_t = Flaky::Pass)]
    flaky: Flaky,
    /// Where to make the matrix's folder [default: target/harness/matrices in a workspace, harness-matrices in any other
    /// folder; of the matrices there the newest 10 that passed are kept, and the newest 30 that did not]
    #[arg(long, value_name = "DIR")]
    records: Option<PathBuf>,
    /// Keep the images of runs that passed, too
    #[arg(long)]
    keep_images: bool,
    #[command(flatten)]
    reports: ReportArgs,
    /// Show the cases, and run none
    #[arg(long)]
    list: bool,
    /// Show the whole table of scenarios and architectures, not only what did not pass
    #[arg(long)]
    table: bool,
    /// How to report
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// What a case is that passed after the set-up had failed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Flaky {
    /// A failure
    Fail,
    /// A pass
    Pass,
}

/// Runs the cases and reports; the exit code of all.
pub(super) async fn matrix(project: &Project, args: MatrixArgs, ask: Ask) -> Result<u8, Error> {
    let (format, table, reports) = (args.format, args.table, args.reports.clone());
    reports.check(format == Format::Json)?;
    let stdout_is_taken = format == Format::Json || reports.take_stdout();
    let cases = plan::cases(project, &selection(project, &args)?)?;
    if args.list {
        let names: Vec<_> = cases.iter().map(|case| &*case.name).collect();
        match format {
            Format::Human => say(&names.join("\n"))?,
            Format::Json => output::json(&names)?,
        }
        return Ok(0);
    }
    let plan = plan::plan(project, cases)?;
    let mut board = Board::new(!stdout_is_taken);
    // What guests print is shown up to the end.
    let silence = match stdout_is_taken {
        true => None,
        false => Silence::in_a_job()?,
    };
    let options = Options {
        ask,
        progress: Progress::to(board.aside()),
        ..options(args)
    };
    build(project, &plan, &options, &board).await?;
    let names = plan.cases.iter().map(|case| case.name.clone()).collect();
    // Dropped after the matrix, which writes its results even if it is given up.
    let mut interrupted = Interrupted(None);
    let matrix = Matrix::start(project, plan, options)?;
    let folder = matrix.folder().to_owned();
    interrupted.0 = Some(folder.clone());
    let mut shown = board.cases(names, matrix.outlook().clone());
    let results = matrix.finish(|news| shown.heed(news)).await;
    interrupted.0 = None;
    drop(shown);
    board.finish().await?;
    let results = results?;
    // What cannot be printed is written all the same.
    let printed = publish(
        project,
        &results,
        &folder,
        &Shown {
            format,
            table,
            stdout_is_taken,
        },
    );
    drop(silence);
    let written = reports.write(&results, project, stdout_is_taken);
    printed.and_then(|code| written.map(|()| code))
}

/// Says where the results of a matrix are that was given up.
struct Interrupted(Option<PathBuf>);

impl Drop for Interrupted {
    fn drop(&mut self) {
        if let Some(folder) = &self.0 {
            let file = shown_path(&folder.join(folder::RESULTS));
            output::say_aside(&format!("what was over by then is in {file}"));
        }
    }
}

async fn build(
    project: &Project,
    plan: &Plan,
    options: &Options,
    board: &Board,
) -> Result<(), Error> {
    let bar = board.builds(plan.targets.len());
    let built = matrix::build(project, plan, options, |nth, what| {
        bar.set_position(nth as u64);
        bar.set_message(what.to_owned());
    });
    let built = built.await;
    bar.finish_and_clear();
    built
}

/// How the results are shown.
struct Shown {
    format: Format,
    /// The whole table.
    table: bool,
    /// Standard output belongs to a program.
    stdout_is_taken: bool,
}

/// Makes the page, and shows the results.
fn publish(
    project: &Project,
    results: &Results,
    folder: &Path,
    shown: &Shown,
) -> Result<u8, Error> {
    let page = page::write(project, folder);
    match shown.format {
        Format::Json => output::json(results)?,
        Format::Human => {
            let mut text = summary::summary(results, shown.table);
            if let Ok(page) = &page {
                text += &format!("  page:    {}\n", shown_path(page));
            }
            let file = shown_path(&folder.join(folder::RESULTS));
            text += &format!("  results: {file}\n");
            let cases = results.cases.iter();
            if cases
                .clone()
                .any(|case| is_to_be_repeated(results, case.outcome))
            {
                let program = program(project);
                text += &format!("  again:   {program} matrix --rerun-failed\n");
            }
            match shown.stdout_is_taken {
                true => output::paint_aside(&text),
                false => output::paint(&text)?,
            }
        }
    }
    page?;
    Ok(results.exit_code())
}

/// Whether `--rerun-failed` runs a case with this outcome.
fn is_to_be_repeated(results: &Results, outcome: Outcome) -> bool {
    match outcome {
        Outcome::Passed => false,
        Outcome::Flaky => results.flaky_fails,
        Outcome::Failed | Outcome::SetUp | Outcome::NotRun => true,
    }
}

/// What is typed to start this program.
fn program(project: &Project) -> &'static str {
    match project.is_workspace() {
        true => "./x",
        false => "harness",
    }
}

/// A path as it is typed from the current folder, and safe.
fn shown_path(path: &Path) -> String {
    let here = std::env::current_dir().ok();
    let short = here.and_then(|here| path.strip_prefix(here).ok());
    let path = short.unwrap_or(path).display().to_string();
    crate::shown::safe(&path).into_owned()
}

fn options(args: MatrixArgs) -> Options {
    Options {
        command: command_line(),
        jobs: args.jobs.or_processors(),
        retries: args.retries,
        fail_fast: args.fail_fast,
        flaky_fails: args.flaky == Flaky::Fail,
        timeout: args.every.timeout,
        no_audit: args.every.no_audit,
        keep_images: args.keep_images,
        records: args.records,
        shard: args.shard,
        ..Options::default()
    }
}

fn selection(project: &Project, args: &MatrixArgs) -> Result<Selection, Error> {
    let filters = args.filters.iter().map(|text| text.parse());
    let filters: Vec<Filter> = filters.collect::<Result<_, Error>>()?;
    let scenarios = args.scenario.iter();
    let scenarios = scenarios.map(|word| text_of("--scenario", word).map(str::to_owned));
    // The results may be large: they are read only if somebody asks.
    let usual = project.matrices();
    let asked = args.rerun_failed || filters.iter().any(Filter::asks_what_failed);
    let folder = args.records.as_deref().unwrap_or(&usual);
    let newest = asked.then(|| folder::newest(folder)).flatten();
    Ok(Selection {
        scenarios: scenarios.collect::<Result<_, _>>()?,
        machines: args.machine.clone(),
        arches: args.arch.clone(),
        hypervisors: hypervisors(&args.hypervisor)?,
        filters,
        only_failed: args.rerun_failed,
        failed: newest.map(|(_, results)| failed(&results)),
        shard: args.shard,
    })
}

/// The names of the cases that are to be run again.
fn failed(results: &Results) -> BTreeSet<String> {
    let cases = results.cases.iter();
    let failed = cases.filter(|case| is_to_be_repeated(results, case.outcome));
    failed.map(|case| case.name.clone()).collect()
}

/// What is booted on which architecture: `ARCH=FILE`, or a file that tells by itself what it is for, or one that is booted on
/// all.
fn hypervisors(words: &[OsString]) -> Result<BTreeMap<Arch, PathBuf>, Error> {
    let mut files = BTreeMap::new();
    for word in words {
        let (arches, file) = match with_arch(word) {
            Some((arch, file)) => (vec![arch], file),
            None => (arches_of(Path::new(word)), word.into()),
        };
        for arch in arches {
            if files.insert(arch, file.clone()).is_some() {
                return Err(Error::Usage(format!(
                    "two files are to be booted on {arch}: say which is for which architecture, --hypervisor ARCH=FILE"
                )));
            }
        }
    }
    Ok(files)
}

fn with_arch(word: &OsStr) -> Option<(Arch, PathBuf)> {
    let bytes = word.as_bytes();
    let at = bytes.iter().position(|&byte| byte == b'=')?;
    let arch = std::str::from_utf8(&bytes[..at]).ok()?.parse().ok()?;
    Some((arch, OsStr::from_bytes(&bytes[at + 1..]).into()))
}

/// The architectures that a file may be for.
fn arches_of(file: &Path) -> Vec<Arch> {
    match Kind::arch_of(file) {
        Some(arch) => vec![arch],
        None => Arch::ALL.to_vec(),
    }
}
