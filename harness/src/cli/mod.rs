//! The command line.

mod audit;
mod bench;
mod boots;
mod doctor;
mod examples;
mod explain;
mod github;
mod itself;
mod judge;
mod list;
mod live;
mod manual;
mod matrix;
mod mutants;
mod new;
mod output;
mod page;
mod progress;
mod reports;
mod run;
mod shell;
mod signals;
mod terminal;
mod values;
mod watch;
mod what;

use crate::arch::Arch;
use crate::boot::build::{self, Ask, Target};
use crate::boot::cargo::Progress;
use crate::config::recipe::Recipe;
use crate::error::Error;
use crate::project::Project;
use crate::run::{event_loop, no_thread};
use clap::{CommandFactory, Parser, Subcommand, ValueEnum};
pub use itself::arguments;
pub use output::complain;
use output::{say, say_aside, say_error};
use signals::Requests;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;
use tokio::sync::oneshot;
use values::{Arches, one_or_all};

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
    #[command(after_help = examples::RUN)]
    Run(run::RunArgs),
    /// Run, and run again what a change of a source, a scenario or a machine's file concerns
    #[command(after_help = examples::WATCH)]
    Watch(watch::WatchArgs),
    /// Build this project's own hypervisor and its guests, in a checkout
    #[command(after_help = examples::BUILD)]
    Build {
        /// The architecture, or all of them
        #[arg(long, value_name = "ARCH", value_parser = one_or_all)]
        arch: Arches,
    },
    /// Build, boot and judge many cases at once: scenarios on machines
    #[command(after_help = examples::MATRIX)]
    Matrix(matrix::MatrixArgs),
    /// Judge a recorded run or console, without a machine
    #[command(after_help = examples::JUDGE)]
    Judge(judge::JudgeArgs),
    /// Show what the machine of a recorded run held while its guest ran: memory, registers, ports
    #[command(after_help = examples::AUDIT)]
    Audit(audit::AuditArgs),
    /// Make the page of a run or a matrix: one HTML file with the timeline, the memory map and the log
    #[command(after_help = examples::PAGE)]
    Page(page::PageArgs),
    /// Write a scenario from the recorded console of a run that went well, to standard output
    #[command(after_help = examples::NEW)]
    New(new::NewArgs),
    /// Explain a key, a word or a verdict
    #[command(after_help = examples::EXPLAIN)]
    Explain(explain::ExplainArgs),
    /// Put the defects of tests/mutants back, one at a time, and check that their cases fail, in a checkout
    #[command(after_help = examples::MUTANTS)]
    Mutants(mutants::MutantsArgs),
    /// Measure this project's own hypervisor, what the harness costs over QEMU's own time, and how fast it judges, in a
    /// checkout
    #[command(after_help = examples::BENCH)]
    Bench(bench::BenchArgs),
    /// List what a run needs, and what of it is missing
    #[command(after_help = examples::DOCTOR)]
    Doctor(doctor::DoctorArgs),
    /// List machines, scenarios and guests
    #[command(after_help = examples::LIST)]
    List {
        /// The conformance suite's page instead, in a checkout
        #[arg(long)]
        markdown: bool,
    },
    /// Print what a shell completes command lines with
    #[command(after_help = examples::COMPLETIONS)]
    Completions(manual::CompletionsArgs),
    /// Print a page of the manual
    #[command(after_help = examples::MAN)]
    Man(manual::ManArgs),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The console as it comes, then a paragraph
    Human,
    /// One JSON object
    Json,
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
        let judging = tokio::task::spawn_blocking(move || judge::judge(cli.root.as_deref(), args));
        return judging.await.expect("judging does not panic");
    }
    match &cli.command {
        Command::Explain(args) => return explain::explain(args),
        Command::Audit(args) => return audit::audit(args),
        Command::Page(args) => return page::page(cli.root.as_deref(), args),
        Command::Completions(args) => return manual::completions(args),
        Command::Man(args) => return manual::man(args),
        _ => {}
    }
    let project = find_project(cli.root.as_deref())?;
    let ask = if cli.rebuild {
        Ask::Always
    } else {
        Ask::IfChanged
    };
    if let Some(what) = own_business(&cli.command).filter(|_| !project.is_workspace()) {
        return Err(Error::Usage(format!("{what}: run it in a checkout")));
    }
    match cli.command {
        Command::Run(args) => run::run(&project, args, ask).await,
        Command::Matrix(args) => matrix::matrix(&project, args, ask).await,
        Command::Watch(args) => watch::watch(&project, &args, ask).await,
        Command::Build { arch } => build_all(&project, &arch.0, ask).await,
        Command::Judge(_)
        | Command::Explain(_)
        | Command::Audit(_)
        | Command::Page(_)
        | Command::Completions(_)
        | Command::Man(_) => {
            unreachable!("it was taken above")
        }
        Command::New(args) => new::new(&project, &args),
        Command::Mutants(args) => mutants::mutants(&project, args).await,
        Command::Doctor(args) => doctor::doctor(&project, &args).await,
        Command::Bench(args) => bench::bench(&project, &args).await,
        Command::List { markdown } => list::list(&project, markdown),
    }
}

/// What a command does that needs a workspace, with sources of a hypervisor.
fn own_business(command: &Command) -> Option<&'static str> {
    Some(match command {
        Command::Build { .. } => "build builds this project's own hypervisor and guests",
        Command::Bench(_) => "bench measures this project's own hypervisor",
        Command::Mutants(_) => "mutants breaks this project's own hypervisor",
        Command::List { markdown: true } => {
            "list --markdown shows this project's own conformance suite"
        }
        _ => return None,
    })
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
