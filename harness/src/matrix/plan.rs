//! The cases of a matrix: scenarios × machines.
//!
//! A mode is a scenario of its own here, such as `gkernel-el0`. A scenario that asks for a machine is made for that one, and
//! so it is run on no other, unless both are named by hand.

use super::filter::Filter;
pub use super::selection::Selection;
use super::shard;
use crate::arch::Arch;
use crate::boot::build::Target;
use crate::boot::{self, Request};
use crate::config::machine::Machine;
use crate::config::scenario::{Definition, Machines, Summary};
use crate::error::Error;
use crate::project::Project;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// A case: a scenario on a machine.
#[derive(Debug, Clone)]
pub struct Case {
    /// `scenario::machine`.
    pub name: String,
    /// The scenario.
    pub scenario: String,
    /// The machine.
    pub machine: String,
    /// The machine's architecture.
    pub arch: Arch,
    definition: Definition,
    /// The machine as it is named by hand, if it is.
    by_hand: Option<OsString>,
    /// What is booted instead of the workspace's own hypervisor.
    hypervisor: Option<PathBuf>,
}

impl Case {
    fn new(
        definition: &Definition,
        machine: &Machine,
        by_hand: Option<OsString>,
        hypervisor: Option<PathBuf>,
    ) -> Self {
        Self {
            name: format!("{}::{}", definition.name(), machine.name),
            scenario: definition.name().to_owned(),
            machine: machine.name.clone(),
            arch: machine.arch,
            definition: definition.clone(),
            by_hand,
            hypervisor,
        }
    }

    /// Its run.
    pub fn request(&self) -> Request {
        let mut request = Request::with_scenario(self.definition.clone()).arch(self.arch);
        request.machine = self.by_hand.clone();
        request.hypervisor = self.hypervisor.clone();
        request
    }
}

/// The cases of a matrix, sorted by name, and what has to be built for them.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The cases.
    pub cases: Vec<Case>,
    /// How many steps the story of each has.
    pub steps: Vec<usize>,
    /// What the workspace builds for them: each once.
    pub targets: Vec<(Arch, Target)>,
}

/// The cases that a selection has, sorted by name.
///
/// Where what failed is asked for, the selection is [repeated](Selection::repeated).
///
/// # Errors
///
/// A scenario or a machine is missing or not right; two cases have the same name; a case that is to be run again is no case
/// any more; what is chosen by hand contradicts what is to be repeated; or there is no case.
pub fn cases(project: &Project, selection: &Selection) -> Result<Vec<Case>, Error> {
    let selection = &selection.repeated()?;
    let all = all(project, selection)?;
    let failed = selection.failed(project, &all)?;
    let mut chosen = BTreeSet::new();
    for filter in &selection.filters {
        chosen.extend(filter.choose(&all, failed)?);
    }
    let is_chosen = |case: &Case| selection.filters.is_empty() || chosen.contains(&case.name);
    let arches = &selection.arches;
    let mut cases = all;
    cases.retain(|case| arches.is_empty() || arches.contains(&case.arch));
    // What failed differs between computers. They have to deal out the same cases, so that none is lost.
    if !selection.filters.iter().any(Filter::asks_what_failed) {
        cases.retain(is_chosen);
    }
    if cases.is_empty() {
        return Err(Error::Usage(none_left(selection)));
    }
    let mut cases = dealt(cases, selection)?;
    cases.retain(is_chosen);
    if selection.only_failed {
        cases.retain(|case| failed.is_some_and(|failed| failed.contains(&case.name)));
    }
    if cases.is_empty() {
        return Err(Error::Usage(none_left(selection)));
    }
    Ok(cases)
}

/// Those of the cases that are in the part that is asked for, if there is one.
fn dealt(mut cases: Vec<Case>, selection: &Selection) -> Result<Vec<Case>, Error> {
    let Some(shard) = selection.shard else {
        return Ok(cases);
    };
    let count = cases.len();
    let mut own: BTreeSet<_> = shard::part(cases.clone(), shard)
        .into_iter()
        .map(|case| case.name)
        .collect();
    // What failed in this part is in it, whichever cases were dealt out then.
    let same = selection.earlier.as_ref();
    if let Some(earlier) = same.filter(|earlier| earlier.shard == Some(shard)) {
        own.extend(earlier.failed.iter().cloned());
    }
    cases.retain(|case| own.contains(&case.name));
    match cases.is_empty() {
        false => Ok(cases),
        true => Err(Error::Usage(format!(
            "part {shard} is empty, since there are {count} cases: deal them out to at most as many"
        ))),
    }
}

/// Why there is no case.
fn none_left(selection: &Selection) -> String {
    if selection.only_failed {
        return "no case that is chosen failed in the newest matrix: there is nothing to run again"
            .into();
    }
    "no case is left: what is chosen by --scenario, --machine, --arch, --hypervisor and the filter has no case in common \
     (harness matrix --list shows all)"
        .into()
}

/// All cases of some scenarios and machines.
pub(super) fn all(project: &Project, selection: &Selection) -> Result<Vec<Case>, Error> {
    let mut cases = BTreeMap::new();
    for definition in definitions(project, &selection.scenarios)? {
        let summary = definition.summary(project)?;
        if summary.only_by_name.is_some() && selection.scenarios.is_empty() {
            continue;
        }
        for (machine, by_hand) in machines(project, selection, &definition, &summary)? {
            let hypervisor = selection.hypervisors.get(&machine.arch).cloned();
            if hypervisor.is_none() && !selection.hypervisors.is_empty() {
                continue;
            }
            let case = Case::new(&definition, &machine, by_hand, hypervisor);
            if let Some(other) = cases.insert(case.name.clone(), case) {
                return Err(Error::Usage(format!(
                    "two cases would have the name {}: give one of the scenarios, or of the machines, another name",
                    other.name
                )));
            }
        }
    }
    if cases.is_empty() {
        return Err(Error::Usage(none_left(selection)));
    }
    Ok(cases.into_values().collect())
}

/// The scenarios that are named, or else all that have a name.
fn definitions(project: &Project, named: &[String]) -> Result<Vec<Definition>, Error> {
    let named: BTreeSet<_> = match named {
        [] => project.scenario_names().into_iter().collect(),
        named => named.iter().cloned().collect(),
    };
    if named.is_empty() {
        return Err(Error::Usage(format!(
            "which scenarios? there are none in {}; name files: --scenario FILE",
            project.scenarios().display()
        )));
    }
    let named = named.iter();
    named.map(|name| Definition::named(project, name)).collect()
}

/// The machines that a scenario is run on, and how each is named by hand, if it is.
fn machines(
    project: &Project,
    selection: &Selection,
    scenario: &Definition,
    summary: &Summary,
) -> Result<Vec<(Machine, Option<OsString>)>, Error> {
    let mut own = Vec::new();
    for arch in arches(project, summary)? {
        own.extend(scenario.machine(project, None, Some(arch))?);
    }
    if selection.machines.is_empty() {
        return Ok(own.into_iter().map(|machine| (machine, None)).collect());
    }
    let mut machines = Vec::new();
    for word in &selection.machines {
        let machine = Machine::named(project, word)?;
        let asks = asks_for_one(summary, machine.arch) && selection.scenarios.is_empty();
        let is_it = |own: &Machine| own.origins == machine.origins;
        let fits = match asks {
            true => own.iter().any(is_it),
            false => own.iter().any(|own| own.arch == machine.arch),
        };
        if fits {
            machines.push((machine, Some(word.clone())));
        }
    }
    Ok(machines)
}

/// Whether a scenario asks for a machine on an architecture.
fn asks_for_one(summary: &Summary, arch: Arch) -> bool {
    match &summary.machine {
        Some(Machines::One(_)) => true,
        Some(Machines::Each(each)) => each.contains_key(&arch),
        None => false,
    }
}

/// The architectures that a scenario is run on: its own; or, where it names none and asks for one machine, that machine's.
fn arches(project: &Project, summary: &Summary) -> Result<Vec<Arch>, Error> {
    match &summary.machine {
        Some(Machines::One(name)) if summary.arches == Arch::ALL => {
            Ok(vec![Machine::named(project, name)?.arch])
        }
        _ => Ok(summary.arches.clone()),
    }
}

/// Resolves the cases, so that each mistake in a file is found before anything is built or run.
///
/// # Errors
///
/// A scenario is not right for its machine, or what a case boots is not.
pub fn plan(project: &Project, cases: Vec<Case>) -> Result<Plan, Error> {
    let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let share = cases.len().div_ceil(threads).max(1);
    let resolve = |case: &Case| {
        let request = case.request();
        let planned = boot::plan(project, &request)?;
        let steps = planned.scenario.story.steps().len();
        Ok::<_, Error>((steps, planned.targets(project, &request)?))
    };
    let resolved: Result<Vec<_>, Error> = std::thread::scope(|scope| {
        let shares = cases.chunks(share);
        let threads: Vec<_> = shares
            .map(|share| scope.spawn(move || share.iter().map(resolve).collect::<Vec<_>>()))
            .collect();
        let results = threads.into_iter().flat_map(|thread| {
            thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        results.collect()
    });
    let (mut steps, mut targets) = (Vec::new(), Vec::new());
    for (case, (count, wanted)) in cases.iter().zip(resolved?) {
        steps.push(count);
        for target in wanted {
            let target = (case.arch, target);
            if !targets.contains(&target) {
                targets.push(target);
            }
        }
    }
    Ok(Plan {
        cases,
        steps,
        targets,
    })
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;

    /// A case of a scenario that does not matter, on a machine whose name begins with its architecture.
    pub fn case(scenario: &str, machine: &str) -> Case {
        let arch = Arch::ALL
            .into_iter()
            .find(|arch| machine.starts_with(arch.name()));
        Case {
            name: format!("{scenario}::{machine}"),
            scenario: scenario.to_owned(),
            machine: machine.to_owned(),
            arch: arch.expect("the name begins with it"),
            definition: Definition::from_text(scenario, ""),
            by_hand: None,
            hypervisor: None,
        }
    }
}

#[cfg(test)]
mod tests;
