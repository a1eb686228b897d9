//! What a run writes into its folder before its machine is started, from what was planned and built.

use super::images::{self, Part, Parts};
use super::planned::Planned;
use super::{Prepared, Request, audited, cmdline, command, debug, image, known};
use crate::config::disk::Disk;
use crate::config::machine::{Machine, Origin};
use crate::config::scenario::{GuestSource, Scenario, Send};
use crate::config::template::{self, Values};
use crate::error::Error;
use crate::machine::Launch;
use crate::machine::process::Typed;
use crate::project::Project;
use crate::records::version::StoryFile;
use crate::records::whereabouts::Programs;
use crate::records::{self, Booted, RunDir};
use std::ffi::OsStr;
use std::path::Path;

/// All that a run needs, read and built.
pub(super) struct Ready {
    pub planned: Planned,
    pub disk: Option<Disk>,
    pub flash: Option<Part>,
    pub kernel: Part,
    /// The guest, and the one after it.
    pub guests: [Option<Part>; 2],
    pub firmware: Option<Part>,
}

/// What was written, and how to start it.
pub(super) struct Written {
    machine: Machine,
    notes: Vec<String>,
    scenario: Scenario,
    launch: Launch,
    by_hand: Vec<String>,
    programs: Programs,
}

impl Written {
    /// With the records.
    pub fn prepared(self, booted: Booted, dir: RunDir) -> Prepared {
        Prepared {
            machine: self.machine,
            notes: self.notes,
            scenario: self.scenario,
            launch: self.launch,
            by_hand: self.by_hand,
            nonce: booted.nonce.clone(),
            dir,
            booted,
            programs: self.programs,
        }
    }
}

impl Ready {
    /// Writes the story, the images and the commands.
    ///
    /// # Errors
    ///
    /// Something cannot be written, or does not go together with what was built.
    pub fn write(
        self,
        project: &Project,
        request: &Request,
        nonce: &str,
        dir: &mut RunDir,
    ) -> Result<Written, Error> {
        let Self {
            planned,
            disk,
            flash,
            kernel,
            guests: [program, second],
            firmware,
        } = self;
        let Planned {
            machine,
            mut scenario,
            guest,
            own,
            accel,
            ..
        } = planned;
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
            (scenario.second.as_ref().map(GuestSource::name), second),
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
            cmdline: cmdline::cmdline(nonce, guest_name.as_deref(), &scenario)?,
            flash: flash.as_ref(),
            firmware: firmware.as_ref(),
        };
        let values = images::write(&machine, disk.as_ref(), dir, parts)?;
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
        Ok(Written {
            machine,
            notes,
            scenario,
            launch,
            by_hand,
            programs,
        })
    }
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
