//! The files that a run is made of: what has to stay as it is for the run to be the same.

use super::Request;
use super::build;
use super::sources::sources;
use crate::config::disk::Disk;
use crate::config::machine::{FlashContent, Machine, Origin};
use crate::config::recipe::Recipe;
use crate::config::scenario::{Definition, GuestSource, Scenario, With};
use crate::error::Error;
use crate::project::Project;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The files of a run, all absolute. A folder among them stands for the names of what is in it.
///
/// Of what cargo builds they are those of the last build that succeeded, or all that is in the packages'
/// folders where no build has succeeded since something changed. What lies outside the project and was not named by
/// anybody, such as the compiler, is left out.
///
/// # Errors
///
/// The machine's or the scenario's file is not right. What could be found by then is in `found`.
pub fn inputs(
    project: &Project,
    request: &Request,
    found: &mut BTreeSet<PathBuf>,
) -> Result<(), Error> {
    let mut take = |file: &Path| {
        found.extend(std::path::absolute(file));
    };
    request.hypervisor.iter().for_each(|file| take(file));
    let definition = request.definition(project)?;
    take(definition.file());
    // Its base's may be what is wrong with it.
    let files = definition.files(project)?;
    files.iter().for_each(|file| take(file));
    let machine = request.wanted_machine(project, &definition)?;
    of_machine(&machine, &mut take);
    let guest = request.guest.as_ref();
    let guest = guest
        .map(|word| GuestSource::named(project, word))
        .transpose()?;
    let (scenario, targets) = scenario(project, request, &definition, &machine, guest.as_ref())?;
    let guests = guest
        .or(scenario.guest.clone())
        .into_iter()
        .chain(scenario.second.clone());
    for source in guests {
        if let GuestSource::File(file) = source {
            take(&file);
        }
    }
    scenario.flash.iter().for_each(|file| take(file));
    scenario
        .disk
        .iter()
        .for_each(|disk| of_disk(disk, &mut take));
    if targets.is_empty() {
        return Ok(());
    }
    take(&project.recipe());
    let recipe = Recipe::load(project, machine.arch)?;
    for target in targets {
        sources(project, &recipe, &target)
            .iter()
            .for_each(|file| take(file));
    }
    Ok(())
}

/// The scenario, and what has to be built for it.
fn scenario(
    project: &Project,
    request: &Request,
    definition: &Definition,
    machine: &Machine,
    by_hand: Option<&GuestSource>,
) -> Result<(Scenario, Vec<build::Target>), Error> {
    let with = With {
        guest: by_hand,
        foreign: request.hypervisor.is_some(),
        ..With::default()
    };
    let scenario = definition.resolve(project, machine, &with)?;
    let mut targets = Vec::new();
    if request.hypervisor.is_none() {
        targets.push(build::Target::Hypervisor);
    }
    let guests = by_hand
        .or(scenario.guest.as_ref())
        .into_iter()
        .chain(&scenario.second);
    for guest in guests {
        if let GuestSource::Program(name) = guest {
            targets.push(build::Target::Guest(name.clone()));
        }
    }
    Ok((scenario, targets))
}

fn of_machine(machine: &Machine, take: &mut impl FnMut(&Path)) {
    for origin in &machine.origins {
        if let Origin::File(file) = origin {
            take(file);
        }
    }
    if let Some(FlashContent::File(file)) = machine.flash.as_ref().map(|flash| &flash.content) {
        take(file);
    }
    machine.disk.iter().for_each(|disk| of_disk(disk, take));
}

fn of_disk(disk: &Disk, take: &mut impl FnMut(&Path)) {
    disk.image.iter().for_each(|file| take(file));
    let files = disk.files.iter().flatten();
    files.for_each(|file| take(&file.from));
}
