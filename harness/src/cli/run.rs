//! `harness run`.

use super::github::Silence;
use super::itself::command_line;
use super::live::Live;
use super::reports::ReportArgs;
use super::{Format, What, machine_of, output};
use crate::boot::Request;
use crate::boot::build::Ask;
use crate::config::parse_duration;
use crate::config::scenario::Definition;
use crate::error::Error;
use crate::matrix::Results;
use crate::project::Project;
use crate::records::report::Report;
use crate::run::follow;
use clap::Args;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

/// Its options.
#[derive(Debug, Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    what: What,
    /// How long the run may take: seconds, or 500ms, 30s, 2m
    #[arg(
        long,
        value_name = "TIME",
        default_value = "30",
        value_parser = parse_duration,
        allow_hyphen_values = true
    )]
    timeout: Duration,
    /// A hypervisor (or any kernel) to boot instead of building the workspace's own
    #[arg(long, alias = "image", value_name = "FILE")]
    hypervisor: Option<PathBuf>,
    /// A guest to run instead of the scenario's: a file, ELF or flat, or a guest program's name
    #[arg(long, value_name = "FILE|NAME", value_parser = clap::builder::OsStringValueParser::new())]
    guest: Option<OsString>,
    /// Where to make the run's directory [default: target/harness/runs in a workspace, harness-runs in
    /// any other folder; of the runs there the newest 40 that passed are kept, and the newest 200 that
    /// did not]
    #[arg(long, alias = "report-dir", value_name = "DIR")]
    records: Option<PathBuf>,
    /// Leave out the audit: do not look at what the machine holds. The result says so
    #[arg(long)]
    no_audit: bool,
    #[command(flatten)]
    reports: ReportArgs,
}

/// Builds, boots and judges; the verdict's exit code.
pub(super) async fn run(project: &Project, args: RunArgs, ask: Ask) -> Result<u8, Error> {
    let format = args.what.format;
    args.reports.check(format == Format::Json)?;
    let scenario = super::in_mode(project, args.what.scenario()?, args.what.mode.as_deref())?;
    let definition = Definition::named(project, &scenario)?;
    let (arch, machine) = (args.what.arch, args.what.machine.as_deref());
    let machine = machine_of(project, arch, machine, Some(&definition))?;
    let scenario = definition.name().to_owned();
    let after = After {
        project: project.clone(),
        machine: machine.name,
        format,
        reports: args.reports,
        began: (SystemTime::now(), Instant::now()),
    };
    let mut request = Request::with_scenario(definition)
        .timeout(args.timeout)
        .build_progress(output::say_aside);
    request.machine = args.what.machine;
    request.arch = args.what.arch;
    request.hypervisor = args.hypervisor;
    request.guest = args.guest;
    request.records = args.records;
    request.ask = ask;
    request.no_audit = args.no_audit;
    let silence = after.silence()?;
    let result = if after.stdout_is_taken() {
        follow(project, request).await
    } else {
        shown(project, request).await
    };
    let (report, error) = match result {
        Ok(report) => (report, None),
        // Who asked for JSON or a report gets it for everything that is a verdict, and this is one.
        Err(error) => match Report::of_error(machine.arch, &scenario, &error) {
            Some(report) => (report, Some(error)),
            None => return Err(error),
        },
    };
    // A reader that stands still may keep this waiting, but not an interrupt.
    let published = tokio::task::spawn_blocking(move || after.publish(report, error, silence));
    published.await.expect("printing does not panic")
}

/// What is done when there is a verdict.
pub(super) struct After {
    pub(super) project: Project,
    /// The machine's name.
    pub(super) machine: String,
    pub(super) format: Format,
    pub(super) reports: ReportArgs,
    /// When it began.
    pub(super) began: (SystemTime, Instant),
}

impl After {
    /// Whether standard output belongs to a report, so that the console is not shown.
    fn stdout_is_taken(&self) -> bool {
        self.format == Format::Json || self.reports.take_stdout()
    }

    /// Keeps a guest's text from being taken for commands, where it is printed.
    pub(super) fn silence(&self) -> Result<Option<Silence>, Error> {
        if self.stdout_is_taken() {
            return Ok(None);
        }
        Silence::in_a_job()
    }

    /// Prints the verdict and writes the reports; the verdict's exit code, or the error that was met instead of
    /// a verdict.
    pub(super) fn publish(
        self,
        report: Report,
        error: Option<Error>,
        silence: Option<Silence>,
    ) -> Result<u8, Error> {
        let code = report.exit_code;
        let stdout_is_taken = self.stdout_is_taken();
        let printed = match self.format {
            Format::Json => output::json(&report),
            Format::Human if error.is_some() => Ok(()), // it says the same
            Format::Human if stdout_is_taken => {
                output::paint_aside(&report.human());
                Ok(())
            }
            Format::Human => output::paint(&format!("\n{}", report.human())),
        };
        drop(silence);
        // What cannot be printed is written all the same.
        let written = self.write(report, stdout_is_taken);
        printed.and(written)?;
        match error {
            Some(error) if self.format == Format::Human => Err(error),
            _ => Ok(code),
        }
    }

    fn write(&self, report: Report, stdout_is_taken: bool) -> Result<(), Error> {
        if !self.reports.are_wanted() {
            return Ok(());
        }
        let (at, since) = self.began;
        let started = humantime::format_rfc3339_seconds(at).to_string();
        let seconds = since.elapsed().as_secs_f64();
        let results = Results::of_run(report, &self.machine, started, seconds, command_line());
        self.reports.write(&results, &self.project, stdout_is_taken)
    }
}

/// Runs, and shows the console as it comes.
async fn shown(project: &Project, request: Request) -> Result<Report, Error> {
    let live = Live::start(std::io::stdout());
    let result = follow(project, request.observe(live.console())).await;
    let printed = live.finish().await;
    let report = result?; // which is worse than what could not be printed
    output::written(printed)?;
    Ok(report)
}
