//! The images of a run, made from what its machine and its scenario say, in the run's folder.

use super::known::Guest;
use super::{examine, image};
use crate::config::challenge::Challenge;
use crate::config::disk::{self, Disk, Form};
use crate::config::machine::{FlashContent, FlashSize, KernelFormat, Machine};
use crate::config::scenario::Scenario;
use crate::config::template::Values;
use crate::error::Error;
use crate::files;
use crate::machine::process::LOG_FD;
use crate::records::{Hashed, RunDir};
use sha2::{Digest, Sha256};
use std::io;
use std::path::{Path, PathBuf};

/// The flash's contents on the disk: whole pages, so that the hypervisor can copy pages.
const PAGE: usize = 4096;

/// The names of the images in the run's directory, which is where QEMU looks for them.
const KERNEL: &str = "kernel";
const DISK: &str = "disk.img";
const FIRMWARE: &str = "firmware.img";
const FLASH: &str = "pflash.img";

/// The names of all of them.
pub const IMAGES: [&str; 4] = [KERNEL, DISK, FIRMWARE, FLASH];

/// A file that becomes part of what is booted.
pub(super) struct Part {
    pub file: PathBuf,
    pub bytes: Vec<u8>,
}

impl Part {
    pub fn read(file: PathBuf) -> Result<Self, Error> {
        let bytes = files::read(&file, files::IMAGE_LIMIT);
        let bytes = bytes.map_err(|e| Error::io("read", &file, &e))?;
        Ok(Self { file, bytes })
    }

    /// What the flash begins with: a scenario's file, or what the machine says; nothing where there is
    /// no flash and nobody asks for its contents.
    pub fn of_flash(
        machine: &Machine,
        scenario: &Scenario,
        challenge: Option<Challenge>,
    ) -> Result<Option<Self>, Error> {
        let content = machine.flash.as_ref().map(|flash| &flash.content);
        match (&scenario.flash, content) {
            (Some(file), Some(_)) => Self::read(file.clone()).map(Some),
            (Some(_), None) => Err(Error::Usage(format!(
                "scenario {}: it names the flash's contents, and machine {} ({}) has no flash; add [flash] \
                 to that, or name another machine",
                scenario.name,
                machine.name,
                machine.origin()
            ))),
            (None, Some(FlashContent::File(file))) => Self::read(file.clone()).map(Some),
            (None, Some(FlashContent::Text(text))) => {
                let text = text.clone().into_bytes();
                Ok(Some(Self {
                    file: machine.origin().to_string().into(),
                    bytes: match challenge {
                        Some(challenge) => challenge.put_into(text),
                        None => text,
                    },
                }))
            }
            (None, None) => Ok(None),
        }
    }

    pub fn hashed(&self) -> Hashed {
        let digest = Sha256::digest(&self.bytes);
        let sha256 = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        Hashed {
            file: self.file.clone(),
            sha256,
        }
    }

    pub fn flat(&self) -> Result<Vec<u8>, Error> {
        image::flatten(&self.bytes).map_err(|error| self.cannot_boot(&error))
    }

    pub fn cannot_boot(&self, why: &str) -> Error {
        Error::Usage(format!("{} cannot be booted: {why}", self.file.display()))
    }
}

/// Everything that images are made of.
pub(super) struct Parts<'a> {
    pub kernel: &'a Part,
    /// The guests.
    pub guests: &'a [Guest],
    /// The words for the hypervisor.
    pub cmdline: String,
    pub flash: Option<&'a Part>,
    pub firmware: Option<&'a Part>,
}

/// The disk of a run: what its scenario says of it, over what the machine says. None where no argument
/// of QEMU's names one.
///
/// # Errors
///
/// An argument names the disk, and nobody says what it is; or what has to lie on a disk, a guest, its
/// mode or a fault, has none to lie on.
pub(super) fn disk(
    machine: &Machine,
    scenario: &Scenario,
    has_guest: bool,
) -> Result<Option<Disk>, Error> {
    let disk = match (scenario.disk.clone(), machine.disk.clone()) {
        (Some(disk), Some(base)) => Some(disk.over(base)),
        (disk, base) => disk.or(base),
    };
    let where_from = format!("machine {} ({})", machine.name, machine.origin());
    let used = disk.filter(|_| machine.uses("disk"));
    if used.is_none() && machine.uses("disk") {
        return Err(Error::Usage(format!(
            "{where_from}: an argument of QEMU's names {{disk}}, and there is no [disk]; add [disk] with \
             size = \"64M\", or image = \"FILE\""
        )));
    }
    let wanting = [
        (has_guest, "a guest"),
        (scenario.second.is_some(), "a second guest"),
        (scenario.mode.is_some(), "a mode"),
        (!scenario.params.is_empty(), "[params]"),
        (scenario.disk_fault.is_some(), "a broken disk"),
    ];
    let wanting = wanting.iter().find(|(wants, _)| *wants);
    let Some((_, what)) = wanting else {
        return Ok(used);
    };
    let lacking = match &used {
        None => "no disk: name {disk} in an argument of QEMU's, and add [disk]",
        Some(disk) if disk.image.is_some() => {
            "an image of its own for a disk, which is taken as it is: leave out the guest, or say \
             [[disk.file]] instead of image"
        }
        Some(_) => return Ok(used),
    };
    Err(Error::Usage(format!(
        "scenario {} has {what}, which the hypervisor is told on its disk, and {where_from} has {lacking}",
        scenario.name
    )))
}

/// Writes the images into the run's directory. Returns the values of QEMU's placeholders.
pub(super) fn write(
    machine: &Machine,
    disk: Option<&Disk>,
    dir: &RunDir,
    parts: Parts<'_>,
) -> Result<Values, Error> {
    let mut values = Values::new();
    let mut write = |placeholder: &str, name: &str, write: &dyn Fn(&Path) -> io::Result<()>| {
        let path = dir.path().join(name);
        write(&path).map_err(|e| Error::io("write", &path, &e))?;
        values.insert(placeholder.into(), name.into());
        Ok::<_, Error>(())
    };
    let kernel = match (machine.kernel_format, machine.arch.takes_elf()) {
        (KernelFormat::Elf, _) | (KernelFormat::Auto, true) => &parts.kernel.bytes,
        (KernelFormat::Auto, false) if examine::is_loaded_where_it_says(&parts.kernel.bytes) => {
            &parts.kernel.bytes
        }
        _ => &parts.kernel.flat()?,
    };
    write("kernel", KERNEL, &|path| image::write_plain(path, kernel))?;
    match disk {
        None => {}
        Some(Disk {
            image: Some(own), ..
        }) => {
            files::open(own).map_err(|e| Error::io("read", own, &e))?;
            write("disk", DISK, &|path| image::copy(own, path))?;
        }
        Some(disk) => {
            let files = files_on(disk, &parts)?;
            let size = disk.size.unwrap_or(disk::USUAL_SIZE);
            write("disk", DISK, &|path| image::write_disk(path, size, &files))?;
        }
    }
    if let Some(firmware) = parts.firmware {
        write("firmware", FIRMWARE, &|path| {
            image::write_plain(path, &firmware.bytes)
        })?;
    }
    if let Some((flash, size)) = parts.flash.zip(flash_size(machine, parts.firmware)?)
        && machine.uses("pflash")
    {
        write("pflash", FLASH, &|path| {
            image::write_flash(path, size, &flash.bytes)
        })?;
    }
    values.insert("trace_log".into(), format!("/dev/fd/{LOG_FD}"));
    Ok(values)
}

/// The files on a disk that is made for the run.
fn files_on(disk: &Disk, parts: &Parts<'_>) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let mut files = vec![("/boot/cmdline".into(), parts.cmdline.clone().into_bytes())];
    if let Some(flash) = parts.flash.filter(|_| disk.pflash_on_disk == Some(true)) {
        let mut pages = flash.bytes.clone();
        pages.resize(pages.len().next_multiple_of(PAGE), 0);
        files.push(("/boot/pflash.img".into(), pages));
    }
    // Last, so that a disk that is cut short has lost a part of them.
    let on_disk = |guest: &Guest| (format!("/sbin/{}", guest.name), guest.flat.clone());
    files.extend(parts.guests.iter().map(on_disk));
    for file in disk.files.iter().flatten() {
        let part = Part::read(file.from.clone())?;
        let bytes = match file.form {
            Form::Raw => part.bytes,
            Form::Flat => part.flat()?,
        };
        let others = files.iter().map(|(path, _)| &**path);
        if let Some(why) = disk::clash(&file.path, others) {
            return Err(Error::Usage(format!(
                "[[disk.file]] {}: {why}; the run itself puts files on the disk, so give it another name",
                file.path
            )));
        }
        files.push((file.path.clone(), bytes));
    }
    Ok(files)
}

/// The size of the flash device, if there is one.
fn flash_size(machine: &Machine, firmware: Option<&Part>) -> Result<Option<u64>, Error> {
    let size = machine.flash.as_ref().map(|flash| flash.size);
    match (size, firmware) {
        (None, _) => Ok(None),
        (Some(FlashSize::Fixed(size)), _) => Ok(Some(size)),
        (Some(FlashSize::WithFirmware(both)), Some(firmware)) => both
            .checked_sub(firmware.bytes.len() as u64)
            .filter(|&size| size > 0)
            .map(Some)
            .ok_or_else(|| {
                let what = format!("{} leaves no room for the flash", firmware.file.display());
                Error::infrastructure(what, "check [firmware] and [flash] in the machine file")
            }),
        (Some(FlashSize::WithFirmware(_)), None) => Err(Error::Usage(format!(
            "{}: size-with-firmware needs [firmware] candidates",
            machine.origin()
        ))),
    }
}
