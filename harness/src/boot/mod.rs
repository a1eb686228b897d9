//! From what the user asks for to a machine that can be started: builds, images, the command.

pub mod build;
pub mod cargo;
pub mod cmdline;
mod command;
pub mod examine;
pub mod firmware;
pub mod freshness;
pub mod guard;
pub mod image;
pub mod request;

use crate::config::Source;
use crate::config::machine::{FlashSize, KernelFormat, Machine};
use crate::config::scenario::{Guest, Scenario, plain_name};
use crate::config::template::{self, Values};
use crate::error::Error;
use crate::files;
use crate::machine::Launch;
use crate::machine::process::{LOG_FD, QMP_FD, SERIAL_FD};
use crate::project::Project;
use crate::records::stopped::Programs;
use crate::records::version::{Told, VERSION};
use crate::records::{self, Booted, Hashed, RunDir};
use build::Target;
pub use request::Request;
use request::Wanted;
use sha2::{Digest, Sha256};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The flash's contents on the disk: whole pages, so that the hypervisor can copy pages.
const PAGE: usize = 4096;

/// A machine that can be started.
#[derive(Debug)]
pub struct Prepared {
    /// The machine it is.
    pub machine: Machine,
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
    /// The programs in it, to look up addresses in.
    pub programs: Programs,
}

/// A file that becomes part of what is booted.
struct Part {
    file: PathBuf,
    bytes: Vec<u8>,
}

impl Part {
    fn read(file: PathBuf) -> Result<Self, Error> {
        let bytes = files::read(&file, files::IMAGE_LIMIT);
        let bytes = bytes.map_err(|e| Error::io("read", &file, &e))?;
        Ok(Self { file, bytes })
    }

    fn hashed(&self) -> Hashed {
        let digest = Sha256::digest(&self.bytes);
        let sha256 = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        Hashed {
            file: self.file.clone(),
            sha256,
        }
    }

    fn flat(&self) -> Result<Vec<u8>, Error> {
        image::flatten(&self.bytes).map_err(|error| {
            Error::Usage(format!("{} cannot be booted: {error}", self.file.display()))
        })
    }
}

/// Builds and writes all that a run needs.
pub async fn prepare(project: &Project, request: &Request) -> Result<Prepared, Error> {
    let by_hand = request.guest.as_ref();
    let by_hand = by_hand
        .map(|word| Guest::named(project, word))
        .transpose()?;
    let (image, by_hand) = (request.image.as_deref(), by_hand.as_ref());
    let machine = Machine::load(project, request.wanted_arch()?)?;
    let scenario = scenario(project, request, &machine, by_hand)?;
    examine::check(&machine, &scenario, image, by_hand)?;
    let guest = by_hand.or(scenario.guest.as_ref()).cloned();
    let second = scenario.second.as_ref();
    let (kernel, program, second_program) =
        programs(project, &machine, request, [guest.as_ref(), second]).await?;
    let flash = Part::read(
        scenario
            .flash
            .clone()
            .unwrap_or_else(|| machine.flash.content.clone()),
    )?;

    let own = examine::is_own_hypervisor(project, image);
    let firmware = firmware::of(project, &machine, own, request.timeout).await?;
    let firmware = firmware.map(Part::read).transpose()?;

    let label = format!("{}-{}", machine.arch, plain_name(&scenario.name));
    let mut dir = RunDir::create(project, request.records.as_deref(), &label)?;
    let nonce = nonce()?;
    let booted = Booted {
        version: VERSION,
        harness: env!("CARGO_PKG_VERSION").into(),
        arch: machine.arch,
        scenario: scenario.name.clone(),
        nonce: nonce.clone(),
        hypervisor: kernel.hashed(),
        guest: program.as_ref().map(Part::hashed),
        second: second_program.as_ref().map(Part::hashed),
        flash: flash.hashed(),
        firmware: firmware.as_ref().map(Part::hashed),
    };
    dir.write_json(records::BOOTED, &booted);
    let told = Told::of(machine.arch, &scenario, request.timeout);
    dir.write_json(records::STORY, &told);
    let mut programs = Programs {
        hypervisor: kernel.file.clone(),
        guests: Vec::new(),
    };
    // A guest given by hand takes the place of the scenario's, under the name its story uses.
    let guest_name = scenario.guest.as_ref().or(guest.as_ref()).map(Guest::name);
    let mut guests = Vec::new();
    for (name, program) in [
        (guest_name.clone(), program),
        (second.map(Guest::name), second_program),
    ] {
        if let Some((name, program)) = name.zip(program) {
            programs.guests.push((name.clone(), program.file.clone()));
            guests.push((name, program.flat()?));
        }
    }
    let cmdline = cmdline::cmdline(&nonce, guest_name.as_deref(), &scenario)?;
    let values = write_images(
        &machine,
        &dir,
        &kernel,
        guests,
        &flash,
        cmdline,
        firmware.as_ref(),
    )?;
    if let Some(fault) = scenario.disk_fault {
        let disk = dir.path().join("disk.img");
        image::break_disk(&disk, fault).map_err(|e| Error::io("write", &disk, &e))?;
    }
    let launch = launch(&machine, &scenario, &values, dir.path());
    let by_hand = filled(
        machine.qemu.by_hand.iter().chain(&machine.qemu.machine),
        &values,
    );
    dir.write("command.txt", command::commands(&launch, &by_hand));
    Ok(Prepared {
        machine,
        scenario,
        launch,
        by_hand,
        nonce,
        dir,
        programs,
    })
}

/// The scenario that is asked for.
fn scenario(
    project: &Project,
    request: &Request,
    machine: &Machine,
    by_hand: Option<&Guest>,
) -> Result<Scenario, Error> {
    match &request.scenario {
        Wanted::Named(name) => Scenario::load_with(project, name, machine, by_hand),
        Wanted::Text { name, text } => {
            let source = Source::from_text(name, text);
            Scenario::resolve(name.clone(), project, &source, machine, by_hand)
        }
    }
}

/// The hypervisor's and the guest's ELF files (or flat ones, if the user gave such).
async fn programs(
    project: &Project,
    machine: &Machine,
    request: &Request,
    guests: [Option<&Guest>; 2],
) -> Result<(Part, Option<Part>, Option<Part>), Error> {
    let mut targets = Vec::new();
    if request.image.is_none() {
        if !project.is_workspace() {
            return Err(Error::Usage(format!(
                "there is nothing to boot: {} is no workspace that a hypervisor could be built in; \
                 name a file, with --image or Request::hypervisor",
                project.folder().display()
            )));
        }
        targets.push(Target::Hypervisor);
    }
    for guest in guests {
        if let Some(Guest::Program(name)) = guest {
            targets.push(Target::Guest(name.clone()));
        }
    }
    let mut built = build::build(project, machine, &targets, request.ask)
        .await?
        .into_iter();
    let mut next_built = || built.next().expect("one file for each target");
    let kernel = request.image.clone().unwrap_or_else(&mut next_built);
    let [first, second] = guests.map(|guest| match guest {
        Some(Guest::File(file)) => Part::read(file.clone()).map(Some),
        Some(Guest::Program(_)) => Part::read(next_built()).map(Some),
        None => Ok(None),
    });
    Ok((Part::read(kernel)?, first?, second?))
}

/// The names of the images in the run's directory, which is where QEMU looks for them.
const KERNEL: &str = "kernel";
const DISK: &str = "disk.img";
const FIRMWARE: &str = "firmware.img";
const FLASH: &str = "pflash.img";

/// Writes the images into the run's directory; the values of QEMU's placeholders.
fn write_images(
    machine: &Machine,
    dir: &RunDir,
    kernel: &Part,
    guests: Vec<(String, Vec<u8>)>,
    flash: &Part,
    cmdline: String,
    firmware: Option<&Part>,
) -> Result<Values, Error> {
    let mut values = Values::new();
    let mut write = |placeholder: &str, name: &str, write: &dyn Fn(&Path) -> io::Result<()>| {
        let path = dir.path().join(name);
        write(&path).map_err(|e| Error::io("write", &path, &e))?;
        values.insert(placeholder.into(), name.into());
        Ok::<_, Error>(())
    };
    let kernel = match machine.build.kernel_format {
        KernelFormat::Bin => &kernel.flat()?,
        KernelFormat::Elf => &kernel.bytes,
    };
    write("kernel", KERNEL, &|path| image::write_plain(path, kernel))?;
    let on_disk = |(name, program)| (format!("/sbin/{name}"), program);
    let mut files: Vec<_> = guests.into_iter().map(on_disk).collect();
    files.push(("/boot/cmdline".into(), cmdline.into_bytes()));
    if machine.disk.pflash_on_disk {
        let mut pages = flash.bytes.clone();
        pages.resize(pages.len().next_multiple_of(PAGE), 0);
        files.push(("/boot/pflash.img".into(), pages));
    }
    write("disk", DISK, &|path| {
        image::write_disk(path, machine.disk.size, &files)
    })?;
    if let Some(firmware) = firmware {
        write("firmware", FIRMWARE, &|path| {
            image::write_plain(path, &firmware.bytes)
        })?;
    }
    if let Some(size) = flash_size(machine, firmware)? {
        write("pflash", FLASH, &|path| {
            image::write_flash(path, size, &flash.bytes)
        })?;
    }
    values.insert("trace_log".into(), format!("/dev/fd/{LOG_FD}"));
    values.insert("qmp_fd".into(), QMP_FD.to_string());
    values.insert("serial_fd".into(), SERIAL_FD.to_string());
    Ok(values)
}

/// The size of the flash device, if there is one.
fn flash_size(machine: &Machine, firmware: Option<&Part>) -> Result<Option<u64>, Error> {
    match (machine.flash.size, firmware) {
        (FlashSize::None, _) => Ok(None),
        (FlashSize::Fixed(size), _) => Ok(Some(size)),
        (FlashSize::WithFirmware(both), Some(firmware)) => both
            .checked_sub(firmware.bytes.len() as u64)
            .filter(|&size| size > 0)
            .map(Some)
            .ok_or_else(|| {
                let what = format!("{} leaves no room for the flash", firmware.file.display());
                Error::infrastructure(what, "check [firmware] and [flash] in the machine file")
            }),
        (FlashSize::WithFirmware(_), None) => Err(Error::Usage(format!(
            "{}: size-with-firmware needs [firmware] candidates",
            machine.arch
        ))),
    }
}

/// A token that the guest cannot know.
fn nonce() -> Result<String, Error> {
    use std::io::Read;
    let mut bytes = [0; 16];
    let source = Path::new("/dev/urandom");
    fs::File::open(source)
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(|e| Error::io("read", source, &e))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn launch(machine: &Machine, scenario: &Scenario, values: &Values, dir: &Path) -> Launch {
    let witness = machine
        .witness
        .as_ref()
        .filter(|_| scenario.story.plan().witness.is_some());
    let args = machine.qemu.control.iter().chain(&machine.qemu.machine);
    let args = args.chain(witness.iter().flat_map(|witness| &witness.args));
    Launch {
        program: machine.qemu.program.clone(),
        oldest: machine.qemu.oldest,
        args: filled(args, values),
        folder: dir.to_owned(),
        witness: witness.map(|witness| witness.format),
        firmware: machine.firmware_lines.clone(),
    }
}

fn filled<'a>(args: impl Iterator<Item = &'a String>, values: &Values) -> Vec<String> {
    args.map(|argument| {
        template::fill_argument(argument, values).expect("the machine file was checked for these")
    })
    .collect()
}
