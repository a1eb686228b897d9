//! `machine`: which machine a scenario is run on, where nobody names another one.

use super::{Definition, layers};
use crate::arch::Arch;
use crate::config::Source;
use crate::config::machine::{Machine, is_path};
use crate::error::{ConfigError, Error};
use crate::project::Project;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use toml::Spanned;

/// The machines that a scenario asks for. Each is a name, or a file as seen from the scenario's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Machines {
    /// This one.
    One(OsString),
    /// One for each of some architectures.
    Each(BTreeMap<Arch, OsString>),
}

impl Machines {
    /// Those that a file names, as they are found from the current folder.
    pub(super) fn seen_from(&self, source: &Source) -> Self {
        let seen = |name: &OsString| {
            if is_path(name) {
                source.folder().join(name).into_os_string()
            } else {
                name.clone()
            }
        };
        match self {
            Self::One(name) => Self::One(seen(name)),
            Self::Each(names) => {
                let names = names.iter();
                Self::Each(names.map(|(&arch, name)| (arch, seen(name))).collect())
            }
        }
    }

    /// Whether it is the same one whatever architecture is asked for.
    pub fn is_one(&self) -> bool {
        matches!(self, Self::One(_))
    }

    /// The one for an architecture, as far as the names tell.
    pub(super) fn of(self, arch: Arch) -> Option<OsString> {
        match self {
            Self::One(name) => Some(name),
            Self::Each(mut names) => names.remove(&arch),
        }
    }
}

impl Definition {
    /// The machine to run it on: the one that is `named` by hand, a name or a file; else the one that the
    /// scenario asks for, where it is of the architecture that is asked for by hand; else the one that is
    /// named after that architecture, or after the only one that the scenario is for. None where nobody
    /// names one.
    ///
    /// # Errors
    ///
    /// There is no such machine, its file is not right, or it is of another architecture than the one
    /// that it is named for; or the scenario has one for each of several architectures, and nobody says
    /// which architecture is wanted.
    pub fn machine(
        &self,
        project: &Project,
        named: Option<&OsStr>,
        arch: Option<Arch>,
    ) -> Result<Option<Machine>, Error> {
        if named.is_none() {
            for layer in layers::read(project, self.source.clone())?.iter().rev() {
                if let Some(machines) = &layer.raw.machine {
                    let asked = Asked {
                        project,
                        source: &layer.source,
                        machines,
                    };
                    // Of another architecture than the one that is wanted there may be none.
                    return match asked.of(arch)? {
                        Some(machine) => Ok(Some(machine)),
                        None => Machine::wanted(project, None, arch),
                    };
                }
            }
        }
        let sole = match (named, arch) {
            (None, None) => self.sole_arch(project)?,
            _ => arch,
        };
        Machine::wanted(project, named, sole)
    }

    /// The architecture that it is for, if that is only one.
    fn sole_arch(&self, project: &Project) -> Result<Option<Arch>, ConfigError> {
        Ok(match self.summary(project)?.arches[..] {
            [arch] => Some(arch),
            _ => None,
        })
    }
}

/// The key `machine`, where it is written.
struct Asked<'a> {
    project: &'a Project,
    source: &'a Source,
    machines: &'a Spanned<Machines>,
}

impl Asked<'_> {
    fn of(&self, arch: Option<Arch>) -> Result<Option<Machine>, ConfigError> {
        match (self.machines.get_ref().seen_from(self.source), arch) {
            (Machines::One(name), arch) => {
                let machine = self.load(&name)?;
                let fits = arch.is_none_or(|arch| machine.arch == arch);
                Ok(fits.then_some(machine))
            }
            (Machines::Each(names), Some(arch)) => match names.get(&arch) {
                Some(name) => self.load_for(arch, name).map(Some),
                None => Ok(None),
            },
            (Machines::Each(names), None) => {
                let mut each = names.iter();
                match (each.next(), each.next()) {
                    (Some((&arch, name)), None) => self.load_for(arch, name).map(Some),
                    _ => {
                        let arches: Vec<_> = names.keys().map(|arch| arch.name()).collect();
                        Err(self.wrong(format!(
                            "there is one for each of {}: name the architecture too (--arch)",
                            arches.join(", ")
                        )))
                    }
                }
            }
        }
    }

    fn load(&self, name: &OsStr) -> Result<Machine, ConfigError> {
        Machine::named(self.project, name).map_err(|error| self.wrong(error.to_string()))
    }

    fn load_for(&self, arch: Arch, name: &OsStr) -> Result<Machine, ConfigError> {
        let machine = self.load(name)?;
        if machine.arch == arch {
            return Ok(machine);
        }
        let (name, is) = (&machine.name, machine.arch);
        Err(self.wrong(format!("machine {name}, named for {arch}, is of {is}")))
    }

    fn wrong(&self, message: String) -> ConfigError {
        self.source.bad_value("machine", self.machines, message)
    }
}

impl<'de> Deserialize<'de> for Machines {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Machines;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a machine's name or file, or a table with one for each architecture")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Machines, E> {
                Ok(Machines::One(name.into()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Machines, A::Error> {
                let names = BTreeMap::<Arch, String>::deserialize(MapAccessDeserializer::new(map))?;
                if names.is_empty() {
                    return Err(de::Error::custom("an empty table names no machine"));
                }
                let names = names.into_iter();
                let names = names.map(|(arch, name)| (arch, name.into()));
                Ok(Machines::Each(names.collect()))
            }
        }
        from.deserialize_any(Visitor)
    }
}
