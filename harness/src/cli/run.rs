//! `harness run`.

use super::boots::Boot;
use super::github::Silence;
use super::itself::command_line;
use super::live::Live;
use super::reports::ReportArgs;
use super::shell;
use super::what::{What, machine_of};
use super::{Format, output};
use crate::boot::Request;
use crate::boot::build::Ask;
use crate::config::scenario::Definition;
use crate::error::Error;
use crate::judge::event::Event;
use crate::judge::observer::Observer;
use crate::judge::verdict::Verdict;
use crate::matrix::Results;
use crate::project::Project;
use crate::records::Unjudged;
use crate::records::report::Report;
use crate::run::follow_to_the_end;
use crate::shown;
use clap::Args;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

/// Its options.
#[derive(Debug, Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    what: What,
    #[command(flatten)]
    boot: Boot,
    /// Where to make the run's directory [default: target/harness/runs in a workspace, harness-runs in
    /// any other folder; of the runs there the newest 40 that passed are kept, and the newest 200 that
    /// did not]
    #[arg(long, alias = "report-dir", value_name = "DIR")]
    records: Option<PathBuf>,
    /// Make the run's page too: page.html in the run's directory
    #[arg(long)]
    page: bool,
    #[command(flatten)]
    reports: ReportArgs,
    /// Have the machine wait for gdb at its first instruction, and print how gdb is started. No clock runs, and
    /// nobody audits the machine
    #[arg(long)]
    gdb: bool,
    /// Sit at the console: what is typed goes to the machine, also after the verdict. No clock runs. Ctrl-A x ends it
    #[arg(long)]
    shell: bool,
}

/// Builds, boots and judges; the verdict's exit code.
pub(super) async fn run(project: &Project, args: RunArgs, ask: Ask) -> Result<u8, Error> {
    let format = args.what.format;
    args.reports.check(format == Format::Json)?;
    if args.shell && (format == Format::Json || args.reports.take_stdout()) {
        return Err(Error::Usage(
            "--shell shows the console where --format json or a report prints: leave out one of them".into(),
        ));
    }
    let scenario = args.what.scenario(project)?;
    let definition = Definition::named(project, &scenario)?;
    let (arch, machine) = (args.what.arch, args.what.machine.as_deref());
    let machine = machine_of(
        project,
        arch,
        machine,
        Some((&definition, args.boot.hypervisor())),
    )?;
    let scenario = definition.name().to_owned();
    let file = definition.file().to_owned();
    let after = After {
        project: project.clone(),
        machine: machine.name,
        format,
        reports: args.reports,
        began: (SystemTime::now(), Instant::now()),
    };
    let request = Request::with_scenario(definition).build_progress(output::say_aside);
    let mut request = args.boot.of(request);
    request.machine = args.what.machine;
    request.arch = Some(machine.arch); // which may be the image's own
    request.records = args.records;
    request.ask = ask;
    request.gdb = args.gdb;
    let request = request.observe(Aside { shell: args.shell });
    let silence = after.silence()?;
    let result = if args.shell {
        interactive(project, request).await
    } else if after.stdout_is_taken() {
        follow_to_the_end(project, request).await
    } else {
        shown(project, request).await
    };
    let (report, error) = match result {
        Ok(report) => (report, None),
        // Who asked for JSON or a report gets it for everything that is a verdict, and this is one.
        Err(Unjudged { error, report }) => {
            let report = report.map(|report| *report);
            match report.or_else(|| Report::of_error(machine.arch, &scenario, &error)) {
                Some(mut report) => {
                    report.scenario_file = Some(file);
                    (report, Some(error))
                }
                None => return Err(error),
            }
        }
    };
    let page_of = match (args.page, &report.run_dir) {
        (true, Some(dir)) => Some((project.clone(), dir.clone())),
        _ => None,
    };
    // A reader that stands still may keep this waiting, but not an interrupt.
    let published = tokio::task::spawn_blocking(move || {
        let code = after.publish(report, error, silence)?;
        if let Some((project, dir)) = page_of {
            let path = super::page::write(&project, &dir)?;
            output::say_aside(&format!("page: {}", path.display()));
        }
        Ok(code)
    });
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
            Format::Human if error.is_some() => Ok(()), // it says the same
            Format::Human if stdout_is_taken => {
                output::paint_aside(&report.human());
                Ok(())
            }
            Format::Json | Format::Human => publish(&report, self.format).map(drop),
        };
        drop(silence);
        // What cannot be printed is written all the same.
        let written = self.write(report, stdout_is_taken);
        printed.and(written)?;
        match error {
            // It is annotated with the verdict.
            Some(error) if self.format == Format::Human => {
                output::say_error(&error.to_string());
                Ok(code)
            }
            _ => Ok(code),
        }
    }

    fn write(&self, report: Report, stdout_is_taken: bool) -> Result<(), Error> {
        if !self.reports.are_wanted() {
            return Ok(());
        }
        let (at, since) = self.began;
        let started = humantime::format_rfc3339_millis(at).to_string();
        let seconds = since.elapsed().as_secs_f64();
        let results = Results::of_run(report, &self.machine, started, seconds, command_line());
        self.reports.write(&results, &self.project, stdout_is_taken)
    }
}

/// Runs, and shows the console as it comes.
async fn shown(project: &Project, request: Request) -> Result<Report, Unjudged> {
    let live = Live::start(std::io::stdout());
    let result = follow_to_the_end(project, request.observe(live.console())).await;
    let printed = live.finish().await;
    let report = result?; // which is worse than what could not be printed
    output::written(printed)?;
    Ok(report)
}

/// Runs while somebody sits at the console.
async fn interactive(project: &Project, request: Request) -> Result<Report, Unjudged> {
    let live = Live::start(std::io::stdout());
    let (console, typist) = shell::Console::new(live.bytes());
    let request = request.typist(typist).observe(console);
    let result = follow_to_the_end(project, request).await;
    let printed = live.finish().await;
    let report = result?; // which is worse than what could not be printed
    output::written(printed)?;
    Ok(report)
}

/// Says on standard error what somebody who sits at the machine has to know.
struct Aside {
    shell: bool,
}

impl Observer for Aside {
    fn event(&mut self, _: Duration, _: &Event<'_>) {}

    fn waits_for_gdb(&mut self, command: &str) {
        let command = shown::safe(command);
        output::say_aside(&format!(
            "the machine waits for gdb. In another terminal:\n\n  {command}\n"
        ));
    }

    fn goes_on(&mut self, verdict: &Verdict) {
        let verdict = verdict.to_string();
        let verdict = shown::line(&verdict);
        let ends = if self.shell {
            "Ctrl-A x ends it"
        } else {
            "gdb's end ends it"
        };
        output::say_aside(&format!(
            "\nthe verdict: {verdict}. The machine goes on; {ends}"
        ));
    }
}

/// Prints a report; its exit code.
pub(super) fn publish(report: &Report, format: Format) -> Result<u8, Error> {
    match format {
        Format::Json => output::json(report)?,
        Format::Human => output::paint(&format!("\n{}", report.human()))?,
    }
    Ok(report.exit_code)
}
