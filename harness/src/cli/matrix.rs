//! `harness matrix`.

use super::boots::{Every, Jobs};
use super::github::Silence;
use super::itself::command_line;
use super::progress::Board;
use super::reports::ReportArgs;
use super::values::arch;
use super::what::text_of;
use super::{Format, output, page, say};
use crate::arch::Arch;
use crate::boot::build::Ask;
use crate::boot::cargo::Progress;
use crate::boot::request::TIMEOUT;
use crate::error::Error;
use crate::matrix::results::{Results, Shard};
use crate::matrix::selection::is_to_be_repeated;
use crate::matrix::{self, Earlier, Matrix, Options, Plan, Selection, folder, plan, summary};
use crate::project::Project;
use crate::records::asked::{self, typed};
use clap::builder::OsStringValueParser;
use clap::{Args, ValueEnum};
use std::ffi::OsString;
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
    /// Only the cases that did not pass in the newest matrix, with its scenarios, machines and hypervisors
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
    let selection = selection(project, &args)?;
    let cases = plan::cases(project, &selection)?;
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
    let again = again(project, &args);
    let options = Options {
        ask,
        progress: Progress::to(board.aside()),
        shard: selection.shard,
        chosen: Some(selection.chosen()),
        ..options(args)
    };
    build(project, &plan, &options, &board).await?;
    let names = plan.cases.iter().map(|case| case.name.clone()).collect();
    // Dropped after the matrix, which writes its results even if it is given up.
    let mut interrupted = Interrupted {
        project,
        reports: &reports,
        stdout_is_taken,
        silence,
        folder: None,
    };
    let matrix = Matrix::start(project, plan, options)?;
    let folder = matrix.folder().to_owned();
    interrupted.folder = Some(folder.clone());
    let mut shown = board.cases(names, matrix.outlook().clone());
    let (results, kept) = matrix.finish(|news| shown.heed(news)).await;
    interrupted.folder = None;
    drop(shown);
    let said = board.finish().await;
    // What cannot be kept is told all the same, and what cannot be printed is written.
    let page = kept.and_then(|()| page::write(project, &folder));
    let shown = Shown {
        format,
        table,
        stdout_is_taken,
        again,
    };
    let printed = said.and_then(|()| publish(&results, &folder, page.as_deref().ok(), &shown));
    drop(interrupted.silence.take());
    let written = reports.write(&results, project, stdout_is_taken);
    page.and(printed).and(written)?;
    Ok(results.exit_code())
}

/// Reports a matrix that was given up: what was over by then.
struct Interrupted<'m> {
    project: &'m Project,
    reports: &'m ReportArgs,
    stdout_is_taken: bool,
    /// While guests may print.
    silence: Option<Silence>,
    /// The matrix's folder, while it goes on.
    folder: Option<PathBuf>,
}

impl Drop for Interrupted<'_> {
    fn drop(&mut self) {
        drop(self.silence.take()); // the reports may have commands for the runner
        let Some(folder) = &self.folder else { return };
        let file = output::path(&folder.join(folder::RESULTS));
        output::say_aside(&format!("what was over by then is in {file}"));
        let reported = folder::read(folder).and_then(|results| {
            let written = self
                .reports
                .write(&results, self.project, self.stdout_is_taken);
            page::write(self.project, folder).and(written)
        });
        if let Err(error) = reported {
            output::say_aside(&error.to_string());
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
    /// The command that runs again what did not pass.
    again: String,
}

/// Shows the results.
fn publish(
    results: &Results,
    folder: &Path,
    page: Option<&Path>,
    shown: &Shown,
) -> Result<(), Error> {
    let Format::Human = shown.format else {
        return output::json(results);
    };
    let mut text = summary::summary(results, shown.table);
    if let Some(page) = page {
        text += &format!("  page:    {}\n", output::path(page));
    }
    let file = folder.join(folder::RESULTS);
    if file.is_file() {
        text += &format!("  results: {}\n", output::path(&file));
    }
    let mut cases = results.cases.iter();
    if cases.any(|case| is_to_be_repeated(case.outcome, results.flaky_fails)) {
        text += &format!("  again:   {}\n", shown.again);
    }
    match shown.stdout_is_taken {
        true => output::paint_aside(&text),
        false => output::paint(&text)?,
    }
    Ok(())
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
        ..Options::default()
    }
}

/// What is to be run; and again what did not pass, if that is asked for.
fn selection(project: &Project, args: &MatrixArgs) -> Result<Selection, Error> {
    let filters = args.filters.iter().map(|text| text.parse());
    let scenarios = args.scenario.iter();
    let scenarios = scenarios.map(|word| text_of("--scenario", word).map(str::to_owned));
    let mut selection = Selection {
        scenarios: scenarios.collect::<Result<_, _>>()?,
        machines: args.machine.clone(),
        arches: args.arch.clone(),
        filters: filters.collect::<Result<_, Error>>()?,
        only_failed: args.rerun_failed,
        shard: args.shard,
        ..Selection::default()
    };
    for word in &args.hypervisor {
        selection.hypervisor(word)?;
    }
    // The results may be large: they are read only if somebody asks.
    if selection.asks_what_failed() {
        let usual = project.matrices();
        let newest = folder::newest(args.records.as_deref().unwrap_or(&usual));
        let flaky_fails = args.flaky == Flaky::Fail;
        selection.earlier = newest.map(|(_, results)| Earlier::of(&results, flaky_fails));
    }
    Ok(selection.repeated()?.into_owned())
}

/// The command that runs again what did not pass. What it was of is in the results.
fn again(project: &Project, args: &MatrixArgs) -> String {
    let mut words = vec![project.program().to_owned(), "matrix --rerun-failed".into()];
    if let Some(folder) = &args.records {
        words.push(format!("--records {}", typed(folder.as_os_str())));
    }
    if args.every.timeout != TIMEOUT {
        words.push(format!("--timeout {}", asked::time(args.every.timeout)));
    }
    if args.every.no_audit {
        words.push("--no-audit".into());
    }
    if args.retries > 0 {
        words.push(format!("--retries {}", args.retries));
    }
    if args.flaky == Flaky::Fail {
        words.push("--flaky fail".into());
    }
    words.join(" ")
}
