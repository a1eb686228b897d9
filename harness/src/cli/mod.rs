//! The command line.

mod bench;
mod doctor;
mod list;
mod live;
mod signals;

use crate::arch::Arch;
use crate::boot::build::{self, Target};
use crate::boot::{Request, prepare};
use crate::config::machine::Machine;
use crate::config::parse_duration;
use crate::config::scenario;
use crate::error::Error;
use crate::judge::trial::Trial;
use crate::machine::session::{self, Limits};
use crate::project::find_root;
use crate::records;
use crate::records::replay;
use crate::records::report::Report;
use crate::records::stopped;
use crate::tools::mutants;
use clap::{Args, Parser, Subcommand, ValueEnum};
use live::Live;
use signals::Requests;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// What is run when nothing else is asked for.
const DEFAULT_SCENARIO: &str = "gkernel";

/// Exit code of a run that was interrupted.
const INTERRUPTED: u8 = 130;

/// Boots the hypervisor and its guests in QEMU and judges what they did.
#[derive(Debug, Parser)]
#[command(name = "harness", version, max_term_width = 100, after_help = EXIT_CODES)]
struct Cli {
    /// The workspace, if it is not the current folder or one above it
    #[arg(long, global = true, env = "HARNESS_ROOT", value_name = "DIR")]
    root: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0    passed
  1    failed: the guest or the hypervisor is wrong
  2    usage or configuration error
  3    timed out
  4    infrastructure: QEMU or a tool is missing, did not start or was killed, a build failed,
       the disk is full
  130  interrupted";

#[derive(Debug, Subcommand)]
enum Command {
    /// Build, boot and judge
    Run(RunArgs),
    /// Build the hypervisor and its guests
    Build {
        /// The architecture, or all of them
        #[arg(long, value_name = "ARCH", value_parser = one_or_all)]
        arch: Arches,
    },
    /// Judge a recorded run or console, without a machine
    Judge(JudgeArgs),
    /// Put the defects of tests/mutants back, one at a time, and see that their cases fail
    Mutants(MutantsArgs),
    /// Measure what the harness costs over QEMU's own time, and how fast it judges
    Bench(bench::BenchArgs),
    /// Say what is there of all that a run needs, and what is missing
    Doctor(doctor::DoctorArgs),
    /// List architectures, scenarios and guests
    List {
        /// The conformance suite's page instead
        #[arg(long)]
        markdown: bool,
    },
}

#[derive(Debug, Args)]
struct RunArgs {
    #[command(flatten)]
    what: What,
    /// How long the run may take: seconds, or 500ms, 30s, 2m
    #[arg(long, value_name = "TIME", default_value = "30", value_parser = parse_duration)]
    timeout: Duration,
    /// A hypervisor (or any kernel) to boot instead of building the workspace's own
    #[arg(long, value_name = "FILE")]
    image: Option<PathBuf>,
    /// A guest to run instead of the scenario's: ELF or flat
    #[arg(long, value_name = "FILE")]
    guest: Option<PathBuf>,
    /// Where to make the run's directory [default: target/harness/runs, of whose runs the newest 40
    /// that passed are kept, and the newest 200 that did not]
    #[arg(long, value_name = "DIR")]
    report_dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct JudgeArgs {
    /// A run's directory, which tells all the rest by itself, or a recorded console
    #[arg(value_name = "DIR|LOG")]
    log: PathBuf,
    /// Of which architecture a console is
    #[arg(long, value_enum)]
    arch: Option<Arch>,
    /// The scenario that a console is to tell [default: gkernel]
    #[arg(long, value_name = "NAME|FILE")]
    scenario: Option<String>,
    /// How the guest ran, such as el0 or emulated-flash
    #[arg(long, value_name = "MODE")]
    mode: Option<String>,
    /// How to report
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Debug, Args)]
struct MutantsArgs {
    /// The cases whose mutants are tried [default: all, and a case without one is a failure]
    #[arg(value_name = "CASE")]
    cases: Vec<String>,
    /// The architecture, or all of them
    #[arg(long, value_name = "ARCH", value_parser = one_or_all, default_value = "all")]
    arch: Arches,
    /// How to report
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Debug, Args)]
struct What {
    /// The architecture
    #[arg(long, value_enum)]
    arch: Arch,
    /// The scenario: its name in tests/scenarios, or a file
    #[arg(long, value_name = "NAME|FILE", default_value = DEFAULT_SCENARIO)]
    scenario: String,
    /// How the guest runs, such as el0 or emulated-flash: short for `--scenario <NAME>-<MODE>`
    #[arg(long, value_name = "MODE")]
    mode: Option<String>,
    /// How to report
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The console as it comes, then a paragraph
    Human,
    /// One JSON object
    Json,
}

#[derive(Debug, Clone)]
struct Arches(Vec<Arch>);

fn one_or_all(text: &str) -> Result<Arches, String> {
    if text == "all" {
        return Ok(Arches(Arch::ALL.to_vec()));
    }
    Arch::from_str(text, false)
        .map(|arch| Arches(vec![arch]))
        .map_err(|_| format!("there are {}, all", Arch::ALL.map(Arch::name).join(", ")))
}

/// Runs the program.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let requests = Requests::settle();
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            let what = format!("the event loop could not be started: {error}");
            return complain(&Error::infrastructure(
                what,
                "check the limits on open files",
            ));
        }
    };
    let code = runtime.block_on(async {
        tokio::select! {
            biased; // so that an interrupt is noticed from the start
            () = requests.wait() => {
                say_error("interrupted; QEMU was ended");
                ExitCode::from(INTERRUPTED)
            }
            // Dropping the command on an interrupt is what ends QEMU and cargo.
            result = execute(cli) => result.map_or_else(|error| complain(&error), ExitCode::from),
        }
    });
    runtime.shutdown_background(); // a console that is still being judged is not waited for
    code
}

async fn execute(cli: Cli) -> Result<u8, Error> {
    // A run's directory needs no workspace.
    if let Command::Judge(args) = cli.command {
        // A large console takes seconds without a pause, and an interrupt is to end that too.
        let judging = tokio::task::spawn_blocking(move || judge(cli.root.as_deref(), &args));
        return judging.await.expect("judging does not panic");
    }
    let root = find_root(cli.root.as_deref())?;
    match cli.command {
        Command::Run(args) => run(&root, args).await,
        Command::Build { arch } => build_all(&root, &arch.0).await,
        Command::Judge(_) => unreachable!("it was taken above"),
        Command::Mutants(args) => try_mutants(&root, args).await,
        Command::Doctor(args) => Ok(doctor::doctor(&root, &args).await),
        Command::Bench(args) => bench::bench(&root, &args).await,
        Command::List { markdown } => list::list(&root, markdown),
    }
}

/// A scenario's name, in the mode that was asked for.
fn in_mode(root: &Path, scenario: &str, mode: Option<&str>) -> Result<String, Error> {
    let Some(mode) = mode else {
        return Ok(scenario.to_owned());
    };
    let (start, names) = (format!("{scenario}-"), scenario::names(root));
    let name = format!("{start}{mode}");
    if names.contains(&name) {
        return Ok(name);
    }
    let modes: Vec<_> = names
        .iter()
        .filter_map(|name| name.strip_prefix(&start))
        .collect();
    Err(Error::Usage(format!(
        "scenario `{scenario}` has no mode `{mode}` besides its own; there are: {}",
        if modes.is_empty() {
            "none".into()
        } else {
            modes.join(", ")
        }
    )))
}

async fn run(root: &Path, args: RunArgs) -> Result<u8, Error> {
    let format = args.what.format;
    let request = Request {
        arch: args.what.arch,
        scenario: in_mode(root, &args.what.scenario, args.what.mode.as_deref())?,
        timeout: args.timeout,
        image: args.image,
        guest: args.guest,
        report_dir: args.report_dir,
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
    Ok(published.await.expect("printing does not panic"))
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
                shown.finish().await;
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
    report.stopped_at = stopped::locate(&finished.registers, &prepared.programs, root);
    report.qemu = Some(finished.qemu);
    report.run_dir = Some(dir.path().to_owned());
    report.notes.extend(finished.notes);
    dir.write(records::VERDICT, report.json());
    let trouble = dir
        .trouble()
        .filter(|trouble| !report.text.contains(trouble));
    report.notes.extend(trouble.map(str::to_owned));
    if let Some(shown) = shown {
        shown.finish().await;
    }
    Ok(report)
}

fn judge(root: Option<&Path>, args: &JudgeArgs) -> Result<u8, Error> {
    let report = match (args.log.is_dir(), args.arch) {
        (true, None) if args.scenario.is_none() && args.mode.is_none() => {
            replay::run_again(&args.log)?
        }
        (true, _) => {
            let message = "a run's directory tells by itself what it is of: leave out the options";
            return Err(Error::Usage(message.into()));
        }
        (false, Some(arch)) => {
            let root = find_root(root)?;
            let scenario = args.scenario.as_deref().unwrap_or(DEFAULT_SCENARIO);
            let scenario = in_mode(&root, scenario, args.mode.as_deref())?;
            replay::console(&root, arch, &scenario, &args.log)?
        }
        (false, None) => {
            let message = "a recorded console does not tell its architecture: add --arch";
            return Err(Error::Usage(message.into()));
        }
    };
    Ok(publish(&report, args.format))
}

async fn build_all(root: &Path, arches: &[Arch]) -> Result<u8, Error> {
    for &arch in arches {
        let machine = Machine::load(root, arch)?;
        let mut targets = vec![Target::Hypervisor];
        targets.extend(build::guests(root).into_iter().map(Target::Guest));
        for file in build::build(root, &machine, &targets).await? {
            say(&file
                .strip_prefix(root)
                .unwrap_or(&file)
                .display()
                .to_string());
        }
    }
    Ok(0)
}

async fn try_mutants(root: &Path, args: MutantsArgs) -> Result<u8, Error> {
    let human = args.format == Format::Human;
    let tell = |row: &mutants::Row| {
        if human {
            say(&row.human());
        }
    };
    let table = mutants::run(root, &args.arch.0, &args.cases, tell).await?;
    say(&match args.format {
        Format::Human => table.summary(),
        Format::Json => serde_json::to_string(&table).expect("plain data"),
    });
    Ok(table.exit_code())
}

/// Prints a report; its exit code.
fn publish(report: &Report, format: Format) -> u8 {
    match format {
        Format::Json => say(&report.json()),
        Format::Human => {
            let _ = write!(anstream::stdout(), "\n{}", report.human());
        }
    }
    report.exit_code
}

fn complain(error: &Error) -> ExitCode {
    say_error(&error.to_string());
    ExitCode::from(error.exit_code())
}

fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn say_error(line: &str) {
    let style = anstyle::AnsiColor::Red.on_default().bold();
    let _ = writeln!(anstream::stderr(), "{style}error{style:#}: {line}");
}
