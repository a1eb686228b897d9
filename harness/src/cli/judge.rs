//! `harness judge`.

use super::itself::command_line;
use super::reports::ReportArgs;
use super::run::After;
use super::what::scenario_of;
use super::{Format, find_project};
use crate::arch::Arch;
use crate::config::scenario::Definition;
use crate::error::Error;
use crate::files;
use crate::project::Project;
use crate::records::report::Report;
use crate::records::{self, Booted, replay};
use clap::Args;
use std::ffi::OsString;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

/// Its options.
#[derive(Debug, Args)]
pub(super) struct JudgeArgs {
    /// A run's directory, which needs no other option, or a recorded console; `-` is standard input
    #[arg(value_name = "DIR|LOG")]
    log: PathBuf,
    /// The console's architecture
    #[arg(long, value_parser = super::values::arch())]
    arch: Option<Arch>,
    /// The console's machine: a name, or a file
    #[arg(long, value_name = "NAME|FILE", value_parser = clap::builder::OsStringValueParser::new())]
    machine: Option<OsString>,
    /// The scenario that the console is judged by [default: in this project's workspace,
    /// gkernel]
    #[arg(long, value_name = "NAME|FILE", value_parser = clap::builder::OsStringValueParser::new())]
    scenario: Option<OsString>,
    /// How the guest ran: short for `--scenario <NAME>-<MODE>`
    #[arg(long, value_name = "MODE")]
    mode: Option<String>,
    /// How to report
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    #[command(flatten)]
    reports: ReportArgs,
}

/// Judges; the verdict's exit code.
pub(super) fn judge(root: Option<&Path>, args: JudgeArgs) -> Result<u8, Error> {
    args.reports.check(args.format == Format::Json)?;
    let began = (SystemTime::now(), Instant::now());
    if args.log.is_dir() {
        let options = [args.arch.is_some(), args.machine.is_some()];
        let more = [args.scenario.is_some(), args.mode.is_some()];
        if options.contains(&true) || more.contains(&true) {
            let message = "a run's directory tells by itself what it is of: leave out the options";
            return Err(Error::Usage(message.into()));
        }
        let mut report = replay::run_again(&args.log)?;
        report.again = Some(command_line());
        let after = After {
            project: match root {
                Some(root) => Project::new(root),
                None => Project::discover()?,
            },
            machine: machine_of(&args.log, &report)?,
            format: args.format,
            reports: args.reports,
            began,
        };
        let silence = after.silence()?;
        return after.publish(report, None, silence);
    }
    let console = open(&args.log)?;
    let project = find_project(root)?;
    let scenario = scenario_of(&project, args.scenario.as_deref(), args.mode.as_deref())?;
    let definition = Definition::named(&project, &scenario)?;
    let Some(machine) = definition.machine(&project, args.machine.as_deref(), args.arch)? else {
        let message = "a recorded console does not tell its architecture: add --arch, or --machine";
        return Err(Error::Usage(message.into()));
    };
    let mut report = replay::console(&project, &machine, &definition, console, &args.log)?;
    report.again = Some(command_line());
    report.scenario_file = Some(definition.file().to_owned());
    let after = After {
        project,
        machine: machine.name,
        format: args.format,
        reports: args.reports,
        began,
    };
    let silence = after.silence()?;
    after.publish(report, None, silence)
}

/// The machine of a recorded run; that of early records is called like its architecture.
fn machine_of(dir: &Path, report: &Report) -> Result<String, Error> {
    let booted: Booted = records::read_json(dir, records::BOOTED)?;
    let name = booted.machine.map(|machine| machine.name);
    Ok(name.unwrap_or_else(|| report.arch.name().to_owned()))
}

/// Opens a recorded console.
pub(super) fn open(log: &Path) -> Result<Box<dyn Read>, Error> {
    if log == Path::new("-") {
        return Ok(Box::new(io::stdin()));
    }
    match files::open(log) {
        Ok(file) => Ok(Box::new(file)),
        Err(error) if is_missing(&error) => Err(Error::Usage(format!(
            "there is no file or folder {}; name a recorded console, or the folder of a run's records",
            log.display()
        ))),
        Err(error) => {
            let hint = match error.kind() {
                io::ErrorKind::Other => {
                    "; to judge what a pipe brings, give it as standard input: judge -"
                }
                _ => "",
            };
            Err(Error::Usage(format!(
                "the recorded console {} cannot be read: {error}{hint}",
                log.display()
            )))
        }
    }
}

/// Whether an error says that there is nothing of that name.
fn is_missing(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_said_not_to_be_there() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        for path in [folder.path().join("none"), file.join("in-a-file")] {
            let error = open(&path).err().unwrap().to_string();
            let expected = format!("there is no file or folder {}", path.display());
            assert!(error.contains(&expected), "{error}");
        }
        assert!(open(&file).is_ok());
    }
}
