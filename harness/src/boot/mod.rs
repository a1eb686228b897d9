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
pub mod request;

use crate::config::machine::{Machine, Origin};
use crate::config::recipe::Recipe;
use crate::config::scenario::{GuestSource, Scenario, Send, plain_name};
use crate::config::template::{self, Values};
use crate::error::Error;
use crate::machine::Launch;
use crate::machine::process::Typed;
use crate::project::Project;
use crate::records::version::{StoryFile, VERSION};
use crate::records::whereabouts::Programs;
use crate::records::{self, Booted, MachineUsed, RunDir};
use build::Target;
pub use command::{audited, quoted};
pub use images::IMAGES;
use images::{Part, Parts};
use planned::random;
pub use planned::{Planned, plan};
pub use request::Request;
use std::ffi::OsStr;
use std::path::Path;

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
pub async fn prepare(project: &Project, request: &Request) -> Result<Prepared, Error> {
    let planned = plan(project, request)?;
    let targets = planned.targets(project, request);
    let Planned {
        machine,
        mut scenario,
        guest,
        own,
        challenge,
        accel,
    } = planned;
    emulator::check(project, &machine)?;
    let second = scenario.second.as_ref();
    let disk = images::disk(&machine, &scenario, guest.is_some())?;
    let flash = Part::of_flash(&machine, &scenario, challenge)?;
    let (kernel, program, second_program) = programs(
        project,
        &machine,
        request,
        &targets?,
        [guest.as_ref(), second],
    )
    .await?;

    let firmware = firmware::of(project, &machine, own, request.timeout).await?;
    let firmware = firmware.map(Part::read).transpose()?;

    let label = format!(
        "{}-{}",
        plain_name(&machine.name),
        plain_name(&scenario.name)
    );
    let mut dir = RunDir::create(project, request.records.as_deref(), &label)?;
    let nonce = nonce()?;
    let booted = Booted {
        version: VERSION,
        harness: env!("CARGO_PKG_VERSION").into(),
        arch: machine.arch,
        machine: Some(MachineUsed::of(&machine)),
        scenario: scenario.name.clone(),
        nonce: nonce.clone(),
        accelerator: None,
        hypervisor: kernel.hashed(),
        guest: program.as_ref().map(Part::hashed),
        second: second_program.as_ref().map(Part::hashed),
        flash: flash.as_ref().map(Part::hashed),
        firmware: firmware.as_ref().map(Part::hashed),
    };
    dir.write_json(records::BOOTED, &booted);
    let mut programs = Programs {
        hypervisor: kernel.file.clone(),
        guests: Vec::new(),
    };
    // A guest given by hand takes the place of the scenario's, under the name its story uses.
    let guest_name = scenario
        .guest
        .as_ref()
        .or(guest.as_ref())
        .map(GuestSource::name);
    let mut guests = Vec::new();
    for (name, program) in [
        (guest_name.clone(), program),
        (second.map(GuestSource::name), second_program),
    ] {
        if let Some((name, program)) = name.zip(program) {
            programs.guests.push((name.clone(), program.file.clone()));
            let flat = program.flat()?;
            guests.push(known::Guest {
                name,
                program,
                flat,
            });
        }
    }
    let known = known::known(&scenario, &kernel, &guests);
    scenario.story.know(known);
    let mut notes: Vec<_> = note(project, &machine).into_iter().collect();
    notes.extend(accel.note);
    let not_logged = scenario.not_logged.iter();
    notes.extend(not_logged.map(|why| format!("not compared with QEMU's log: {why}")));
    let audit = audited::of_run(
        &mut scenario,
        machine.arch,
        own,
        &kernel,
        &guests,
        &mut notes,
    )?;
    let story_file = StoryFile::of(machine.arch, &scenario, request.timeout);
    dir.write_json(records::STORY, &story_file);
    let parts = Parts {
        kernel: &kernel,
        guests: &guests,
        cmdline: cmdline::cmdline(&nonce, guest_name.as_deref(), &scenario)?,
        flash: flash.as_ref(),
        firmware: firmware.as_ref(),
    };
    let values = images::write(&machine, disk.as_ref(), &dir, parts)?;
    if let Some(fault) = scenario.disk_fault {
        let disk = dir.path().join("disk.img");
        image::break_disk(&disk, fault).map_err(|e| Error::io("write", &disk, &e))?;
    }
    let mut launch = launch(&machine, &scenario, &values, dir.path());
    launch.accelerator = accel.accelerator;
    launch.args.extend(accel.args.iter().cloned());
    if let Some(plan) = audit {
        command::audited(&mut launch, plan);
    }
    if request.gdb {
        let debugged = debug::Debugged {
            arch: machine.arch,
            hypervisor: &kernel,
            guests: &guests,
            guest_at: scenario.guest_at,
        };
        notes.push(debug::NO_CLOCK.into());
        dir.write(debug::SCRIPT, debugged.script());
        debug::wait(&mut launch, debugged.arch);
    }
    let by_hand = command::BY_HAND.map(str::to_owned).into_iter();
    let by_hand: Vec<_> = by_hand
        .chain(filled(&machine.qemu.machine, &values))
        .chain(accel.args)
        .collect();
    dir.write("command.txt", command::commands(&launch, &by_hand));
    Ok(Prepared {
        notes,
        machine,
        scenario,
        launch,
        by_hand,
        nonce,
        dir,
        booted,
        programs,
    })
}

/// Which machine it is, for the reader; nothing where it is the usual one of its architecture: the one with that
/// name that is built in, or the workspace's own.
fn note(project: &Project, machine: &Machine) -> Option<String> {
    let name = &machine.name;
    let usual = match machine.origin() {
        Origin::BuiltIn(_) => true,
        Origin::File(file) => {
            let files = project.machine_files(OsStr::new(name));
            project.is_workspace() && files.first() == Some(file)
        }
    };
    if usual && name == machine.arch.name() {
        return None;
    }
    Some(match machine.origin() {
        Origin::BuiltIn(_) => format!("machine: {name} (built in)"),
        Origin::File(file) => format!("machine: {name} ({})", file.display()),
    })
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

fn launch(machine: &Machine, scenario: &Scenario, values: &Values, dir: &Path) -> Launch {
    let witness = machine
        .witness
        .as_ref()
        .filter(|_| scenario.story.spec().witness.is_some());
    let mut args = command::control();
    args.extend(filled(&machine.qemu.machine, values));
    if let Some(witness) = witness {
        args.extend(filled(&witness.args, values));
    }
    Launch {
        program: machine.qemu.program.clone(),
        oldest: machine.qemu.oldest,
        args,
        accelerator: None,
        folder: dir.to_owned(),
        witness: witness.map(|witness| witness.format),
        firmware: machine.firmware_lines.clone(),
        audit: None,
        typed: scenario.sends.iter().map(typed).collect(),
        gdb: None,
    }
}

fn typed(send: &Send) -> Typed {
    Typed {
        after: send.after.clone(),
        text: send.text.clone(),
    }
}

fn filled(args: &[String], values: &Values) -> Vec<String> {
    let fill = |argument: &String| {
        template::fill_argument(argument, values).expect("the machine file was checked for these")
    };
    args.iter().map(fill).collect()
}
