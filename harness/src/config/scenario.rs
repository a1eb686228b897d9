//! A scenario: what to boot and the story it has to tell.

use super::machine::Machine;
use super::template;
use super::{Source, parse_duration};
use crate::arch::Arch;
use crate::error::{ConfigError, Error};
use crate::expect::{By, Forbidden, Step, Story};
use crate::verdict::EndKind;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::Spanned;

/// Where the scenarios that come with the workspace are.
pub const FOLDER: &str = "tests/scenarios";

/// A scenario, resolved for one architecture.
#[derive(Debug)]
pub struct Scenario {
    /// Its name: the file's, without the ending.
    pub name: String,
    /// What the hypervisor is to run; none leaves `/sbin` empty.
    pub guest: Option<Guest>,
    /// The flash's contents, instead of the machine's own.
    pub flash: Option<PathBuf>,
    /// How long no step may be reached.
    pub silence: Option<Duration>,
    /// The story.
    pub story: Story,
    /// Exits, by class, that QEMU itself must have logged.
    pub witness: BTreeMap<String, u64>,
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
    /// The name under `/sbin`.
    pub fn name(&self) -> String {
        match self {
            Guest::Program(name) => name.clone(),
            Guest::File(path) => {
                let stem = path.file_stem().unwrap_or_default().to_string_lossy();
                stem.replace(|c: char| !c.is_ascii_alphanumeric() && c != '-', "_")
            }
        }
    }
}

impl Scenario {
    /// Reads a scenario: by its name under `tests/scenarios`, or a file.
    pub fn load(root: &Path, name_or_file: &str, machine: &Machine) -> Result<Self, Error> {
        let by_path = name_or_file.contains('/') || name_or_file.ends_with(".toml");
        let path = if by_path {
            PathBuf::from(name_or_file)
        } else {
            root.join(FOLDER).join(format!("{name_or_file}.toml"))
        };
        if !by_path && !path.is_file() {
            return Err(Error::Usage(format!(
                "no scenario `{name_or_file}`; there are: {}",
                names(root).join(", ")
            )));
        }
        let source = Source::read(&path)?;
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        Self::resolve(name, root, &source, machine)
    }

    /// Resolves a scenario's text.
    pub fn resolve(
        name: String,
        root: &Path,
        source: &Source,
        machine: &Machine,
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
        Ok(raw.resolve(name, root, source, machine)?)
    }
}

/// The names of the scenarios that come with the workspace.
pub fn names(root: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(root.join(FOLDER))
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|file| Some(file.strip_suffix(".toml")?.to_owned()))
        .collect();
    names.sort();
    names
}

/// What `harness list` shows of a scenario without resolving it.
pub fn summary(root: &Path, name: &str) -> Result<(Vec<Arch>, String), ConfigError> {
    let source = Source::read(&root.join(FOLDER).join(format!("{name}.toml")))?;
    let raw: raw::Scenario = source.parse()?;
    Ok((raw.arches.into_inner(), raw.about.unwrap_or_default()))
}

mod raw {
    use super::*;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "kebab-case")]
    pub struct Scenario {
        pub about: Option<String>,
        guest: Option<Spanned<String>>,
        pub arches: Spanned<Vec<Arch>>,
        end: EndKind,
        flash: Option<PathBuf>,
        silence: Option<Spanned<String>>,
        #[serde(default, rename = "step")]
        steps: Vec<Entry>,
        #[serde(default, rename = "forbid")]
        forbidden: Vec<Forbid>,
        #[serde(default)]
        witness: BTreeMap<String, u64>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "kebab-case")]
    struct Entry {
        name: Spanned<String>,
        pattern: Spanned<String>,
        near: Option<Spanned<String>>,
        by: Option<By>,
        arches: Option<Vec<Arch>>,
        #[serde(default)]
        unique: bool,
        #[serde(default)]
        optional: bool,
        count: Option<Spanned<u64>>,
        within: Option<Spanned<String>>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "kebab-case")]
    struct Forbid {
        pattern: Spanned<String>,
        by: Option<By>,
        arches: Option<Vec<Arch>>,
    }

    impl Scenario {
        pub fn resolve(
            self,
            name: String,
            root: &Path,
            source: &Source,
            machine: &Machine,
        ) -> Result<super::Scenario, ConfigError> {
            let context = Context { source, machine };
            let mut steps = Vec::new();
            for entry in self.steps {
                if applies(&entry.arches, machine.arch) {
                    steps.push(entry.resolve(&context, &steps)?);
                }
            }
            if steps.iter().all(|step: &Step| step.optional) {
                let arch = machine.arch;
                let message = format!(
                    "asks for nothing on {arch}: without a [[step]] that must happen, every run would pass"
                );
                return Err(source.error(0..0, None, message));
            }
            let mut forbidden = Vec::new();
            for forbid in self.forbidden {
                if applies(&forbid.arches, machine.arch) {
                    let pattern = context.pattern("pattern", &forbid.pattern)?;
                    forbidden.push(Forbidden {
                        pattern,
                        by: forbid.by,
                    });
                }
            }
            let story = Story::new(steps, forbidden, self.end).map_err(|error| {
                source.error(
                    0..0,
                    None,
                    format!("its patterns are too large together: {error}"),
                )
            })?;
            Ok(super::Scenario {
                name,
                guest: self.guest.map(|g| context.guest(&g, root)).transpose()?,
                flash: self.flash.map(|path| root.join(path)),
                silence: self
                    .silence
                    .map(|v| context.duration("silence", &v))
                    .transpose()?,
                story,
                witness: self.witness,
            })
        }
    }

    fn applies(arches: &Option<Vec<Arch>>, arch: Arch) -> bool {
        arches.as_ref().is_none_or(|arches| arches.contains(&arch))
    }

    impl Entry {
        fn resolve(self, context: &Context<'_>, before: &[Step]) -> Result<Step, ConfigError> {
            let name = self.name.get_ref().trim();
            if name.is_empty() || before.iter().any(|step| step.name == name) {
                let message = "every step needs a name of its own";
                return Err(context.source.bad_value("name", &self.name, message));
            }
            if let Some(count) = self.count.as_ref().filter(|count| *count.get_ref() == 0) {
                let message = "a step that happens 0 times is a [[forbid]]";
                return Err(context.source.bad_value("count", count, message));
            }
            Ok(Step {
                name: name.to_owned(),
                pattern: context.pattern("pattern", &self.pattern)?,
                near: self
                    .near
                    .map(|near| context.pattern("near", &near))
                    .transpose()?,
                by: self.by,
                unique: self.unique,
                optional: self.optional,
                count: self.count.map_or(1, Spanned::into_inner),
                within: self
                    .within
                    .map(|v| context.duration("within", &v))
                    .transpose()?,
            })
        }
    }

    struct Context<'a> {
        source: &'a Source,
        machine: &'a Machine,
    }

    impl Context<'_> {
        /// Fills the placeholders of a pattern and checks that it is one.
        fn pattern(&self, key: &str, raw: &Spanned<String>) -> Result<String, ConfigError> {
            let bad = |message| self.source.bad_value(key, raw, message);
            let text = template::fill(raw.get_ref(), &self.machine.values, regex::escape).map_err(
                |name| {
                    let arch = self.machine.arch;
                    bad(format!(
                        "{{{name}}} has no value in [values] of configs/machines/{arch}.toml"
                    ))
                },
            )?;
            let regex = regex::Regex::new(&text).map_err(|error| bad(error.to_string()))?;
            if regex.is_match("") {
                return Err(bad(
                    "matches an empty line, so it would prove nothing".into()
                ));
            }
            Ok(text)
        }

        fn duration(&self, key: &str, raw: &Spanned<String>) -> Result<Duration, ConfigError> {
            parse_duration(raw.get_ref()).map_err(|e| self.source.bad_value(key, raw, e))
        }

        fn guest(&self, raw: &Spanned<String>, root: &Path) -> Result<Guest, ConfigError> {
            let text = raw.get_ref();
            if text.contains('/') {
                return Ok(Guest::File(root.join(text)));
            }
            if text.is_empty()
                || !text
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
            {
                let message = "is neither a program's name nor a path";
                return Err(self.source.bad_value("guest", raw, message));
            }
            Ok(Guest::Program(text.clone()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(text: &str) -> Result<Scenario, String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let machine = Machine::load(root, Arch::Riscv64).unwrap();
        let source = Source::from_text("s.toml", text);
        Scenario::resolve("s".into(), root, &source, &machine).map_err(|e| e.to_string())
    }

    const HEAD: &str = "guest = 'gkernel'\narches = ['riscv64']\nend = 'shutdown'\n";

    #[test]
    fn values_of_the_machine_are_filled_in_as_plain_text() {
        let s = resolve(&format!(
            "{HEAD}[[step]]\nname = 'a'\npattern = '^at {{pflash}}$'"
        ))
        .unwrap();
        assert_eq!(s.story.steps()[0].pattern, "^at 0x22000000$");
        assert_eq!(s.guest, Some(Guest::Program("gkernel".into())));
    }

    #[test]
    fn every_mistake_is_refused_with_its_line() {
        let step = "[[step]]\nname = 'a'\npattern = 'x'\n";
        for (text, expected) in [
            (HEAD.to_owned(), "s.toml:1: asks for nothing on riscv64"),
            (
                format!("{HEAD}{step}optional = true"),
                "s.toml:1: asks for nothing on riscv64",
            ),
            (
                format!("{HEAD}{step}patern = 'y'"),
                "s.toml:7: key `patern`: unknown field",
            ),
            (
                format!("{HEAD}{step}{step}"),
                "s.toml:8: key `name`: every step needs a name",
            ),
            (
                format!("{HEAD}{step}count = 0"),
                "s.toml:7: key `count`: a step that happens 0",
            ),
            (
                format!("{HEAD}{step}within = '0s'"),
                "s.toml:7: key `within`: a time of zero",
            ),
            (
                format!("{HEAD}[[step]]\nname = 'a'\npattern = '('"),
                "s.toml:6: key `pattern`: regex parse",
            ),
            (
                format!("{HEAD}[[step]]\nname = 'a'\npattern = 'y*'"),
                "s.toml:6: key `pattern`: matches an empty",
            ),
            (
                format!("{HEAD}[[step]]\nname = 'a'\npattern = '{{no}}'"),
                "s.toml:6: key `pattern`: {no} has no value",
            ),
            (
                format!("{HEAD}{step}[[forbid]]\npattern = ''"),
                "s.toml:8: key `pattern`: matches an empty",
            ),
            (
                format!("end = 'sleep'\n{step}"),
                "s.toml:1: key `end`: unknown variant `sleep`",
            ),
            (
                format!("{HEAD}guest = 'b'\n{step}"),
                "s.toml:4: key `guest`: duplicate key",
            ),
            (
                HEAD.replace("gkernel", "g k") + step,
                "s.toml:1: key `guest`: is neither",
            ),
            (
                HEAD.replace("riscv64", "aarch64") + step,
                "scenario `s` is not for riscv64; it is for aarch64",
            ),
        ] {
            let error = resolve(&text).expect_err(&text);
            assert!(error.starts_with(expected), "{text}\n-- gave --\n{error}");
        }
    }
}
