//! A scenario as it is written, and how it is resolved.

use super::accounts::{Hv, Witness, Word};
use super::{Case, DiskFault, Guest, Scenario as Resolved};
use crate::arch::Arch;
use crate::config::machine::Machine;
use crate::config::template::{self, Values};
use crate::config::{Source, is_word, parse_duration};
use crate::error::ConfigError;
use crate::judge::verdict::EndKind;
use crate::judge::{By, Forbidden, HvExpected, Plan, Step, Story};
use crate::project::Project;
use crate::suggest;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
use toml::Spanned;

/// The words of `/boot/cmdline` that `[params]` may set.
const PARAMS: [&str; 10] = [
    "arg",
    "check",
    "cpu-ms",
    "refused",
    "runs",
    "stalled-exits",
    "total-bytes",
    "total-cpu-ms",
    "total-exits",
    "wall-ms",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Scenario {
    pub about: Option<String>,
    extends: Option<Spanned<String>>,
    guest: Option<Spanned<String>>,
    #[serde(rename = "then")]
    second: Option<Spanned<String>>,
    mode: Option<Spanned<String>>,
    /// Words for the hypervisor, besides those that have keys of their own.
    #[serde(default)]
    params: BTreeMap<Spanned<String>, Spanned<Word>>,
    disk_fault: Option<DiskFault>,
    pub arches: Spanned<Vec<Arch>>,
    end: Option<EndKind>,
    flash: Option<PathBuf>,
    silence: Option<Spanned<String>>,
    #[serde(default, rename = "step")]
    steps: Vec<Entry>,
    #[serde(default, rename = "forbid")]
    forbidden: Vec<Forbid>,
    pub case: Option<Case>,
    hv: Option<Hv>,
    witness: Option<Spanned<Witness>>,
    /// Where `hv` and `witness` are written: here, or in the scenario that is extended.
    #[serde(skip)]
    inherited: Inherited,
    /// Values that stand in for the machine's.
    #[serde(default)]
    values: Values,
}

#[derive(Default)]
struct Inherited {
    hv: bool,
    witness: bool,
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
    /// Resolves the scenario, and what it takes over from the one that it extends.
    pub fn resolve(
        self,
        name: String,
        project: &Project,
        source: &Source,
        machine: &Machine,
        by_hand: Option<&Guest>,
    ) -> Result<Resolved, ConfigError> {
        let Some(base_name) = self.extends.clone() else {
            return self.resolve_story(name, project, [source, source], machine, by_hand);
        };
        if !self.steps.is_empty() || !self.forbidden.is_empty() {
            let message =
                "an extending scenario tells the other's story: it has no [[step]] or [[forbid]]";
            return Err(source.bad_value("extends", &base_name, message));
        }
        let base_source = Source::read(&project.scenario(base_name.get_ref())).map_err(|_| {
            let instead = suggest::instead(base_name.get_ref(), &project.scenario_names());
            let message = format!("there is no such scenario; {instead}");
            source.bad_value("extends", &base_name, message)
        })?;
        let base: Self = base_source.parse()?;
        if base.extends.is_some() {
            let message = "extends another one itself; name that";
            return Err(source.bad_value("extends", &base_name, message));
        }
        self.over(base)
            .resolve_story(name, project, [source, &base_source], machine, by_hand)
    }

    /// What is said here, and for the rest what is said in `base`.
    fn over(self, base: Self) -> Self {
        let mut values = base.values;
        values.extend(self.values);
        Self {
            about: self.about.or(base.about),
            extends: None,
            guest: self.guest.or(base.guest),
            second: self.second.or(base.second),
            mode: self.mode.or(base.mode),
            params: if self.params.is_empty() {
                base.params
            } else {
                self.params
            },
            disk_fault: self.disk_fault.or(base.disk_fault),
            arches: self.arches,
            end: self.end.or(base.end),
            flash: self.flash.or(base.flash),
            silence: self.silence.or(base.silence),
            steps: base.steps,
            forbidden: base.forbidden,
            case: self.case,
            inherited: Inherited {
                hv: self.hv.is_none(),
                witness: self.witness.is_none(),
            },
            hv: self.hv.or(base.hv),
            witness: self.witness.or(base.witness),
            values,
        }
    }

    /// `sources`: where its keys are written, and where its steps are.
    fn resolve_story(
        self,
        name: String,
        project: &Project,
        sources: [&Source; 2],
        machine: &Machine,
        by_hand: Option<&Guest>,
    ) -> Result<Resolved, ConfigError> {
        let [source, steps_source] = sources;
        let own = Context {
            source,
            machine,
            values: &Values::new(),
        };
        let guest = self
            .guest
            .map(|raw| own.guest("guest", &raw, project))
            .transpose()?;
        let mut values = machine.values.clone();
        values.extend(self.values);
        // A guest given by hand takes the place of the scenario's. Without either, the hypervisor
        // looks for this one.
        let name_on_disk = guest.as_ref().or(by_hand);
        let name_on_disk = name_on_disk.map_or_else(|| "gkernel".into(), Guest::name);
        let second = match self.second {
            Some(raw) => {
                let second = own.guest("then", &raw, project)?;
                let same_name = second.name().eq_ignore_ascii_case(&name_on_disk);
                if same_name && by_hand.or(guest.as_ref()) != Some(&second) {
                    let message = format!("the first guest is /sbin/{name_on_disk} too");
                    return Err(source.bad_value("then", &raw, message));
                }
                Some(second)
            }
            None => None,
        };
        values.insert("guest".into(), name_on_disk);
        let params = Context {
            values: &values.clone(),
            ..own
        }
        .params(self.params)?;
        values.extend(params.iter().cloned());
        let context = Context {
            source: steps_source,
            machine,
            values: &values,
        };
        let accounts = |inherited| Context {
            source: if inherited { steps_source } else { source },
            ..context
        };
        let mut plan = context.plan(self.steps, self.forbidden, self.end)?;
        let mode = self.mode.map(|mode| own.mode(mode)).transpose()?;
        plan.hv.start.insert("arch", machine.arch.name());
        if let Some(mode) = &mode {
            plan.hv.start.insert("mode", mode);
        }
        if let Some(hv) = self.hv {
            plan.hv = hv.resolve(plan.hv, &accounts(self.inherited.hv))?;
        }
        if let Some(witness) = self.witness {
            let context = accounts(self.inherited.witness);
            plan.witness = Some(Witness::resolve(witness, &context)?);
        }
        Ok(Resolved {
            name,
            guest,
            second,
            mode,
            params,
            disk_fault: self.disk_fault,
            flash: self.flash.map(|path| project.at(path)),
            silence: self
                .silence
                .map(|v| own.duration("silence", &v))
                .transpose()?,
            story: context.story(plan)?,
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

/// What is needed to resolve a part of a scenario.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Where the part is written.
    pub source: &'a Source,
    /// The machine it is for.
    pub machine: &'a Machine,
    /// What `{name}` stands for.
    pub values: &'a Values,
}

impl Context<'_> {
    /// The steps and forbidden lines of this architecture.
    fn plan(
        &self,
        entries: Vec<Entry>,
        forbids: Vec<Forbid>,
        end: Option<EndKind>,
    ) -> Result<Plan, ConfigError> {
        let arch = self.machine.arch;
        let end = end.ok_or_else(|| {
            self.source.error(
                0..0,
                None,
                "has no `end`: how the machine must end, such as \"shutdown\"",
            )
        })?;
        let mut steps = Vec::new();
        for entry in entries {
            if applies(&entry.arches, arch) {
                steps.push(entry.resolve(self, &steps)?);
            }
        }
        if steps.iter().all(|step: &Step| step.optional) {
            let message = format!(
                "asks for nothing on {arch}: without a [[step]] that must happen, every run would pass"
            );
            return Err(self.source.error(0..0, None, message));
        }
        let mut forbidden = Vec::new();
        for forbid in forbids {
            if applies(&forbid.arches, arch) {
                let pattern = self.pattern("pattern", &forbid.pattern)?;
                forbidden.push(Forbidden {
                    pattern,
                    by: forbid.by,
                });
            }
        }
        Ok(Plan {
            steps,
            forbidden,
            end,
            hv: HvExpected::of(end),
            witness: None,
        })
    }

    fn story(&self, plan: Plan) -> Result<Story, ConfigError> {
        Story::of(plan).map_err(|error| {
            let message = format!("its patterns are too large together: {error}");
            self.source.error(0..0, None, message)
        })
    }

    /// That a placeholder stands for nothing.
    pub fn no_value(&self, name: &str) -> String {
        let arch = self.machine.arch;
        format!("{{{name}}} has no value in [values], here or in configs/machines/{arch}.toml")
    }

    /// The words for the hypervisor, in the order of their names.
    fn params(
        &self,
        raw: BTreeMap<Spanned<String>, Spanned<Word>>,
    ) -> Result<Vec<(String, String)>, ConfigError> {
        let mut params = Vec::new();
        for (key, word) in raw {
            let name = key.get_ref().as_str();
            if !PARAMS.contains(&name) {
                let message = format!("is no parameter; {}", suggest::instead(name, &PARAMS));
                return Err(self.source.bad_value(name, &key, message));
            }
            let value = word.get_ref().fill(name, &word, self)?;
            if !is_word(&value) {
                let message = format!(
                    "`{value}` is not one word of letters, digits, `-`, `_` and `.`, as the \
                     hypervisor takes it"
                );
                return Err(self.source.bad_value(name, &word, message));
            }
            params.push((name.to_owned(), value));
        }
        Ok(params)
    }

    fn mode(&self, raw: Spanned<String>) -> Result<String, ConfigError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if raw.get_ref().is_empty() || !raw.get_ref().chars().all(plain) {
            return Err(self.source.bad_value("mode", &raw, "is not a mode's name"));
        }
        Ok(raw.into_inner())
    }

    /// Fills the placeholders of a pattern and checks that it is one.
    fn pattern(&self, key: &str, raw: &Spanned<String>) -> Result<String, ConfigError> {
        let bad = |message| self.source.bad_value(key, raw, message);
        let text = template::fill(raw.get_ref(), self.values, regex::escape)
            .map_err(|name| bad(self.no_value(&name)))?;
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

    /// A guest: a file, if there is a `/` in its name, or else a program.
    fn guest(
        &self,
        key: &str,
        raw: &Spanned<String>,
        project: &Project,
    ) -> Result<Guest, ConfigError> {
        let text = raw.get_ref();
        if text.contains('/') {
            return Ok(Guest::File(project.at(text)));
        }
        if !is_word(text) || text.contains('.') {
            let message = "is neither a program's name nor a path";
            return Err(self.source.bad_value(key, raw, message));
        }
        let programs = project.guests();
        // Where there are none at all, as in a workspace that only boots, one is given by hand.
        if !programs.is_empty() && !programs.contains(text) {
            let message = format!(
                "there is no guest program `{text}`; {}",
                suggest::instead(text, &programs)
            );
            return Err(self.source.bad_value(key, raw, message));
        }
        Ok(Guest::Program(text.clone()))
    }
}
