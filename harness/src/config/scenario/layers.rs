//! A scenario's file and those that it extends, and what they say together.

use super::accounts::{Hv, Witness};
use super::machines::Machines;
use super::raw::{self, Params, applies};
use super::{Case, DiskFault};
use crate::arch::Arch;
use crate::config::Source;
use crate::config::audit;
use crate::config::disk;
use crate::config::template::Values;
use crate::error::ConfigError;
use crate::judge::verdict::EndKind;
use crate::project::Project;
use crate::suggest;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use toml::Spanned;

/// How many files may extend each other.
const DEEPEST: usize = 16;

/// A file, and what it says.
pub struct Layer {
    pub source: Source,
    pub raw: raw::Scenario,
}

impl Layer {
    /// Its file, and those whose tables it takes over, as far as they are there.
    pub fn files(&self, project: &Project) -> Vec<PathBuf> {
        let from = [&self.raw.values_from, &self.raw.audit_from];
        let named = from.into_iter().flatten();
        let tables = named.filter_map(|name| file(project, &self.source, name.get_ref()));
        std::iter::once(self.source.path().to_owned())
            .chain(tables)
            .collect()
    }
}

/// Reads a scenario and what it extends; the one that extends nothing comes first.
pub fn read(project: &Project, source: Source) -> Result<Vec<Layer>, ConfigError> {
    let raw: raw::Scenario = source.parse()?;
    let mut layers = vec![Layer { source, raw }];
    while let Some((top, base)) = layers
        .last()
        .and_then(|layer| Some((layer, layer.raw.extends.as_ref()?)))
    {
        let bad = |message: String| Err(top.source.bad_value("extends", base, message));
        let Some(path) = base_file(project, &top.source, base.get_ref()) else {
            let there = suggest::instead(base.get_ref(), &project.scenario_names());
            return bad(format!("there is no such scenario; {there}"));
        };
        let is_it = |layer: &Layer| same_file(layer.source.path(), &path);
        if layers.iter().any(is_it) {
            return bad(format!(
                "goes in a circle: {} extends itself",
                path.display()
            ));
        }
        if layers.len() == DEEPEST {
            return bad(format!("is the {DEEPEST}th that extends another one"));
        }
        let source = Source::read(&path)?;
        let raw = source.parse()?;
        layers.push(Layer { source, raw });
    }
    layers.reverse();
    Ok(layers)
}

fn same_file(one: &Path, other: &Path) -> bool {
    one == other || matches!((one.canonicalize(), other.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// The file of a scenario that is named in another one's.
fn base_file(project: &Project, source: &Source, name: &str) -> Option<PathBuf> {
    if Path::new(name).extension().is_some_and(|ext| ext == "toml") {
        return file(project, source, name);
    }
    file(project, source, &format!("{name}.toml"))
}

/// A file that is named in a scenario's: beside that, or else beside the scenarios of the workspace.
pub fn file(project: &Project, source: &Source, name: &str) -> Option<PathBuf> {
    let beside = source.folder().join(name);
    let shipped = project.scenarios().join(name);
    [beside, shipped].into_iter().find(|path| path.is_file())
}

/// A value, and the number of the layer that it stands in.
pub struct At<T> {
    pub value: T,
    pub layer: usize,
}

/// What the layers say together.
#[derive(Default)]
pub struct Merged {
    pub arches: Option<Vec<Arch>>,
    pub machine: Option<At<Spanned<Machines>>>,
    pub guest: Option<At<Spanned<String>>>,
    pub second: Option<At<Spanned<String>>>,
    pub mode: Option<At<Spanned<String>>>,
    pub params: Vec<At<Params>>,
    pub disk: Option<At<disk::Raw>>,
    pub disk_fault: Option<DiskFault>,
    pub end: Option<EndKind>,
    pub flash: Option<At<Spanned<String>>>,
    pub silence: Option<At<Spanned<String>>>,
    pub steps: Vec<At<Spanned<raw::Step>>>,
    pub strands: Vec<At<Spanned<raw::Strand>>>,
    pub results: Vec<At<Spanned<raw::CaseResult>>>,
    pub sends: Vec<At<Spanned<raw::Send>>>,
    pub forbidden: Vec<At<Spanned<raw::Forbid>>>,
    pub hv: Option<At<Hv>>,
    pub witness: Option<At<Spanned<Witness>>>,
    /// Every `[audit]`, and the file that it stands in.
    pub audits: Vec<(Source, audit::Raw)>,
    pub values: Values,
    pub about: Option<String>,
    pub case: Option<Case>,
}

/// The sources of the layers, and what they say together on an architecture. A value of a file stands
/// in for the same one of the file that it extends; lists are put together.
pub fn merge(
    project: &Project,
    layers: Vec<Layer>,
    arch: Arch,
) -> Result<(Vec<Source>, Merged), ConfigError> {
    let mut sources = Vec::new();
    let mut merged = Merged::default();
    for (layer, Layer { source, raw }) in layers.into_iter().enumerate() {
        merged.put(project, layer, &source, raw, arch)?;
        sources.push(source);
    }
    Ok((sources, merged))
}

impl Merged {
    fn put(
        &mut self,
        project: &Project,
        layer: usize,
        source: &Source,
        raw: raw::Scenario,
        arch: Arch,
    ) -> Result<(), ConfigError> {
        fn over<T>(layer: usize, value: Option<T>, to: &mut Option<At<T>>) {
            if let Some(value) = value {
                *to = Some(At { value, layer });
            }
        }
        over(layer, raw.machine, &mut self.machine);
        over(layer, raw.guest, &mut self.guest);
        over(layer, raw.second, &mut self.second);
        over(layer, raw.mode, &mut self.mode);
        over(layer, raw.flash, &mut self.flash);
        over(layer, raw.disk, &mut self.disk);
        over(layer, raw.silence, &mut self.silence);
        over(layer, raw.hv, &mut self.hv);
        over(layer, raw.witness, &mut self.witness);
        self.arches = raw.arches.or(self.arches.take());
        self.about = raw.about.or(self.about.take());
        self.disk_fault = raw.disk_fault.or(self.disk_fault);
        self.end = raw.end.or(self.end);
        // What a case proves is not what another one proves that extends it.
        self.case = raw.case;
        if !raw.params.is_empty() {
            let value = raw.params;
            self.params.push(At { value, layer });
        }
        if let Some(from) = &raw.values_from {
            let table = table_from::<Values>(project, source, "values-from", from, arch)?;
            self.values
                .extend(table.into_iter().flat_map(|(_, values)| values));
        }
        if let Some(from) = &raw.audit_from {
            let table = table_from(project, source, "audit-from", from, arch)?;
            self.audits.extend(table);
        }
        self.audits
            .extend(raw.audit.map(|raw| (source.clone(), raw)));
        self.values.extend(raw.values);
        for step in raw.steps {
            if applies(&step.get_ref().arches, arch) {
                self.put_step(layer, source, step)?;
            }
        }
        let here = raw.strands.into_iter();
        let here = here.filter(|strand| applies(&strand.get_ref().arches, arch));
        self.strands.extend(here.map(|value| At { value, layer }));
        let here = raw.results.into_iter();
        let here = here.filter(|result| applies(&result.get_ref().arches, arch));
        self.results.extend(here.map(|value| At { value, layer }));
        let here = raw.sends.into_iter();
        let here = here.filter(|send| applies(&send.get_ref().arches, arch));
        self.sends.extend(here.map(|value| At { value, layer }));
        let here = raw.forbidden.into_iter();
        let here = here.filter(|forbid| applies(&forbid.get_ref().arches, arch));
        self.forbidden.extend(here.map(|value| At { value, layer }));
        Ok(())
    }

    /// Puts a step in its place: in front of the one, or behind those, that it names; else behind all
    /// others, but for those that stay last in the scenario that is extended.
    fn put_step(
        &mut self,
        layer: usize,
        source: &Source,
        mut step: Spanned<raw::Step>,
    ) -> Result<(), ConfigError> {
        let behind = self.steps_named_in(step.get_mut());
        let place = match (&step.get_ref().before, behind) {
            (None, None) => {
                let stays = |other: &&At<Spanned<raw::Step>>| stays(other, layer);
                let staying = self.steps.iter().rev().take_while(stays).count();
                self.steps.len() - staying
            }
            (None, Some(place)) => {
                // Several behind the same one come in the order in which they are written.
                let named = &step.get_ref().behind;
                let beside = |other: &&At<Spanned<raw::Step>>| {
                    other.layer == layer && other.value.get_ref().behind == *named
                };
                let beside = self.steps[place + 1..].iter().take_while(beside).count();
                let behind_the_last = stays(&self.steps[place], layer);
                step.get_mut().behind_the_last = behind_the_last;
                place + 1 + beside
            }
            (Some(before), None) => {
                let place = self
                    .steps
                    .iter()
                    .position(|step| is_named(step, before.get_ref()));
                place.ok_or_else(|| {
                    let names = self.steps.iter().filter_map(name_of).map(str::to_owned);
                    let names: Vec<_> = names.collect();
                    let there = suggest::instead(before.get_ref(), &names);
                    source.bad_value(
                        "before",
                        before,
                        format!("no such step comes before this one; {there}"),
                    )
                })?
            }
            (Some(before), Some(_)) => {
                let message = "a step has one place: leave out `before`, or the steps in `after`";
                return Err(source.bad_value("before", before, message));
            }
        };
        self.steps.insert(place, At { value: step, layer });
        Ok(())
    }

    /// Moves the steps among the names in `after` to `behind`; the place of the last of them.
    fn steps_named_in(&self, step: &mut raw::Step) -> Option<usize> {
        let after = step.after.as_mut()?.get_mut();
        let place = |name: &String| self.steps.iter().position(|step| is_named(step, name));
        let (steps, strands): (Vec<_>, Vec<_>) =
            after.drain(..).partition(|name| place(name).is_some());
        *after = strands;
        step.behind = steps;
        step.behind.iter().filter_map(place).max()
    }
}

fn name_of(step: &At<Spanned<raw::Step>>) -> Option<&str> {
    Some(step.value.get_ref().name.as_ref()?.get_ref())
}

/// Whether a step stays behind those that a layer adds.
fn stays(step: &At<Spanned<raw::Step>>, layer: usize) -> bool {
    let raw = step.value.get_ref();
    raw.behind_the_last || raw.last && step.layer < layer
}

fn is_named(step: &At<Spanned<raw::Step>>, name: &str) -> bool {
    name_of(step) == Some(name)
}

/// The table that a file has for an architecture, and that file.
fn table_from<T: DeserializeOwned>(
    project: &Project,
    source: &Source,
    key: &str,
    name: &Spanned<String>,
    arch: Arch,
) -> Result<Option<(Source, T)>, ConfigError> {
    let Some(path) = file(project, source, name.get_ref()) else {
        let folder = match source.folder() {
            folder if folder.as_os_str().is_empty() => Path::new("the current folder"),
            folder => folder,
        };
        let scenarios = project.scenarios();
        let message = format!(
            "there is no such file in {}, nor in {}",
            folder.display(),
            scenarios.display()
        );
        return Err(source.bad_value(key, name, message));
    };
    let source = Source::read(&path)?;
    let mut tables: BTreeMap<Arch, T> = source.parse()?;
    Ok(tables.remove(&arch).map(|table| (source, table)))
}
