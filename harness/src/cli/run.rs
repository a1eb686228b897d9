//! `harness run`.

use super::live::Live;
use super::{Format, What, machine_of, output};
use crate::boot::build::Ask;
use crate::boot::{Request, prepare};
use crate::config::parse_duration;
use crate::config::scenario::Guest;
use crate::error::Error;
use crate::judge::trial::Trial;
use crate::machine::session::{self, Limits};
use crate::records;
use crate::records::report::Report;
use crate::records::stopped;
use clap::Args;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
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
}

/// Builds, boots and judges; the verdict's exit code.
pub(super) async fn run(root: &Path, args: RunArgs, ask: Ask) -> Result<u8, Error> {
    let format = args.what.format;
    let guest = args.guest.map(|word| Guest::named(root, &word));
    let machine = machine_of(root, args.what.arch, args.what.machine.as_deref())?;
    let request = Request {
        arch: machine.arch,
        machine: args.what.machine.clone(),
        scenario: super::in_mode(root, args.what.scenario()?, args.what.mode.as_deref())?,
        timeout: args.timeout,
        image: args.hypervisor,
        guest: guest.transpose()?,
        report_dir: args.records,
        ask,
    };
    let result = match boot(root, &request, format).await {
        Ok(report) => Ok(report),
        // Who asked for JSON gets JSON for everything that is a verdict, and this is one.
        Err(error) => match Report::of_error(request.arch, &request.scenario, &error) {
            Some(report) if format == Format::Json => Ok(report),
            _ => Err(error),
        },
    };
    let report = result?;
    // A reader that stands still may keep this waiting, but not an interrupt.
    let published = tokio::task::spawn_blocking(move || publish(&report, format));
    published.await.expect("printing does not panic")
}

async fn boot(root: &Path, request: &Request, format: Format) -> Result<Report, Error> {
    let mut prepared = prepare(root, request).await?;
    let limits = Limits {
        timeout: request.timeout,
        silence: prepared.scenario.silence,
    };
    let scenario = &prepared.scenario;
    // The hypervisor's own event lines are for the judge; a forged one is shown like any other.
    let event_line = format!("@hv {} ", prepared.nonce);
    let shown = (format == Format::Human).then(|| Live::start(std::io::stdout()));
    let mut live = |line: &str| match &shown {
        Some(shown) if !line.starts_with(&event_line) => shown.line(line),
        _ => {}
    };
    let dir = &mut prepared.dir;
    let trial = Trial::of_run(&scenario.story, &prepared.nonce);
    let finished = session::run(&prepared.launch, trial, limits, dir, &mut live).await;
    let finished = match finished {
        Ok(finished) => finished,
        Err(error) => {
            dir.stopped(&error);
            if let Some(report) = Report::of_error(request.arch, &scenario.name, &error) {
                dir.write(records::VERDICT, report.json());
            }
            if let Some(shown) = shown {
                let _ = shown.finish().await; // there is a worse error
            }
            return Err(error);
        }
    };
    let mut report = Report::new(
        request.arch,
        &scenario.name,
        &scenario.story,
        &finished.trial,
    )
    .took(finished.duration);
    let running = finished.trial.hypervisor().running();
    report.stopped_at = stopped::locate(&finished.registers, &prepared.programs, running, root);
    report.qemu = Some(finished.qemu);
    report.run_dir = Some(dir.path().to_owned());
    report.notes.extend(prepared.note.take());
    report.notes.extend(finished.notes);
    dir.write(records::VERDICT, report.json());
    let trouble = dir
        .trouble()
        .filter(|trouble| !report.text.contains(trouble));
    report.notes.extend(trouble.map(str::to_owned));
    if let Some(shown) = shown {
        output::written(shown.finish().await)?;
    }
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
