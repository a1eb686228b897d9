//! Machine files: a QEMU machine, what it boots from, and how it logs what it does.
//!
//! A machine has a name or a file of its own. A name is looked for in this order: in the workspace
//! (`configs/machines/<name>.toml`), in the project's folder
//! (`machines/<name>.toml`), and among those that are built in. A file may extend another one; what it
//! says itself goes over what that says. `docs/machine.md` has every key.

mod find;
mod raw;
mod resolve;

use super::accel::Accel;
use super::disk::Disk;
use super::template::Values;
use super::{Source, audit};
use crate::arch::Arch;
use crate::error::{ConfigError, Error};
use crate::judge::firmware_lines::FirmwareLines;
use crate::judge::witness;
use crate::project::Project;
pub use find::{Origin, is_path, names};
use serde::Deserialize;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Placeholders that a QEMU argument may use, where there is something to fill them with.
pub const PLACEHOLDERS: [&str; 4] = ["kernel", "firmware", "disk", "pflash"];

/// The placeholder that only the witness's arguments may use.
pub const TRACE_LOG: &str = "trace_log";

/// A machine, resolved: all paths absolute, all placeholders known.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Machine {
    /// Its name: that of its file, without the ending.
    pub name: String,
    /// Where it is written, and after that what it extends.
    pub origins: Vec<Origin>,
    /// The architecture it is.
    pub arch: Arch,
    /// What QEMU is given of a kernel.
    pub kernel_format: KernelFormat,
    /// How QEMU is started.
    pub qemu: Qemu,
    /// The disk; a scenario may say more of it, or have one where the machine has none.
    pub disk: Option<Disk>,
    /// Names of firmware images, of which the first that QEMU has is used; empty where QEMU is left
    /// to choose.
    pub firmware: Vec<String>,
    /// Further ones, which come first where the workspace's own hypervisor is booted.
    pub own_firmware: Vec<String>,
    /// How the firmware's own lines are known, where it prints any.
    pub firmware_lines: Option<FirmwareLines>,
    /// What it may hold while a guest runs, and when that is looked at.
    pub audit: Option<audit::Layer>,
    /// The flash, if there is one.
    pub flash: Option<Flash>,
    /// How QEMU logs the guest's exits.
    pub witness: Option<Witness>,
    /// Values for the placeholders in scenarios, `{arch}` among them.
    pub values: Values,
    /// Where some of that is written.
    pub(crate) written: Written,
}

/// Where parts of a machine are written.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    /// QEMU's program.
    pub(crate) program: Place,
    /// QEMU's arguments.
    pub(crate) machine: Place,
}

/// A place in a machine's file.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    source: Arc<Source>,
    at: Range<usize>,
}

impl Place {
    /// Whether it is in a file.
    pub(crate) fn is_in(&self, file: &Path) -> bool {
        self.source.path() == file
    }

    /// A mistake there.
    pub(crate) fn error(&self, key: Option<&str>, message: impl Into<String>) -> ConfigError {
        self.source
            .error(self.at.clone(), key.map(str::to_owned), message)
    }
}

/// In which form QEMU is given a kernel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KernelFormat {
    /// As the file itself tells: as it is where QEMU can load it so, else flat.
    #[default]
    Auto,
    /// As a flat binary: an ELF file's segments laid out as in memory.
    #[serde(alias = "bin")]
    Flat,
    /// As it is, such as an ELF file with a Multiboot header or a PVH note.
    Elf,
}

/// How QEMU is started.
#[derive(Debug, Clone)]
pub struct Qemu {
    /// The program's name, or its path.
    pub program: PathBuf,
    /// The oldest version that does, major and minor; 0.0 where any does.
    pub oldest: (u64, u64),
    /// The machine, its devices and images: `machine`, and behind that every `extra`.
    pub machine: Vec<String>,
    /// What it is to run with; none leaves that to QEMU.
    pub accel: Option<Accel>,
}

/// The flash.
#[derive(Debug, Clone)]
pub struct Flash {
    /// The size of the device.
    pub size: FlashSize,
    /// What its contents begin with.
    pub content: FlashContent,
}

/// How large a flash device is, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlashSize {
    /// So large.
    Fixed(u64),
    /// So large together with the firmware, which is a flash device behind it.
    WithFirmware(u64),
}

/// What a flash device begins with; the rest is zeros.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FlashContent {
    /// A file's contents.
    File(PathBuf),
    /// A text.
    Text(String),
}

/// How QEMU is made to log what it does to the guest.
#[derive(Debug, Clone)]
pub struct Witness {
    /// The options to add.
    pub args: Vec<String>,
    /// The form of the log.
    pub format: witness::Format,
}

impl Machine {
    /// The machine that is named after an architecture, and is of it.
    ///
    /// # Errors
    ///
    /// As [`Machine::named`]; and the file may be of another architecture.
    pub fn load(project: &Project, arch: Arch) -> Result<Self, Error> {
        let machine = Self::named(project, OsStr::new(arch.name()))?;
        if machine.arch == arch {
            return Ok(machine);
        }
        Err(Error::Usage(format!(
            "{}: key `arch`: the machine named {arch} is of {}; give it another name",
            machine.origin(),
            machine.arch
        )))
    }

    /// A machine by its name, or by its file: what has a `/` in it or ends in `.toml` is a path, as seen
    /// from the current folder.
    ///
    /// # Errors
    ///
    /// There is no such machine, or its file, or one that it extends, is not right.
    pub fn named(project: &Project, name_or_file: &OsStr) -> Result<Self, Error> {
        let first = find::found(project, name_or_file)?;
        let name = first.name();
        let (layer, origins) = find::chain(project, first)?;
        Ok(resolve::machine(name, layer, origins)?)
    }

    /// A machine by its name or file, which is to be of an architecture.
    ///
    /// # Errors
    ///
    /// As [`Machine::named`]; and it may be of another architecture.
    pub fn named_of(project: &Project, name_or_file: &OsStr, arch: Arch) -> Result<Self, Error> {
        let machine = Self::named(project, name_or_file)?;
        if machine.arch == arch {
            return Ok(machine);
        }
        Err(Error::Usage(format!(
            "machine {} is of {}, and {arch} is asked for: name another machine, or leave out the \
             architecture (--arch)",
            machine.name, machine.arch
        )))
    }

    /// The machine that somebody asks for: by its name or file, by its architecture, or by both. None
    /// where it is by neither.
    ///
    /// # Errors
    ///
    /// As [`Machine::load`] and [`Machine::named_of`].
    pub fn wanted(
        project: &Project,
        name_or_file: Option<&OsStr>,
        arch: Option<Arch>,
    ) -> Result<Option<Self>, Error> {
        match (name_or_file, arch) {
            (Some(name), Some(arch)) => Self::named_of(project, name, arch).map(Some),
            (Some(name), None) => Self::named(project, name).map(Some),
            (None, Some(arch)) => Self::load(project, arch).map(Some),
            (None, None) => Ok(None),
        }
    }

    /// Resolves a machine file's text, for a machine of some name.
    ///
    /// # Errors
    ///
    /// The text is not right, or what it extends.
    pub fn from_text(project: &Project, path: &Path, text: String) -> Result<Self, Error> {
        let first = find::Found {
            origin: Origin::File(path.to_owned()),
            source: Arc::new(Source::from_text(path, text)),
        };
        let name = first.name();
        let (layer, origins) = find::chain(project, first)?;
        Ok(resolve::machine(name, layer, origins)?)
    }

    /// The firmware images for the workspace's own hypervisor, or for any other kernel: the first of
    /// them that QEMU has.
    pub fn firmware_for(&self, own: bool) -> Vec<String> {
        let own: &[String] = if own { &self.own_firmware } else { &[] };
        [own, &self.firmware].concat()
    }

    /// Where it is written.
    pub fn origin(&self) -> &Origin {
        &self.origins[0]
    }

    /// Whether an argument of QEMU's has a placeholder: what nothing refers to need not be made.
    pub fn uses(&self, placeholder: &str) -> bool {
        let mark = format!("{{{placeholder}}}");
        let log = self.witness.iter().flat_map(|witness| &witness.args);
        let mut words = self.qemu.machine.iter().chain(log);
        words.any(|word| word.contains(&mark))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.source.line_at(self.at.start);
        write!(f, "{}:{line}", self.source.path().display())
    }
}

/// What one machine file says, or several of them, one over the other.
#[derive(Debug, Default)]
struct Layer {
    arch: Option<Arch>,
    kernel_format: Option<KernelFormat>,
    program: Option<(PathBuf, Place)>,
    oldest: Option<(u64, u64)>,
    accel: Option<Accel>,
    machine: Option<(Vec<Argument>, Place)>,
    extra: Vec<Argument>,
    disk: Option<Disk>,
    firmware: Option<Vec<String>>,
    own_firmware: Option<Vec<String>>,
    firmware_lines: Option<FirmwareLines>,
    has_flash: bool,
    flash_size: Option<FlashSize>,
    flash_content: Option<FlashContent>,
    has_witness: bool,
    witness_format: Option<witness::Format>,
    witness_args: Option<Vec<Argument>>,
    audit: Option<audit::Layer>,
    values: Values,
    /// What parts of it lack, and where.
    lacking: Vec<String>,
}

/// An argument of QEMU's, and where it is written.
#[derive(Debug)]
struct Argument {
    key: &'static str,
    text: String,
    place: Place,
}

impl Argument {
    fn error(&self, message: String) -> ConfigError {
        self.place.error(Some(self.key), message)
    }
}

impl Layer {
    /// What is said here, and for the rest what is said in `base`. Lists stand in for the other's, but
    /// every `extra` is added.
    fn over(self, base: Self) -> Self {
        let disk = match (self.disk, base.disk) {
            (Some(disk), Some(base)) => Some(disk.over(base)),
            (disk, base) => disk.or(base),
        };
        let mut extra = base.extra;
        extra.extend(self.extra);
        let mut values = base.values;
        values.extend(self.values);
        let mut lacking = self.lacking;
        lacking.extend(base.lacking);
        Self {
            lacking,
            arch: self.arch.or(base.arch),
            kernel_format: self.kernel_format.or(base.kernel_format),
            program: self.program.or(base.program),
            oldest: self.oldest.or(base.oldest),
            accel: self.accel.or(base.accel),
            machine: self.machine.or(base.machine),
            extra,
            disk,
            firmware: self.firmware.or(base.firmware),
            own_firmware: self.own_firmware.or(base.own_firmware),
            firmware_lines: self.firmware_lines.or(base.firmware_lines),
            has_flash: self.has_flash || base.has_flash,
            flash_size: self.flash_size.or(base.flash_size),
            flash_content: self.flash_content.or(base.flash_content),
            has_witness: self.has_witness || base.has_witness,
            witness_format: self.witness_format.or(base.witness_format),
            witness_args: self.witness_args.or(base.witness_args),
            audit: match (self.audit, base.audit) {
                (Some(audit), Some(base)) => Some(audit.over(base)),
                (audit, base) => audit.or(base),
            },
            values,
        }
    }
}

/// A program as it can be started from any folder. A name is looked up in `PATH`, whose folders may
/// be relative to the current one; anything else is a path, as seen from `folder`.
fn program(name: &str, folder: &Path, path: Option<OsString>) -> PathBuf {
    if name.contains('/') {
        return folder.join(name);
    }
    let folders = path.iter().flat_map(std::env::split_paths);
    let mut found = folders.map(|folder| folder.join(name));
    match found.find(|file| file.is_file()) {
        Some(file) if file.is_relative() => std::path::absolute(&file).unwrap_or(file),
        _ => name.into(),
    }
}

fn version(text: &str) -> Option<(u64, u64)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests;
