//! `harness run`.

use super::live::Live;
use super::shell::{self, Shell};
use super::{Format, What, machine_of, output};
use crate::boot::Request;
use crate::boot::build::Ask;
use crate::config::accel::{Accel, UnknownAccel};
use crate::config::parse_duration;
use crate::config::scenario::Definition;
use crate::error::Error;
use crate::judge::event::Event;
use crate::judge::observer::Observer;
use crate::judge::verdict::Verdict;
use crate::project::Project;
use crate::records::report::Report;
use crate::run::follow;
use crate::shown;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
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
    /// What executes the guest's instructions: QEMU (tcg), this computer's processor (kvm), or whichever can do it
    /// and costs no account of the run (auto) [default: what the machine's file says]
    #[arg(long, value_name = "NAME", value_parser = accel())]
    accel: Option<Accel>,
    /// Have the machine wait for gdb at its first instruction, and print how gdb is started. No clock runs, and
    /// nobody audits the machine
    #[arg(long)]
    gdb: bool,
    /// Sit at the console: what is typed goes to the machine, also after the verdict. No clock runs. Ctrl-A x ends it
    #[arg(long)]
    shell: bool,
}

/// Takes an accelerator's name.
pub(super) fn accel() -> impl TypedValueParser<Value = Accel> {
    let names = PossibleValuesParser::new(Accel::NAMES);
    names.try_map(|name| name.parse::<Accel>().map_err(|error: UnknownAccel| error))
}

/// Builds, boots and judges; the verdict's exit code.
pub(super) async fn run(project: &Project, args: RunArgs, ask: Ask) -> Result<u8, Error> {
    let format = args.what.format;
    if args.shell && format == Format::Json {
        return Err(Error::Usage(
            "--shell shows the console where --format json prints: leave out one of them".into(),
        ));
    }
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
    request.accel = args.accel;
    request.gdb = args.gdb;
    let request = request.observe(Aside { shell: args.shell });
    let report = match format {
        Format::Human if args.shell => interactive(project, request).await?,
        Format::Human => shown(project, request).await?,
        // Who asked for JSON gets JSON for everything that is a verdict, and this is one.
        Format::Json => match follow(project, request).await {
            Ok(report) => report,
            Err(error) => Report::of_error(machine.arch, &scenario, &error).ok_or(error)?,
        },
    };
    // A reader that stands still may keep this waiting, but not an interrupt.
    let published = tokio::task::spawn_blocking(move || publish(&report, format));
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

/// Runs while somebody sits at the console.
async fn interactive(project: &Project, request: Request) -> Result<Report, Error> {
    let live = Live::start(std::io::stdout());
    let (shell, typist) = Shell::open()?;
    let request = request
        .typist(typist)
        .observe(shell::Console::new(live.bytes()));
    let result = follow(project, request).await;
    let printed = live.finish().await;
    drop(shell);
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
