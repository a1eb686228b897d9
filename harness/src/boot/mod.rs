//! Turns a user's request into a machine that can be started: builds, images, the command.

mod accel;
mod audited;
pub mod build;
pub mod cargo;
pub mod cmdline;
mod command;
mod debug;
pub mod emulator;
pub mod examine;
pub mod firmware;
pub mod freshness;
pub mod guard;
pub mod image;
mod images;
pub mod inputs;
mod known;
mod loading;
mod planned;
mod ready;
pub mod request;
mod sources;

use crate::config::machine::Machine;
use crate::config::recipe::Recipe;
use crate::config::scenario::{GuestSource, Scenario, plain_name};
use crate::error::Error;
use crate::machine::Launch;
use crate::project::Project;
use crate::records::version::VERSION;
use crate::records::whereabouts::Programs;
use crate::records::{self, Booted, MachineUsed, RunDir, Unjudged};
use build::Target;
pub use command::{audited, quoted};
pub use images::IMAGES;
use images::Part;
use planned::random;
pub use planned::{Planned, plan};
use ready::Ready;
pub use request::Request;

/// A machine that can be started.
#[derive(Debug)]
pub struct Prepared {
    /// The machine it is.
    pub machine: Machine,
    /// What the reader is told of the machine and of what is read of it.
    pub notes: Vec<String>,
    /// The scenario it is for.
    pub scenario: Scenario,
    /// How to start it.
    pub launch: Launch,
    /// Its arguments when it is run by hand.
    pub by_hand: Vec<String>,
    /// The token that only the hypervisor can know.
    pub nonce: String,
    /// Where its records go.
    pub dir: RunDir,
    /// What is booted, as the records have it.
    pub booted: Booted,
    /// Its programs, in which addresses are looked up.
    pub programs: Programs,
}

/// Builds and writes everything that a run needs.
///
/// # Errors
///
/// There is no run. If its records have been begun, they say so, and so does the report in the error.
pub async fn prepare(project: &Project, request: &Request) -> Result<Prepared, Unjudged> {
    let planned = plan(project, request)?;
    let targets = planned.targets(project, request);
    emulator::check(project, &planned.machine)?;
    let (machine, scenario) = (&planned.machine, &planned.scenario);
    let disk = images::disk(machine, scenario, planned.guest.is_some())?;
    let flash = Part::of_flash(machine, scenario, planned.challenge)?;
    let guests = [planned.guest.as_ref(), scenario.second.as_ref()];
    let (kernel, program, second) = programs(project, machine, request, &targets?, guests).await?;
    let firmware = firmware::of(project, machine, planned.own, request.timeout).await?;
    let firmware = firmware.map(Part::read).transpose()?;
    let label = format!(
        "{}-{}",
        plain_name(&machine.name),
        plain_name(&scenario.name)
    );
    let nonce = nonce()?;
    let mut dir = RunDir::create(project, request.records.as_deref(), &label)?;
    let booted = Booted {
        version: VERSION,
        harness: env!("CARGO_PKG_VERSION").into(),
        arch: machine.arch,
        machine: Some(MachineUsed::of(machine)),
        scenario: scenario.name.clone(),
        asked: Some(request.asked(project)),
        nonce,
        accelerator: None,
        hypervisor: kernel.hashed(),
        guest: program.as_ref().map(Part::hashed),
        second: second.as_ref().map(Part::hashed),
        flash: flash.as_ref().map(Part::hashed),
        firmware: firmware.as_ref().map(Part::hashed),
    };
    dir.write_json(records::BOOTED, &booted);
    let ready = Ready {
        planned,
        disk,
        flash,
        kernel,
        guests: [program, second],
        firmware,
    };
    match ready.write(project, request, &booted.nonce, &mut dir) {
        Ok(written) => Ok(written.prepared(booted, dir)),
        Err(error) => Err(dir.stopped(&booted, project, error)),
    }
}

/// The hypervisor's and the guest's ELF files (or flat ones, if the user gave such).
async fn programs(
    project: &Project,
    machine: &Machine,
    request: &Request,
    targets: &[Target],
    guests: [Option<&GuestSource>; 2],
) -> Result<(Part, Option<Part>, Option<Part>), Error> {
    let built = if targets.is_empty() {
        Vec::new()
    } else {
        let recipe = Recipe::load(project, machine.arch)?;
        build::build(project, &recipe, targets, request.ask, &request.progress).await?
    };
    let mut built = built.into_iter();
    let mut next_built = || built.next().expect("one file for each target");
    let kernel = request.hypervisor.clone().unwrap_or_else(&mut next_built);
    let [first, second] = guests.map(|guest| match guest {
        Some(GuestSource::File(file)) => Part::read(file.clone()).map(Some),
        Some(GuestSource::Program(_)) => Part::read(next_built()).map(Some),
        None => Ok(None),
    });
    Ok((Part::read(kernel)?, first?, second?))
}

/// A token that the guest cannot know.
pub(crate) fn nonce() -> Result<String, Error> {
    Ok(format!("{:016x}{:016x}", random()?, random()?))
}
