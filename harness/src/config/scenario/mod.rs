//! A scenario: what to boot and the story it has to tell.

use super::Source;
use super::audit::Audit;
use super::challenge::Challenge;
use super::disk::Disk;
use super::machine::Machine;
use crate::arch::Arch;
use crate::error::{ConfigError, Error};
use crate::judge::Story;
use crate::project::Project;
use crate::suggest;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A scenario, resolved for one architecture.
#[derive(Debug)]
#[non_exhaustive]
pub struct Scenario {
    /// Its name: the file's, without the ending.
    pub name: String,
    /// The machine it asks for on its architecture: a name, or a file.
    pub machine: Option<OsString>,
    /// What the hypervisor is to run; none leaves `/sbin` empty.
    pub guest: Option<GuestSource>,
    /// What it is to run after that.
    pub second: Option<GuestSource>,
    /// How the hypervisor is to run it; none leaves the architecture's first mode.
    pub mode: Option<String>,
    /// More words for the hypervisor.
    pub params: Vec<(String, String)>,
    /// What it says of the disk, over what the machine says.
    pub disk: Option<Disk>,
    /// What is wrong with the disk.
    pub disk_fault: Option<DiskFault>,
    /// The flash's contents, instead of the machine's own.
    pub flash: Option<PathBuf>,
    /// What is typed on its console, and when, in the order of the file.
    pub sends: Vec<Send>,
    /// How long no step may be reached.
    pub silence: Option<Duration>,
    /// What the machine may hold while a guest runs, and when that is looked at; none if it is not.
    pub audit: Option<Audit>,
    /// Why the machine is not looked at, if the scenario says so.
    pub not_audited: Option<String>,
    /// Why nothing is compared with QEMU's log, although the scenario wants it.
    pub not_logged: Option<String>,
    /// The guest-physical address at which a guest's image begins, if it is declared.
    pub guest_at: Option<u64>,
    /// The story.
    pub story: Story,
}

/// What is typed once a step was reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Send {
    /// The step's name.
    pub after: String,
    /// The text, byte for byte.
    pub text: String,
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
    /// The machines it asks for.
    pub machine: Option<Machines>,
    /// What it is for in the conformance suite, if it belongs to it.
    pub case: Option<Case>,
    /// Why it is run only if it is named, if it is.
    pub only_by_name: Option<String>,
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
pub enum GuestSource {
    /// A program of `gkernel/`, built on demand.
    Program(String),
    /// A file: ELF, or a flat binary.
    File(PathBuf),
}

impl GuestSource {
    /// The name under `/sbin`: a file's own, with its ending; what the hypervisor's words may not have
    /// becomes `_`, and it has at most 64 characters.
    pub fn name(&self) -> String {
        match self {
            GuestSource::Program(name) => name.clone(),
            GuestSource::File(path) => {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                let word = |(at, c): (usize, char)| match c {
                    '.' if at > 0 => c,
                    '_' | '-' => c,
                    c if c.is_ascii_alphanumeric() => c,
                    _ => '_',
                };
                name.chars().take(64).enumerate().map(word).collect()
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
                Ok(GuestSource::Program(name.to_owned()))
            }
            // A name, and none that there is.
            Some(name) if !path.exists() => Err(Error::Usage(format!(
                "guest {name}: there is no such file, and no such guest program; {}",
                suggest::instead(name, &programs)
            ))),
            _ => Ok(GuestSource::File(path.to_owned())),
        }
    }
}

/// What a scenario is run with, instead of its own.
#[derive(Debug, Clone, Copy, Default)]
pub struct With<'a> {
    /// Another guest.
    pub guest: Option<&'a GuestSource>,
    /// Whether the hypervisor is not the workspace's own: one that need not report anything.
    pub foreign: bool,
    /// The mode in which the hypervisor runs a guest if it is told none.
    pub mode: Option<&'a str>,
    /// The challenge that the machine's flash holds.
    pub challenge: Option<Challenge>,
    /// Why the machine is not to be looked at, whatever the scenario says.
    pub not_audited: Option<&'a str>,
    /// Why QEMU logs nothing, whatever the scenario wants.
    pub not_logged: Option<&'a str>,
}

impl Scenario {
    /// Reads a scenario: by its name under `tests/scenarios`, or a file.
    pub fn load(project: &Project, name_or_file: &str, machine: &Machine) -> Result<Self, Error> {
        Self::load_with(project, name_or_file, machine, &With::default())
    }

    /// Reads a scenario that is to be run with something else than its own.
    pub fn load_with(
        project: &Project,
        name_or_file: &str,
        machine: &Machine,
        with: &With<'_>,
    ) -> Result<Self, Error> {
        Definition::named(project, name_or_file)?.resolve(project, machine, with)
    }

    /// A scenario that is put together in code.
    pub fn builder(name: impl Into<String>) -> Builder {
        Builder::new(name)
    }

    /// A scenario's text, in the language of its files.
    pub fn from_text(name: impl Into<String>, text: impl Into<String>) -> Definition {
        Definition::from_text(name, text)
    }
}

/// A scenario that is not yet resolved for a machine: a file, a text, or what was built in code.
///
/// ```
/// use harness::config::scenario::Scenario;
///
/// let boots = Scenario::from_text(
///     "boots",
///     r#"
///     end = "shutdown"
///     [[step]]
///     name    = "hello"
///     pattern = '^hello$'
///     "#,
/// );
/// assert_eq!(boots.name(), "boots");
/// ```
#[derive(Debug, Clone)]
pub struct Definition {
    name: String,
    source: Source,
    is_in_file: bool,
}

impl Definition {
    /// A text. Paths in it are as seen from the current folder.
    pub fn from_text(name: impl Into<String>, text: impl Into<String>) -> Self {
        let name = name.into();
        let source = Source::from_text(format!("{name}.toml"), text);
        Self {
            name,
            source,
            is_in_file: false,
        }
    }

    /// A file.
    pub fn from_file(path: &Path) -> Result<Self, ConfigError> {
        let source = Source::read(path)?;
        let name = path.file_stem().unwrap_or_default();
        let name = name.to_string_lossy().into_owned();
        Ok(Self {
            name,
            source,
            is_in_file: true,
        })
    }

    /// The scenario that a word on the command line means: a file, or the name of one under
    /// `tests/scenarios`.
    pub fn named(project: &Project, name_or_file: &str) -> Result<Self, Error> {
        let by_path = name_or_file.contains('/') || name_or_file.ends_with(".toml");
        if by_path {
            return Ok(Self::from_file(Path::new(name_or_file))?);
        }
        let path = project.scenario(name_or_file);
        if !path.is_file() {
            let instead = suggest::beside(name_or_file);
            let instead = instead
                .unwrap_or_else(|| suggest::instead(name_or_file, &project.scenario_names()));
            return Err(Error::Usage(format!(
                "no scenario `{name_or_file}`; {instead}"
            )));
        }
        Ok(Self::from_file(&path)?)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it is written; of one that was built in code this is no file.
    pub fn file(&self) -> &Path {
        self.source.path()
    }

    /// Whether it was read from a file.
    pub fn is_in_file(&self) -> bool {
        self.is_in_file
    }

    /// The files that it is made of: its own, those that it extends, and those whose values it takes.
    ///
    /// # Errors
    ///
    /// One of them cannot be read, or is no scenario.
    pub fn files(&self, project: &Project) -> Result<Vec<PathBuf>, ConfigError> {
        let layers = layers::read(project, self.source.clone())?;
        Ok(layers
            .iter()
            .flat_map(|layer| layer.files(project))
            .collect())
    }

    /// What is known of it without a machine.
    pub fn summary(&self, project: &Project) -> Result<Summary, ConfigError> {
        let mut summary = Summary {
            name: self.name.clone(),
            about: String::new(),
            arches: Arch::ALL.to_vec(),
            machine: None,
            case: None,
            only_by_name: None,
        };
        for layers::Layer { source, raw } in layers::read(project, self.source.clone())? {
            summary.about = raw.about.unwrap_or(summary.about);
            summary.arches = raw.arches.unwrap_or(summary.arches);
            summary.case = raw.case;
            summary.only_by_name = raw.only_by_name;
            if let Some(machine) = &raw.machine {
                summary.machine = Some(machine.get_ref().seen_from(&source));
            }
        }
        Ok(summary)
    }

    /// Resolves it for a machine. The error says what is wrong where.
    pub fn resolve(
        &self,
        project: &Project,
        machine: &Machine,
        with: &With<'_>,
    ) -> Result<Scenario, Error> {
        let arches = self.summary(project)?.arches;
        if !arches.contains(&machine.arch) {
            let names: Vec<_> = arches.iter().map(|arch| arch.name()).collect();
            return Err(Error::Usage(format!(
                "scenario `{}` is not for {}; it is for {}",
                self.name,
                machine.arch,
                if names.is_empty() {
                    "none".into()
                } else {
                    names.join(", ")
                }
            )));
        }
        let layers = layers::read(project, self.source.clone())?;
        let resolved = resolve::resolve(self.name.clone(), project, layers, machine, with);
        Ok(resolved?)
    }
}

/// A name as any file system takes it, of at most 64 bytes: what is no letter, digit or `-` becomes `_`.
pub fn plain_name(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let chars = name.chars().take(64);
    chars.map(|c| if plain(c) { c } else { '_' }).collect()
}

/// What is known of a scenario of the project without resolving it.
pub fn summary(project: &Project, name: &str) -> Result<Summary, ConfigError> {
    Definition::from_file(&project.scenario(name))?.summary(project)
}

mod accounts;
mod builder;
mod context;
mod keys;
mod layers;
mod machines;
mod missing;
mod raw;
mod resolve;
mod results;
mod strands;
#[cfg(test)]
mod tests;

pub use builder::{Builder, StepBuilder};
pub use keys::{PAGE, keys};
pub use machines::Machines;
