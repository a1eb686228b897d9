//! `configs/machines/<arch>.toml`: the QEMU machine of an architecture and how its images are built.

use super::template::{self, Values};
use super::{Source, parse_size};
use crate::arch::Arch;
use crate::error::ConfigError;
use crate::judge::firmware_lines::FirmwareLines;
use crate::judge::witness;
use crate::project::Project;
use serde::Deserialize;
use std::ffi::OsString;
use std::path::PathBuf;
use toml::Spanned;

/// Placeholders that a QEMU argument may use.
pub const PLACEHOLDERS: [&str; 7] = [
    "kernel",
    "firmware",
    "disk",
    "pflash",
    "qmp_fd",
    "serial_fd",
    "trace_log",
];

/// A machine, resolved: all paths absolute, all placeholders known.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Machine {
    /// The architecture it is.
    pub arch: Arch,
    /// How its images are built.
    pub build: Build,
    /// How QEMU is started.
    pub qemu: Qemu,
    /// The FAT32 disk.
    pub disk: Disk,
    /// Names of firmware images, of which the first that QEMU has is used; empty where QEMU is left
    /// to choose.
    pub firmware: Vec<String>,
    /// Further ones, which come first where the workspace's own hypervisor is booted.
    pub own_firmware: Vec<String>,
    /// How the firmware's own lines are known, where it prints any.
    pub firmware_lines: Option<FirmwareLines>,
    /// The flash.
    pub flash: Flash,
    /// How QEMU logs the guest's exits.
    pub witness: Option<Witness>,
    /// Values for the placeholders in scenarios, `{arch}` among them.
    pub values: Values,
}

/// How an architecture's images are built.
#[derive(Debug, Clone)]
pub struct Build {
    /// The target triple.
    pub target: String,
    /// The hypervisor's platform file.
    pub axconfig: PathBuf,
    /// The guest's platform file, when the guest is an ArceOS program.
    pub guest_axconfig: Option<PathBuf>,
    /// What QEMU's `-kernel` is given.
    pub kernel_format: KernelFormat,
}

/// The form in which QEMU boots a hypervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KernelFormat {
    /// A flat binary: the ELF file's segments laid out as in memory.
    Bin,
    /// The ELF file itself.
    Elf,
}

/// How QEMU is started.
#[derive(Debug, Clone)]
pub struct Qemu {
    /// The program's name, or its path.
    pub program: PathBuf,
    /// The oldest version that does, major and minor.
    pub oldest: (u64, u64),
    /// The machine, its devices and images.
    pub machine: Vec<String>,
    /// How the harness holds on to it: stopped start, QMP, serial line.
    pub control: Vec<String>,
    /// What stands in for `control` when someone runs the command by hand.
    pub by_hand: Vec<String>,
}

/// The FAT32 disk.
#[derive(Debug, Clone, Copy)]
pub struct Disk {
    /// Its size in bytes.
    pub size: u64,
    /// Whether it carries the flash's contents as `/boot/pflash.img`.
    pub pflash_on_disk: bool,
}

/// The flash.
#[derive(Debug, Clone)]
pub struct Flash {
    /// The size of the device.
    pub size: FlashSize,
    /// The file its contents begin with.
    pub content: PathBuf,
}

/// How large a flash device is, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlashSize {
    /// There is no such device.
    None,
    /// So large.
    Fixed(u64),
    /// So large together with the firmware, which is a flash device behind it.
    WithFirmware(u64),
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
    /// Reads the machine file of an architecture.
    pub fn load(project: &Project, arch: Arch) -> Result<Self, ConfigError> {
        let source = match project.machine(arch.name()) {
            Some(path) => Source::read(&path)?,
            None => built_in(arch),
        };
        source
            .parse::<raw::Machine>()?
            .resolve(project, arch, &source)
    }

    /// The firmware images for the workspace's own hypervisor, or for any other kernel: the first of
    /// them that QEMU has.
    pub fn firmware_for(&self, own: bool) -> Vec<String> {
        let own: &[String] = if own { &self.own_firmware } else { &[] };
        [own, &self.firmware].concat()
    }
}

/// The machine file of an architecture that comes with the harness.
fn built_in(arch: Arch) -> Source {
    let text = match arch {
        Arch::Riscv64 => include_str!("../../machines/riscv64.toml"),
        Arch::Aarch64 => include_str!("../../machines/aarch64.toml"),
        Arch::X86_64 => include_str!("../../machines/x86_64.toml"),
    };
    Source::from_text(format!("{arch}.toml, built in"), text)
}

/// A program as it can be started from any folder. A name is looked up in `PATH`, whose folders may
/// be relative to the current one; anything else is a path, as seen from the
/// project.
fn program(name: &str, project: &Project, path: Option<OsString>) -> PathBuf {
    if name.contains('/') {
        return project.at(name);
    }
    let folders = path.iter().flat_map(std::env::split_paths);
    let mut found = folders.map(|folder| folder.join(name));
    match found.find(|file| file.is_file()) {
        Some(file) if file.is_relative() => std::path::absolute(&file).unwrap_or(file),
        _ => name.into(),
    }
}

mod raw {
    use super::*;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "kebab-case")]
    pub struct Machine {
        arch: Spanned<Arch>,
        build: Build,
        qemu: Qemu,
        disk: Disk,
        firmware: Option<Firmware>,
        flash: Flash,
        witness: Option<Witness>,
        #[serde(default)]
        values: Values,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "kebab-case")]
    struct Build {
        target: String,
        axconfig: PathBuf,
        guest_axconfig: Option<PathBuf>,
        kernel_format: KernelFormat,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "kebab-case")]
    struct Qemu {
        program: Spanned<String>,
        oldest: Spanned<String>,
        machine: Vec<Spanned<String>>,
        by_hand: Vec<Spanned<String>>,
        control: Vec<Spanned<String>>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "kebab-case")]
    struct Disk {
        size: Spanned<String>,
        #[serde(default)]
        pflash_on_disk: bool,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "kebab-case")]
    struct Firmware {
        #[serde(default)]
        candidates: Vec<String>,
        #[serde(default)]
        own_candidates: Vec<String>,
        first_line: Option<Spanned<String>>,
        last_line: Option<Spanned<String>>,
    }

    impl Firmware {
        fn lines(&self, source: &Source) -> Result<Option<FirmwareLines>, ConfigError> {
            let (first, last) = match (&self.first_line, &self.last_line) {
                (None, None) => return Ok(None),
                (Some(first), Some(last)) => (first, last),
                (Some(one), None) | (None, Some(one)) => {
                    let message = "first-line and last-line go together";
                    return Err(source.error(one.span(), None, message));
                }
            };
            let regex = |key, value: &Spanned<String>| {
                regex::Regex::new(value.get_ref())
                    .map_err(|error| source.bad_value(key, value, error.to_string()))
            };
            Ok(Some(FirmwareLines {
                first: regex("first-line", first)?,
                last: regex("last-line", last)?,
            }))
        }
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "kebab-case")]
    struct Flash {
        size: Option<Spanned<String>>,
        size_with_firmware: Option<Spanned<String>>,
        content: PathBuf,
    }

    impl Flash {
        fn size(&self, source: &Source) -> Result<FlashSize, ConfigError> {
            let parse = |key: &str, value: &Spanned<String>| {
                parse_size(value.get_ref()).map_err(|e| source.bad_value(key, value, e))
            };
            match (&self.size, &self.size_with_firmware) {
                (None, None) => Ok(FlashSize::None),
                (Some(size), None) => parse("size", size).map(FlashSize::Fixed),
                (None, Some(size)) => {
                    parse("size-with-firmware", size).map(FlashSize::WithFirmware)
                }
                (Some(size), Some(_)) => {
                    let message = "and size-with-firmware exclude each other";
                    Err(source.bad_value("size", size, message))
                }
            }
        }
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "kebab-case")]
    struct Witness {
        args: Spanned<Vec<Spanned<String>>>,
        format: witness::Format,
    }

    impl Witness {
        fn resolve(
            self,
            source: &Source,
            arguments: impl Fn(&str, Vec<Spanned<String>>) -> Result<Vec<String>, ConfigError>,
        ) -> Result<super::Witness, ConfigError> {
            let mut args = self.args.get_ref().iter();
            if !args.any(|argument| argument.get_ref().contains("{trace_log}")) {
                let message = "none of them names {trace_log}: QEMU would log where nobody reads";
                return Err(source.bad_value("args", &self.args, message));
            }
            Ok(super::Witness {
                args: arguments("args", self.args.into_inner())?,
                format: self.format,
            })
        }
    }

    impl Machine {
        pub fn resolve(
            self,
            project: &Project,
            arch: Arch,
            source: &Source,
        ) -> Result<super::Machine, ConfigError> {
            if *self.arch.get_ref() != arch {
                let message = format!("this file is read for {arch}");
                return Err(source.bad_value("arch", &self.arch, message));
            }
            if self.qemu.program.get_ref().is_empty() {
                return Err(source.bad_value("program", &self.qemu.program, "is empty"));
            }
            let flash_size = self.flash.size(source)?;
            // What there is nothing for: a device without a size, firmware without a name.
            let mut lacking = Vec::new();
            if flash_size == FlashSize::None {
                lacking.push("pflash");
            }
            if self
                .firmware
                .as_ref()
                .is_none_or(|firmware| firmware.candidates.is_empty())
            {
                lacking.push("firmware");
            }
            let arguments =
                |key: &str, raw: Vec<Spanned<String>>| arguments(key, raw, &lacking, source);
            let size = |key: &str, value: &Spanned<String>| {
                parse_size(value.get_ref()).map_err(|e| source.bad_value(key, value, e))
            };
            Ok(super::Machine {
                arch,
                build: super::Build {
                    target: self.build.target,
                    axconfig: project.at(self.build.axconfig),
                    guest_axconfig: self.build.guest_axconfig.map(|path| project.at(path)),
                    kernel_format: self.build.kernel_format,
                },
                qemu: super::Qemu {
                    program: program(
                        self.qemu.program.get_ref(),
                        project,
                        std::env::var_os("PATH"),
                    ),
                    oldest: version(self.qemu.oldest.get_ref()).ok_or_else(|| {
                        source.bad_value("oldest", &self.qemu.oldest, "is not a version like 7.2")
                    })?,
                    by_hand: arguments("by-hand", self.qemu.by_hand)?,
                    machine: arguments("machine", self.qemu.machine)?,
                    control: arguments("control", self.qemu.control)?,
                },
                disk: super::Disk {
                    size: size("size", &self.disk.size)?,
                    pflash_on_disk: self.disk.pflash_on_disk,
                },
                firmware_lines: match &self.firmware {
                    Some(firmware) => firmware.lines(source)?,
                    None => None,
                },
                own_firmware: self
                    .firmware
                    .as_ref()
                    .map_or_else(Vec::new, |firmware| firmware.own_candidates.clone()),
                firmware: self
                    .firmware
                    .map_or_else(Vec::new, |firmware| firmware.candidates),
                flash: super::Flash {
                    size: flash_size,
                    content: project.at(self.flash.content),
                },
                witness: match self.witness {
                    Some(raw) => Some(raw.resolve(source, arguments)?),
                    None => None,
                },
                values: {
                    let mut values = self.values;
                    values.insert("arch".into(), arch.to_string());
                    values
                },
            })
        }
    }

    fn version(text: &str) -> Option<(u64, u64)> {
        let (major, minor) = text.split_once('.')?;
        Some((major.parse().ok()?, minor.parse().ok()?))
    }

    /// Checks that every placeholder of an argument list is one that the harness fills.
    fn arguments(
        key: &str,
        raw: Vec<Spanned<String>>,
        lacking: &[&str],
        source: &Source,
    ) -> Result<Vec<String>, ConfigError> {
        let mut known: Values = PLACEHOLDERS
            .map(|name| (name.to_owned(), String::new()))
            .into();
        known.retain(|name, _| !lacking.contains(&name.as_str()));
        raw.into_iter()
            .map(
                |argument| match template::fill_argument(argument.get_ref(), &known) {
                    Ok(_) => Ok(argument.into_inner()),
                    Err(name) => {
                        let known: Vec<_> =
                            known.keys().map(|name| format!("{{{name}}}")).collect();
                        let known = known.join(", ");
                        let message = format!("no placeholder {{{name}}} here; there are {known}");
                        Err(source.bad_value(key, &argument, message))
                    }
                },
            )
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn a_program_is_found_from_any_folder() {
        let root = tempfile::tempdir().unwrap();
        let found = |name, path: &str| program(name, &Project::new(root.path()), Some(path.into()));
        assert_eq!(found("qemu", "/usr/bin"), Path::new("qemu"));
        assert_eq!(found("./qemu", "/usr/bin"), root.path().join("./qemu"));
        assert_eq!(found("/opt/qemu", ""), Path::new("/opt/qemu"));
        let here = std::env::current_dir().unwrap();
        assert_eq!(found("Cargo.toml", "/usr/bin:."), here.join("./Cargo.toml"));
        assert_eq!(
            program("qemu", &Project::new(root.path()), None),
            Path::new("qemu")
        );
    }

    /// The x86_64 machine file with a change to it, parsed.
    fn machine(from: &str, to: &str) -> Result<Machine, String> {
        let project = Project::new(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap());
        let path = project.machine("x86_64").unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from:?} is not in the file");
        let source = Source::from_text("m.toml", text.replacen(from, to, 1));
        let raw = source.parse::<raw::Machine>().map_err(|e| e.to_string())?;
        raw.resolve(&project, Arch::X86_64, &source)
            .map_err(|e| e.to_string())
    }

    #[test]
    fn own_firmware_comes_first_and_is_for_the_own_hypervisor_only() {
        let machine = machine("", "").unwrap();
        assert_eq!(machine.firmware_for(true), ["qboot.rom", "bios-256k.bin"]);
        assert_eq!(machine.firmware_for(false), ["bios-256k.bin"]);
    }

    #[test]
    fn a_placeholder_that_nothing_would_fill_is_refused() {
        let error = machine("candidates     = [\"bios-256k.bin\"]\n", "").unwrap_err();
        assert!(error.contains("no placeholder {firmware} here"), "{error}");
        let error = machine("size-with-firmware = \"4M\"\n", "").unwrap_err();
        assert!(error.contains("no placeholder {pflash} here"), "{error}");
    }
}
