//! `harness run`.

use super::live::Live;
use super::{Format, What, machine_of, output};
use crate::boot::Request;
use crate::boot::build::Ask;
use crate::config::parse_duration;
use crate::config::scenario::Definition;
use crate::error::Error;
use crate::project::Project;
use crate::records::report::Report;
use crate::run::follow;
use clap::Args;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

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
    /// Make the run's page too: page.html in the run's directory
    #[arg(long)]
    page: bool,
}

/// Builds, boots and judges; the verdict's exit code.
pub(super) async fn run(project: &Project, args: RunArgs, ask: Ask) -> Result<u8, Error> {
    let format = args.what.format;
    let scenario = super::in_mode(project, args.what.scenario()?, args.what.mode.as_deref())?;
    let definition = Definition::named(project, &scenario)?;
    let (arch, machine) = (args.what.arch, args.what.machine.as_deref());
    let machine = machine_of(project, arch, machine, Some(&definition))?;
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
    let report = match format {
        Format::Human => shown(project, request).await?,
        // Who asked for JSON gets JSON for everything that is a verdict, and this is one.
        Format::Json => match follow(project, request).await {
            Ok(report) => report,
            Err(error) => Report::of_error(machine.arch, &scenario, &error).ok_or(error)?,
        },
    };
    let page_of = match (args.page, &report.run_dir) {
        (true, Some(dir)) => Some((project.clone(), dir.clone())),
        _ => None,
    };
    // A reader that stands still may keep this waiting, but not an interrupt.
    let published = tokio::task::spawn_blocking(move || {
        let code = publish(&report, format)?;
        if let Some((project, dir)) = page_of {
            let path = super::page::write(&project, &dir)?;
            output::say_aside(&format!("page: {}", path.display()));
        }
        Ok(code)
    });
    published.await.expect("printing does not panic")
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

/// Prints a report; its exit code.
pub(super) fn publish(report: &Report, format: Format) -> Result<u8, Error> {
    match format {
        Format::Json => output::json(report)?,
        Format::Human => output::paint(&format!("\n{}", report.human()))?,
    }
    Ok(report.exit_code)
}
