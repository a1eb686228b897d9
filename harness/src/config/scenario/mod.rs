//! A scenario: what to boot and the story it has to tell.

use super::Source;
use super::machine::Machine;
use crate::arch::Arch;
use crate::error::{ConfigError, Error};
use crate::judge::Story;
use crate::project::Project;
use crate::suggest;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A scenario, resolved for one architecture.
#[derive(Debug)]
#[non_exhaustive]
pub struct Scenario {
    /// Its name: the file's, without the ending.
    pub name: String,
    /// What the hypervisor is to run; none leaves `/sbin` empty.
    pub guest: Option<Guest>,
    /// What it is to run after that.
    pub second: Option<Guest>,
    /// How the hypervisor is to run it; none leaves the architecture's first mode.
    pub mode: Option<String>,
    /// More words for the hypervisor.
    pub params: Vec<(String, String)>,
    /// What is wrong with the disk.
    pub disk_fault: Option<DiskFault>,
    /// The flash's contents, instead of the machine's own.
    pub flash: Option<PathBuf>,
    /// How long no step may be reached.
    pub silence: Option<Duration>,
    /// The story.
    pub story: Story,
}

/// What a scenario of the conformance suite is for.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What it proves.
    pub proves: String,
    /// The manuals' sections.
    pub manual: String,
    /// The architectures that are left out, and why.
    #[serde(default)]
    pub without: BTreeMap<Arch, String>,
}

/// What is known of a scenario without resolving it for an architecture.
#[derive(Debug, Clone)]
pub struct Summary {
    /// Its name.
    pub name: String,
    /// What it is about.
    pub about: String,
    /// The architectures that it is for.
    pub arches: Vec<Arch>,
    /// What it is for in the conformance suite, if it belongs to it.
    pub case: Option<Case>,
}

/// A disk that is broken on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DiskFault {
    /// It holds no file system.
    NotFat,
    /// It ends within the guest's image.
    Truncated,
}

/// A guest program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Guest {
    /// A program of `gkernel/`, built on demand.
    Program(String),
    /// A file: ELF, or a flat binary.
    File(PathBuf),
}

impl Guest {
    /// The name under `/sbin`: of a file's name what a name on the disk may have, at most 64 bytes.
    pub fn name(&self) -> String {
        match self {
            Guest::Program(name) => name.clone(),
            Guest::File(path) => {
                plain_name(&path.file_stem().unwrap_or_default().to_string_lossy())
            }
        }
    }

    /// The guest that a word on the command line means: a file, or else a guest program's name.
    pub fn named(project: &Project, word: &OsStr) -> Result<Self, Error> {
        let path = Path::new(word);
        let programs = project.guests();
        let is_name = |name: &&str| !name.contains('/') && !path.is_file();
        match word.to_str().filter(is_name) {
            Some(name) if programs.iter().any(|program| program == name) => {
                Ok(Guest::Program(name.to_owned()))
            }
            // A name, and none that there is.
            Some(name) if !path.exists() => Err(Error::Usage(format!(
                "--guest {name}: there is no such file, and no such guest program; {}",
                suggest::instead(name, &programs)
            ))),
            _ => Ok(Guest::File(path.to_owned())),
        }
    }
}

impl Scenario {
    /// Reads a scenario: by its name under `tests/scenarios`, or a file.
    pub fn load(project: &Project, name_or_file: &str, machine: &Machine) -> Result<Self, Error> {
        Self::load_with(project, name_or_file, machine, None)
    }

    /// A scenario that has that name in reports and that text, which is what a scenario's file holds.
    pub fn from_text(
        project: &Project,
        machine: &Machine,
        name: &str,
        text: &str,
    ) -> Result<Self, Error> {
        let source = Source::from_text(name, text);
        Self::resolve(name.to_owned(), project, &source, machine, None)
    }

    /// Reads a scenario that is to be run with another guest than its own.
    pub fn load_with(
        project: &Project,
        name_or_file: &str,
        machine: &Machine,
        by_hand: Option<&Guest>,
    ) -> Result<Self, Error> {
        let by_path = name_or_file.contains('/') || name_or_file.ends_with(".toml");
        let path = if by_path {
            PathBuf::from(name_or_file)
        } else {
            project.scenario(name_or_file)
        };
        if !by_path && !path.is_file() {
            return Err(Error::Usage(format!(
                "no scenario `{name_or_file}`; {}",
                suggest::instead(name_or_file, &project.scenario_names())
            )));
        }
        let source = Source::read(&path)?;
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        Self::resolve(name, project, &source, machine, by_hand)
    }

    /// Resolves a scenario's text, for a run with its own guest or with another one.
    pub fn resolve(
        name: String,
        project: &Project,
        source: &Source,
        machine: &Machine,
        by_hand: Option<&Guest>,
    ) -> Result<Self, Error> {
        let raw: raw::Scenario = source.parse()?;
        if !raw.arches.get_ref().contains(&machine.arch) {
            let arches: Vec<_> = raw.arches.get_ref().iter().map(|a| a.name()).collect();
            return Err(Error::Usage(format!(
                "scenario `{name}` is not for {}; it is for {}",
                machine.arch,
                if arches.is_empty() {
                    "none".into()
                } else {
                    arches.join(", ")
                }
            )));
        }
        Ok(raw.resolve(name, project, source, machine, by_hand)?)
    }
}

/// A name as any file system takes it, of at most 64 bytes: what is no letter, digit or `-` becomes `_`.
pub fn plain_name(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let chars = name.chars().take(64);
    chars.map(|c| if plain(c) { c } else { '_' }).collect()
}

/// What `harness list` shows of a scenario without resolving it.
pub fn summary(project: &Project, name: &str) -> Result<Summary, ConfigError> {
    let source = Source::read(&project.scenario(name))?;
    let raw: raw::Scenario = source.parse()?;
    Ok(Summary {
        name: name.to_owned(),
        about: raw.about.unwrap_or_default(),
        arches: raw.arches.into_inner(),
        case: raw.case,
    })
}

mod accounts;
mod raw;
#[cfg(test)]
mod tests;
