//! The command line.

mod audit;
mod bench;
mod doctor;
mod explain;
mod itself;
mod judge;
mod list;
mod live;
mod mutants;
mod new;
mod output;
mod run;
mod shell;
mod signals;
mod terminal;
mod watch;

use crate::arch::{Arch, UnknownArch};
use crate::boot::build::{self, Ask, Target};
use crate::boot::cargo::Progress;
use crate::config::machine::{Machine, names};
use crate::config::recipe::Recipe;
use crate::config::scenario::Definition;
use crate::error::Error;
use crate::project::Project;
use crate::run::{event_loop, no_thread};
use crate::suggest;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
pub use itself::arguments;
pub use output::complain;
use output::{say, say_aside, say_error};
use signals::Requests;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;
use tokio::sync::oneshot;

/// What runs unless something else is asked for.
const DEFAULT_SCENARIO: &str = "gkernel";

/// Exit code of a run that was interrupted.
const INTERRUPTED: u8 = 130;

/// Exit code of a program that panicked, as Rust's own.
const PANICKED: u8 = 101;

/// The stack of the command's thread, in bytes: as much as a process's first thread usually has.
const STACK: usize = 8 << 20;

/// Boots a hypervisor and its guests in QEMU and judges what they did.
#[derive(Debug, Parser)]
#[command(name = "harness", version, max_term_width = 100, after_help = EXIT_CODES)]
struct Cli {
    /// The workspace, if it is not the current folder or one above it
    #[arg(long, global = true, env = "HARNESS_ROOT", value_name = "DIR")]
    root: Option<PathBuf>,
    /// Start cargo even if nothing has changed since the last build
    #[arg(long, global = true)]
    rebuild: bool,
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
       the disk is full or output cannot be written
  130  interrupted";

#[derive(Debug, Subcommand)]
enum Command {
    /// Build, boot and judge
    Run(run::RunArgs),
    /// Run, and run again what a change of a source, a scenario or a machine's file concerns
    Watch(watch::WatchArgs),
    /// Build the hypervisor and its guests
    Build {
        /// The architecture, or all of them
        #[arg(long, value_name = "ARCH", value_parser = one_or_all)]
        arch: Arches,
    },
    /// Judge a recorded run or console, without a machine
    Judge(judge::JudgeArgs),
    /// Show what the machine of a recorded run held while its guest ran: memory, registers, ports
    Audit(audit::AuditArgs),
    /// Write a scenario from the recorded console of a run that went well, to standard output
    New(new::NewArgs),
    /// Explain a key, a word or a verdict
    Explain(explain::ExplainArgs),
    /// Put the defects of tests/mutants back, one at a time, and check that their cases fail
    Mutants(mutants::MutantsArgs),
    /// Measure what the harness costs over QEMU's own time, and how fast it judges
    Bench(bench::BenchArgs),
    /// List what a run needs, and what of it is missing
    Doctor(doctor::DoctorArgs),
    /// List machines, scenarios and guests
    List {
        /// The conformance suite's page instead
        #[arg(long)]
        markdown: bool,
    },
}

#[derive(Debug, Args)]
struct What {
    /// The architecture: of the scenario's machine, or else the machine that is named so
    #[arg(long, value_parser = arch())]
    arch: Option<Arch>,
    /// The machine: its name (harness list), or a file [default: the scenario's]
    #[arg(long, value_name = "NAME|FILE", value_parser = clap::builder::OsStringValueParser::new())]
    machine: Option<OsString>,
    /// The scenario: its name in tests/scenarios, or a file
    #[arg(
        long,
        value_name = "NAME|FILE",
        default_value = DEFAULT_SCENARIO,
        value_parser = clap::builder::OsStringValueParser::new()
    )]
    scenario: OsString,
    /// How the guest runs, such as el0 or emulated-flash: short for `--scenario <NAME>-<MODE>`
    #[arg(long, value_name = "MODE")]
    mode: Option<String>,
    /// How to report
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

impl What {
    /// The scenario's name or file.
    fn scenario(&self) -> Result<&str, Error> {
        text_of("--scenario", &self.scenario)
    }
}

/// The machine that the options name, or else the scenario, if there is one.
fn machine_of(
    project: &Project,
    arch: Option<Arch>,
    machine: Option<&OsStr>,
    scenario: Option<&Definition>,
) -> Result<Machine, Error> {
    let found = match scenario {
        Some(scenario) => scenario.machine(project, machine, arch)?,
        None => Machine::wanted(project, machine, arch)?,
    };
    found.ok_or_else(|| {
        Error::Usage(format!(
            "on which machine? add --machine NAME|FILE ({}), or --arch ARCH for the machine of that name",
            names(project).join(", ")
        ))
    })
}

/// The text of an argument that has to be one.
fn text_of<'a>(option: &str, argument: &'a OsStr) -> Result<&'a str, Error> {
    argument.to_str().ok_or_else(|| {
        let shown = argument.to_string_lossy();
        Error::Usage(format!(
            "{option} `{shown}` is not UTF-8; give the file another name, or a link"
        ))
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The console as it comes, then a paragraph
    Human,
    /// One JSON object
    Json,
}

/// Takes an architecture's name, and lists them all in the help.
fn arch() -> impl TypedValueParser<Value = Arch> {
    ArchParser
}

#[derive(Clone)]
struct ArchParser;

impl ArchParser {
    fn names() -> PossibleValuesParser {
        PossibleValuesParser::new(Arch::ALL.map(|arch| {
            PossibleValue::new(arch.name()).help(match arch {
                Arch::Riscv64 => "RISC-V 64 with the H-extension",
                Arch::Aarch64 => "Arm 64",
                Arch::X86_64 => "x86-64 with AMD SVM",
            })
        }))
    }
}

impl TypedValueParser for ArchParser {
    type Value = Arch;

    fn parse_ref(
        &self,
        command: &clap::Command,
        option: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<Arch, clap::Error> {
        // What is no UTF-8 is a wrong name like any other, so that the message names the option.
        let value = value.to_string_lossy();
        let names = Self::names().try_map(|name| name.parse::<Arch>());
        names.parse_ref(command, option, OsStr::new(&*value))
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let values: Vec<_> = Self::names().possible_values()?.collect();
        Some(Box::new(values.into_iter()))
    }
}

#[derive(Debug, Clone)]
struct Arches(Vec<Arch>);

fn one_or_all(text: &str) -> Result<Arches, String> {
    if text == "all" {
        return Ok(Arches(Arch::ALL.to_vec()));
    }
    text.parse()
        .map(|arch| Arches(vec![arch]))
        .map_err(|_: UnknownArch| {
            format!("there are {}, all", Arch::ALL.map(Arch::name).join(", "))
        })
}

/// The command line, as clap describes it: every command and option.
pub fn description() -> clap::Command {
    Cli::command()
}

/// How long a command may take to end what it started, after an interrupt.
const GRACE: Duration = Duration::from_secs(2);

/// Runs the program; its name is the first of the arguments.
///
/// The command has a thread of its own. It may wait there for a file system that does not answer, and
/// an interrupt, which this thread waits for, still ends the program.
pub fn main(arguments: Vec<OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => return output::answer(&error),
    };
    let requests = Requests::settle();
    let runtime = match event_loop() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&error),
    };
    let (stop, stopped) = oneshot::channel();
    let mut command = pin!(async {
        let (done, code) = oneshot::channel();
        let thread = std::thread::Builder::new().stack_size(STACK);
        let started = thread.spawn(move || done.send(obey(cli, stopped)));
        match started {
            Ok(_) => code.await.unwrap_or(ExitCode::from(PANICKED)),
            Err(error) => complain(&no_thread(&error)),
        }
    });
    let code = runtime.block_on(async {
        tokio::select! {
            biased; // so that an interrupt is noticed from the start
            () = requests.wait() => {
                let _ = stop.send(()); // it may have ended just now
                let _ = tokio::time::timeout(GRACE, command).await;
                terminal::restore(); // before anything is said on it
                say_error("interrupted; QEMU was ended");
                ExitCode::from(INTERRUPTED)
            }
            code = &mut command => code,
        }
    });
    terminal::restore(); // where the command was not waited for
    code
}

/// The command's thread: does what is asked for, until it is done or told to stop.
fn obey(cli: Cli, stopped: oneshot::Receiver<()>) -> ExitCode {
    let runtime = match event_loop() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&error),
    };
    let code = runtime.block_on(async {
        tokio::select! {
            // Dropping the command is what ends QEMU and cargo.
            _ = stopped => ExitCode::from(INTERRUPTED),
            result = execute(cli) => result.map_or_else(|error| complain(&error), ExitCode::from),
        }
    });
    runtime.shutdown_background(); // a console that is still being judged is not waited for
    code
}

async fn execute(cli: Cli) -> Result<u8, Error> {
    // A run's directory needs no workspace.
    if let Command::Judge(args) = cli.command {
        // A large console takes seconds without a pause, and an interrupt is to end that at once.
        let judging = tokio::task::spawn_blocking(move || judge::judge(cli.root.as_deref(), &args));
        return judging.await.expect("judging does not panic");
    }
    if let Command::Explain(args) = cli.command {
        return explain::explain(&args);
    }
    if let Command::Audit(args) = cli.command {
        return audit::audit(&args);
    }
    let project = find_project(cli.root.as_deref())?;
    let ask = if cli.rebuild {
        Ask::Always
    } else {
        Ask::IfChanged
    };
    match cli.command {
        Command::Run(args) => run::run(&project, args, ask).await,
        Command::Watch(args) => watch::watch(&project, &args, ask).await,
        Command::Build { arch } => build_all(&project, &arch.0, ask).await,
        Command::Judge(_) | Command::Explain(_) | Command::Audit(_) => {
            unreachable!("it was taken above")
        }
        Command::New(args) => new::new(&project, &args),
        Command::Mutants(args) => mutants::mutants(&project, args).await,
        Command::Doctor(args) => doctor::doctor(&project, &args).await,
        Command::Bench(args) => bench::bench(&project, &args).await,
        Command::List { markdown } => list::list(&project, markdown),
    }
}

/// The project: the workspace that `--root` or `HARNESS_ROOT` names; otherwise the one that the current folder lies
/// in; otherwise the one that this program lies in, which stderr then names; otherwise the current folder, which is
/// no workspace.
///
/// A checkout may have been copied together with its target folder, so what counts is where the program lies, not
/// where it was built.
fn find_project(given: Option<&Path>) -> Result<Project, Error> {
    if let Some(root) = given {
        let root = std::path::absolute(root)
            .map_err(|e| Error::Usage(format!("--root `{}`: {e}", root.display())))?;
        return Project::workspace(&root);
    }
    let here = Project::discover();
    if here.as_ref().is_ok_and(Project::is_workspace) {
        return here;
    }
    let program = own_program().ok();
    let Some(elsewhere) = program.and_then(|program| Project::above(&program)) else {
        return here;
    };
    say_aside(&format!("workspace: {}", elsewhere.folder().display()));
    Ok(elsewhere)
}

/// The file of this program.
fn own_program() -> Result<PathBuf, Error> {
    let program = std::env::current_exe();
    program.map_err(|e| Error::io("find", Path::new("this program"), &e))
}

/// A scenario's name, in the mode that was asked for.
fn in_mode(project: &Project, scenario: &str, mode: Option<&str>) -> Result<String, Error> {
    let is_file = scenario.contains('/') || scenario.ends_with(".toml");
    let is_there = is_file || project.scenario(scenario).is_file();
    if !is_there && !project.is_workspace() {
        return Err(Error::Usage(format!(
            "no scenario `{scenario}`: outside a workspace a scenario is a file of your own; add \
             --scenario FILE, such as --scenario ./my.toml"
        )));
    }
    let Some(mode) = mode else {
        return Ok(scenario.to_owned());
    };
    let (start, names) = (format!("{scenario}-"), project.scenario_names());
    let name = format!("{start}{mode}");
    if names.contains(&name) {
        return Ok(name);
    }
    let modes: Vec<_> = names
        .iter()
        .filter_map(|name| name.strip_prefix(&start))
        .collect();
    Err(Error::Usage(format!(
        "scenario `{scenario}` has no mode `{mode}` besides its own; {}",
        suggest::instead(mode, &modes)
    )))
}

async fn build_all(project: &Project, arches: &[Arch], ask: Ask) -> Result<u8, Error> {
    let progress = Progress::to(say_aside);
    for &arch in arches {
        let recipe = Recipe::load(project, arch)?;
        let mut targets = vec![Target::Hypervisor];
        targets.extend(project.guests().into_iter().map(Target::Guest));
        for file in build::build(project, &recipe, &targets, ask, &progress).await? {
            let file = project.short(&file);
            say(&file.display().to_string())?;
        }
    }
    Ok(0)
}
