//! What is run: the options that name it, and what they mean.

use super::Format;
use super::values::arch;
use crate::arch::Arch;
use crate::boot::examine::Kind;
use crate::config::machine::{Machine, names};
use crate::config::scenario::Definition;
use crate::error::Error;
use crate::project::Project;
use crate::suggest;
use clap::Args;
use clap::builder::OsStringValueParser;
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// What runs unless something else is asked for.
const DEFAULT_SCENARIO: &str = "gkernel";

/// The options.
#[derive(Debug, Args)]
pub(super) struct What {
    /// The architecture: of the scenario's machine, or else the machine that is named so
    #[arg(long, value_parser = arch())]
    pub(super) arch: Option<Arch>,
    /// The machine: its name (harness list), or a file [default: the scenario's]
    #[arg(long, value_name = "NAME|FILE", value_parser = OsStringValueParser::new())]
    pub(super) machine: Option<OsString>,
    /// The scenario: its name in tests/scenarios, or a file [default: in this project's workspace, gkernel]
    #[arg(long, value_name = "NAME|FILE", value_parser = OsStringValueParser::new())]
    pub(super) scenario: Option<OsString>,
    /// How the guest runs, such as el0 or emulated-flash: short for `--scenario <NAME>-<MODE>`
    #[arg(long, value_name = "MODE")]
    pub(super) mode: Option<String>,
    /// How to report
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(super) format: Format,
}

impl What {
    /// The scenario's name, or its file, in the mode that is asked for.
    pub(super) fn scenario(&self, project: &Project) -> Result<String, Error> {
        scenario_of(project, self.scenario.as_deref(), self.mode.as_deref())
    }
}

/// The name or the file of the scenario that is asked for, in the mode that is asked for.
pub(super) fn scenario_of(
    project: &Project,
    scenario: Option<&OsStr>,
    mode: Option<&str>,
) -> Result<String, Error> {
    match scenario {
        Some(scenario) => in_mode(project, text_of("--scenario", scenario)?, mode),
        None if project.is_workspace() => in_mode(project, DEFAULT_SCENARIO, mode),
        None => {
            let names = project.scenario_names();
            let here = if names.is_empty() {
                "tests/scenarios has none; a FILE of your own is one, and `harness new` writes one"
                    .to_owned()
            } else {
                format!("here: {}", names.join(", "))
            };
            Err(Error::Usage(format!(
                "which scenario? add --scenario NAME|FILE ({here})"
            )))
        }
    }
}

/// The machine that the options name, or else the scenario, if there is one, or else the file that is booted on it: an
/// ELF file, say, tells for which architecture it is.
pub(super) fn machine_of(
    project: &Project,
    arch: Option<Arch>,
    machine: Option<&OsStr>,
    booted: Option<(&Definition, Option<&Path>)>,
) -> Result<Machine, Error> {
    let found = match booted {
        Some((scenario, file)) => {
            let own = file.filter(|_| machine.is_none() && arch.is_none());
            match (
                scenario.machine(project, machine, arch),
                own.and_then(Kind::arch_of),
            ) {
                (Ok(Some(machine)), _) => Some(machine),
                (_, Some(own)) => scenario.machine(project, None, Some(own))?,
                (other, None) => other?,
            }
        }
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
pub(super) fn text_of<'a>(option: &str, argument: &'a OsStr) -> Result<&'a str, Error> {
    argument.to_str().ok_or_else(|| {
        let shown = argument.to_string_lossy();
        Error::Usage(format!(
            "{option} `{shown}` is not UTF-8; give the file another name, or a link"
        ))
    })
}

/// A scenario's name, in the mode that was asked for.
fn in_mode(project: &Project, scenario: &str, mode: Option<&str>) -> Result<String, Error> {
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
