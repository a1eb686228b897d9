//! Detects the kind of a file that is to be booted, before anything is built or started. So a wrong file
//! is an error message, not a guest that fails.
//!
//! A flat binary has no mark of its own, so a file of no other kind is taken for one.

use super::loading;
use crate::arch::Arch;
use crate::config::machine::{KernelFormat, Machine};
use crate::config::scenario::{GuestSource, Scenario};
use crate::error::Error;
use crate::files;
use crate::project::Project;
use object::elf;
use object::read::elf::{FileHeader, ProgramHeader};
use object::{Endianness, FileKind};
use std::fmt;
use std::path::Path;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nothing: 0 bytes.
    Empty,
    /// An ELF file.
    Elf {
        /// For which processor: `e_machine` (System V ABI, chapter 4).
        machine: u16,
        /// Its class: 32 or 64.
        bits: u8,
        /// `e_type`.
        of_type: u16,
        /// Whether it asks for a dynamic linker.
        hosted: bool,
    },
    /// A Linux kernel, by the header that Linux documents for an architecture
    /// (`Documentation/arch/{arm64,riscv,x86}/boot*.rst`).
    Linux(Arch),
    /// A kernel with a Multiboot header, version 1, and no other.
    Multiboot,
    /// A script: it begins with `#!`.
    Script,
    /// Something else that is known: in words.
    Other(&'static str),
    /// Text.
    Text,
    /// None of these.
    Flat,
}

/// Beginnings of files that cannot be run by a bare machine.
const OTHERS: [(&[u8], &str); 11] = [
    (b"\x1f\x8b", "gzip-compressed data"),
    (b"\xfd7zXZ\0", "xz-compressed data"),
    (b"\x28\xb5\x2f\xfd", "zstd-compressed data"),
    (b"BZh", "bzip2-compressed data"),
    (b"PK\x03\x04", "a zip archive"),
    (
        b"!<arch>\n",
        "an archive of object files or a Debian package",
    ),
    (b"070701", "a cpio archive, such as an initramfs"),
    (b"QFI\xfb", "a qcow2 disk image"),
    (b"\xd0\x0d\xfe\xed", "a device tree"),
    (b"\xcf\xfa\xed\xfe", "a Mach-O program"),
    (b"MZ", "a program for Windows or EFI"),
];

impl Kind {
    /// Detects the kind by the file's contents. An ELF file that is cut short or malformed is an
    /// error.
    pub fn of(bytes: &[u8]) -> Result<Self, String> {
        let at = |offset: usize, mark: &[u8]| {
            bytes
                .get(offset..)
                .is_some_and(|rest| rest.starts_with(mark))
        };
        let kind = if bytes.is_empty() {
            Self::Empty
        } else if at(0, b"\x7fELF") {
            return elf(bytes);
        } else if at(56, b"ARM\x64") {
            Self::Linux(Arch::Aarch64)
        } else if at(56, b"RSC\x05") {
            Self::Linux(Arch::Riscv64)
        } else if at(0x202, b"HdrS") && at(0x1fe, b"\x55\xaa") {
            Self::Linux(Arch::X86_64)
        } else if at(0, b"#!") {
            Self::Script
        } else if loading::multiboot_flags(bytes).is_some() {
            Self::Multiboot
        } else if let Some((_, what)) = OTHERS.iter().find(|(mark, _)| at(0, mark)) {
            Self::Other(what)
        } else if at(257, b"ustar") {
            Self::Other("a tar archive")
        } else if is_text(bytes) {
            Self::Text
        } else {
            Self::Flat
        };
        Ok(kind)
    }

    /// The architecture that it is for, where it tells.
    pub fn arch(self) -> Option<Arch> {
        match self {
            Self::Elf { machine, .. } if machine == elf::EM_386 => Some(Arch::X86_64),
            Self::Elf { machine, .. } => Arch::ALL
                .into_iter()
                .find(|&arch| machine_of(arch) == machine),
            Self::Linux(arch) => Some(arch),
            Self::Multiboot => Some(Arch::X86_64),
            _ => None,
        }
    }

    /// The architecture that a file is for, where the file tells. What is wrong with it is said when it is to be
    /// booted.
    pub fn arch_of(file: &Path) -> Option<Arch> {
        let bytes = files::read(file, files::IMAGE_LIMIT).ok()?;
        Self::of(&bytes).ok()?.arch()
    }

    /// What is wrong with it as a guest for an architecture.
    fn objection_as_guest(self, arch: Arch) -> Option<String> {
        let wanted = format!("a guest for {arch} is an ELF file for {arch}, or a flat binary");
        let fits = match self {
            Self::Elf { .. } => self.is_bare_elf_for(arch),
            Self::Linux(of) => of == arch,
            Self::Flat | Self::Multiboot => true,
            Self::Empty | Self::Script | Self::Other(_) | Self::Text => false,
        };
        (!fits).then(|| format!("it is {self}; {wanted}"))
    }

    /// What is wrong with it as a hypervisor, or any kernel, for a machine.
    fn objection_as_kernel(self, machine: &Machine) -> Option<String> {
        let arch = machine.arch;
        // Where the file tells by itself how it is loaded, a flat binary tells nothing.
        let takes_flat = match machine.kernel_format {
            KernelFormat::Auto => !arch.takes_elf(),
            KernelFormat::Flat => true,
            KernelFormat::Elf => false,
        };
        let wanted = if takes_flat {
            "a flat binary"
        } else {
            "a Multiboot kernel"
        };
        let fits = match self {
            Self::Elf { machine, bits, .. } => {
                // Multiboot starts kernels in 32-bit mode, and many are such ELF files.
                let multiboot = arch.takes_elf() && !takes_flat;
                let small = multiboot && (machine, bits) == (elf::EM_386, 32);
                self.is_bare_elf_for(arch) || small && self.is_bare()
            }
            Self::Linux(of) => of == arch,
            Self::Multiboot => true,
            Self::Flat => takes_flat,
            Self::Empty | Self::Script | Self::Other(_) | Self::Text => false,
        };
        (!fits).then(|| {
            format!(
                "it is {self}; a kernel for {arch} is an ELF file for {arch}, a Linux kernel's image, \
                 or {wanted}"
            )
        })
    }

    fn is_bare_elf_for(self, arch: Arch) -> bool {
        let wanted = machine_of(arch);
        matches!(self, Self::Elf { machine, bits: 64, .. } if machine == wanted) && self.is_bare()
    }

    /// Whether an ELF file is a whole program that needs no operating system.
    fn is_bare(self) -> bool {
        let whole = [elf::ET_EXEC, elf::ET_DYN];
        matches!(self, Self::Elf { of_type, hosted: false, .. } if whole.contains(&of_type))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("empty"),
            Self::Elf {
                machine,
                bits,
                of_type,
                hosted,
            } => {
                let what = match *of_type {
                    elf::ET_REL => "an object file that is not linked",
                    elf::ET_CORE => "a core dump",
                    _ if *hosted => "a program for an operating system, with a dynamic linker",
                    _ => "an ELF file",
                };
                match processor(*machine) {
                    Some(name) => write!(f, "{what}, of {bits} bits, for {name}"),
                    None => write!(f, "{what}, of {bits} bits, for processor number {machine}"),
                }
            }
            Self::Linux(arch) => write!(f, "a Linux kernel for {arch}"),
            Self::Multiboot => f.write_str("a Multiboot kernel"),
            Self::Script => f.write_str("a script"),
            Self::Other(what) => f.write_str(what),
            Self::Text => f.write_str("text"),
            Self::Flat => f.write_str("a flat binary, or something that is not known"),
        }
    }
}

fn machine_of(arch: Arch) -> u16 {
    match arch {
        Arch::Riscv64 => elf::EM_RISCV,
        Arch::Aarch64 => elf::EM_AARCH64,
        Arch::X86_64 => elf::EM_X86_64,
    }
}

fn processor(machine: u16) -> Option<&'static str> {
    let known = [
        (elf::EM_RISCV, "riscv"),
        (elf::EM_AARCH64, "aarch64"),
        (elf::EM_X86_64, "x86_64"),
        (elf::EM_386, "i386"),
        (elf::EM_ARM, "arm"),
        (elf::EM_LOONGARCH, "loongarch"),
        (elf::EM_PPC64, "ppc64"),
        (elf::EM_MIPS, "mips"),
        (elf::EM_S390, "s390"),
    ];
    known
        .iter()
        .find(|(number, _)| *number == machine)
        .map(|(_, name)| *name)
}

fn elf(bytes: &[u8]) -> Result<Kind, String> {
    match FileKind::parse(bytes) {
        Ok(FileKind::Elf32) => elf_of::<elf::FileHeader32<Endianness>>(bytes, 32),
        Ok(FileKind::Elf64) => elf_of::<elf::FileHeader64<Endianness>>(bytes, 64),
        _ => Err("it begins like an ELF file, but is none".into()),
    }
}

fn elf_of<H: FileHeader<Endian = Endianness>>(bytes: &[u8], bits: u8) -> Result<Kind, String> {
    let broken =
        |error: object::Error| format!("it is an ELF file that is cut short or damaged: {error}");
    let header = H::parse(bytes).map_err(broken)?;
    let endian = header.endian().map_err(broken)?;
    let of_type = header.e_type(endian);
    let segments = header.program_headers(endian, bytes).map_err(broken)?;
    let mut loaded = 0;
    for segment in segments {
        if segment.p_type(endian) == elf::PT_LOAD {
            loaded += 1;
            segment.data(endian, bytes).map_err(|()| {
                let length = bytes.len();
                format!(
                    "it is an ELF file that is cut short: a segment ends after its {length} bytes"
                )
            })?;
        }
    }
    if loaded == 0 && [elf::ET_EXEC, elf::ET_DYN].contains(&of_type) {
        return Err("it is an ELF file without a segment to load".into());
    }
    let hosted = |segment: &H::ProgramHeader| segment.p_type(endian) == elf::PT_INTERP;
    Ok(Kind::Elf {
        machine: header.e_machine(endian),
        bits,
        of_type,
        hosted: segments.iter().any(hosted),
    })
}

/// Whether the bytes read as text. A few printable bytes may be instructions as well.
fn is_text(bytes: &[u8]) -> bool {
    const LOOKED_AT: usize = 4096;
    let head = &bytes[..bytes.len().min(LOOKED_AT)];
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // Cut within a character.
        Err(error) if error.error_len().is_none() && bytes.len() > LOOKED_AT => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    let shown = |c: char| !c.is_control() || "\t\n\r\x0c\x1b".contains(c);
    text.chars().all(shown) && (text.len() >= 16 || text.ends_with('\n'))
}

/// Looks at the files that a run is to boot, before anything is built. What is named by hand has
/// to be what a machine can run. What a scenario names may be any bytes, so as to see what a hypervisor
/// makes of them; but an ELF file has to be for this architecture.
pub fn check(
    machine: &Machine,
    scenario: &Scenario,
    image: Option<&Path>,
    by_hand: Option<&GuestSource>,
) -> Result<(), Error> {
    let refused = |what: &str, file: &Path, why: String| {
        Err(Error::Usage(format!("{what} {}: {why}", file.display())))
    };
    let read = |file: &Path| {
        files::read(file, files::IMAGE_LIMIT).map_err(|e| format!("cannot be read: {e}"))
    };
    let kind = |file: &Path| Kind::of(&read(file)?);
    if let Some(error) = loading::nothing_booted(machine, scenario) {
        return Err(error.into());
    }
    if let Some(file) = image {
        let objection = read(file).and_then(|bytes| {
            let as_kernel = Kind::of(&bytes)?.objection_as_kernel(machine);
            Ok(as_kernel.or_else(|| loading::objection(machine, &bytes)))
        });
        if let Some(why) = objection.unwrap_or_else(Some) {
            return refused("hypervisor", file, why);
        }
    }
    if let Some(GuestSource::File(file)) = by_hand {
        let objection = kind(file).map(|kind| kind.objection_as_guest(machine.arch));
        if let Some(why) = objection.unwrap_or_else(Some) {
            return refused("guest", file, why);
        }
    }
    let first = scenario.guest.as_ref().filter(|_| by_hand.is_none());
    for guest in first.iter().copied().chain(&scenario.second) {
        let GuestSource::File(file) = guest else {
            continue;
        };
        let objection = kind(file).map(|kind| match kind {
            Kind::Elf { .. } => kind.objection_as_guest(machine.arch),
            _ => None,
        });
        if let Some(why) = objection.unwrap_or_else(Some) {
            let what = format!("the guest of scenario {}:", scenario.name);
            return refused(&what, file, why);
        }
    }
    Ok(())
}

/// Whether an ELF file is for addresses at which a machine has it before any address is translated: its
/// entry lies in a segment by the segment's physical address. A kernel that is linked for where it maps
/// itself (ArceOS on riscv64 and aarch64) is not: it is started as a flat binary.
pub fn is_loaded_where_it_says(bytes: &[u8]) -> bool {
    let Ok(header) = elf::FileHeader64::<Endianness>::parse(bytes) else {
        return false;
    };
    let Ok(endian) = header.endian() else {
        return false;
    };
    // No machine of ours has so many address lines: what lies above is a kernel's own half.
    const PHYSICAL: u64 = 1 << 48;
    let entry = header.e_entry(endian);
    let segments = header.program_headers(endian, bytes).unwrap_or_default();
    let mut loaded = segments
        .iter()
        .filter(|segment| segment.p_type(endian) == elf::PT_LOAD);
    entry < PHYSICAL
        && loaded.any(|segment| {
            let offset = entry.checked_sub(segment.p_paddr(endian));
            offset.is_some_and(|offset| offset < segment.p_memsz(endian))
        })
}

/// Whether what is booted is the workspace's own hypervisor: built for this run, or named where builds
/// are put.
pub fn is_own_hypervisor(project: &Project, image: Option<&Path>) -> bool {
    let Some(image) = image else { return true };
    let built = project.builds_of("hypervisor").canonicalize();
    let image = image.canonicalize().ok().zip(built.ok());
    image.is_some_and(|(image, built)| image.starts_with(built))
}

#[cfg(test)]
mod tests;
