//! Whether QEMU's arguments load the kernel, and whether QEMU can load it as it is. QEMU would say so too,
//! or would start a machine that runs nothing; but it does not know whose file is wrong.

use super::command::ram_size;
use super::examine::is_loaded_where_it_says;
use crate::arch::Arch;
use crate::config::disk::Disk;
use crate::config::machine::{FlashContent, KernelFormat, Machine};
use crate::config::scenario::Scenario;
use crate::error::ConfigError;
use object::elf;
use object::read::elf::{FileHeader, ProgramHeader};
use object::{Endianness, FileKind};

/// Options of QEMU's that name a medium with something to boot. The value of `-device` or `-machine` may do so too.
const MEDIA: [&str; 17] = [
    "kernel",
    "bios",
    "pflash",
    "drive",
    "blockdev",
    "cdrom",
    "hda",
    "hdb",
    "hdc",
    "hdd",
    "fda",
    "fdb",
    "sd",
    "mtdblock",
    "incoming",
    "loadvm",
    "readconfig",
];

/// The magic of Multiboot's header, version 1 (Multiboot 0.6.96, section 3.1.1).
const MULTIBOOT: u32 = 0x1bad_b002;

/// The magic of Multiboot's header, version 2 (Multiboot2 2.0, section 3.1.1).
const MULTIBOOT_2: u32 = 0xe852_50d6;

/// The flag by which a Multiboot header itself says where the file is loaded (section 3.1.2, bit 16).
const HAS_ADDRESSES: u32 = 1 << 16;

/// The type of the note with a kernel's 32-bit entry point (Xen's `XEN_ELFNOTE_PHYS32_ENTRY`).
const PVH: u32 = 18;

/// The error for a machine whose arguments would boot nothing: none of them names the kernel, or a medium that
/// may hold it.
pub(super) fn nothing_booted(machine: &Machine, scenario: &Scenario) -> Option<ConfigError> {
    let words = &machine.qemu.machine;
    let mut before = "";
    for word in words {
        let option = option(before).unwrap_or_default();
        before = word;
        let loads = MEDIA.contains(&option)
            || option == "device" && word.starts_with("loader")
            || ["machine", "M"].contains(&option) && word.contains("pflash");
        if word.contains("{kernel}") || loads && may_hold_it(word, machine, scenario) {
            return None;
        }
    }
    Some(machine.written.machine.error(
        None,
        "none of QEMU's arguments names {kernel}: nothing would be booted; add \"-kernel\", \"{kernel}\"",
    ))
}

/// Whether the value of an option may be a medium with the kernel on it: a file of the user's, and not one that
/// the harness makes without it.
fn may_hold_it(value: &str, machine: &Machine, scenario: &Scenario) -> bool {
    let given = |disk: &Option<Disk>| {
        let with_files =
            |disk: &Disk| disk.image.is_some() || disk.files.iter().flatten().next().is_some();
        disk.as_ref().is_some_and(with_files)
    };
    let flash = machine.flash.as_ref().map(|flash| &flash.content);
    let made = [
        ("{disk}", given(&machine.disk) || given(&scenario.disk)),
        (
            "{pflash}",
            scenario.flash.is_some() || matches!(flash, Some(FlashContent::File(_))),
        ),
        // Its names are those of QEMU's own images, unless they are paths.
        (
            "{firmware}",
            machine.firmware.iter().any(|name| name.contains('/')),
        ),
        ("default", false), // `-bios default`: QEMU's own
    ];
    let named = made.iter().find(|(name, _)| value.contains(name));
    named.is_none_or(|(_, holds)| *holds)
}

/// The name of an option of QEMU's, which has one dash or two.
fn option(word: &str) -> Option<&str> {
    let word = word.strip_prefix('-')?;
    Some(word.strip_prefix('-').unwrap_or(word))
}

/// Whether QEMU itself loads the kernel's file: `-kernel {kernel}`.
fn loads_it(machine: &Machine) -> bool {
    let mut pairs = machine.qemu.machine.windows(2);
    pairs.any(|pair| option(&pair[0]) == Some("kernel") && pair[1] == "{kernel}")
}

/// Why QEMU cannot load a file as the kernel of a machine, or loads it to where there is no memory; none where it
/// can, or where that is not known.
pub(super) fn objection(machine: &Machine, bytes: &[u8]) -> Option<String> {
    if !loads_it(machine) || machine.kernel_format == KernelFormat::Flat {
        return None;
    }
    if machine.arch.takes_elf() {
        // Such a header says itself where the file is loaded, whatever its segments say.
        let has_addresses = multiboot_flags(bytes).is_some_and(|flags| flags & HAS_ADDRESSES != 0);
        let outside = || outside_memory(machine, bytes).filter(|_| !has_addresses);
        return x86_form(bytes).or_else(outside);
    }
    // Where it is flattened, QEMU decides where it lies.
    let unchanged = machine.kernel_format == KernelFormat::Elf || is_loaded_where_it_says(bytes);
    unchanged.then(|| outside_memory(machine, bytes)).flatten()
}

/// Why QEMU does not load a file on x86 (its `x86_load_linux`, and below that `load_multiboot` and
/// `load_elfboot`).
fn x86_form(bytes: &[u8]) -> Option<String> {
    let is_elf = bytes.starts_with(b"\x7fELF");
    let is_64 = matches!(FileKind::parse(bytes), Ok(FileKind::Elf64));
    if let Some(flags) = multiboot_flags(bytes) {
        let has_addresses = flags & HAS_ADDRESSES != 0;
        return match (is_elf, is_64) {
            _ if has_addresses => None,
            (true, false) => None,
            (true, true) => Some(
                "QEMU's -kernel takes a Multiboot kernel as a 32-bit ELF (objcopy -O elf32-i386), or with the \
                 addresses in its header (flag bit 16); it is a 64-bit ELF, and its header has none"
                    .into(),
            ),
            (false, _) => Some(
                "QEMU's -kernel takes a Multiboot kernel that is no ELF file only with the addresses in its \
                 header (flag bit 16); its header has none"
                    .into(),
            ),
        };
    }
    if !is_elf || has_pvh_note(bytes) {
        return None;
    }
    let other = if has_multiboot_2_header(bytes) {
        "; its Multiboot 2 header is for GRUB, and QEMU does not know it"
    } else {
        ""
    };
    Some(if is_64 {
        format!(
            "QEMU's -kernel takes an x86_64 ELF only with a PVH note (.note.Xen, type 18), or as Multiboot, a \
             32-bit ELF (objcopy -O elf32-i386); it has neither{other}"
        )
    } else {
        format!(
            "QEMU's -kernel takes a 32-bit ELF only with a Multiboot header in its first 8192 bytes, or with a PVH \
             note (.note.Xen, type 18); it has neither{other}"
        )
    })
}

/// The flags of a Multiboot header, version 1, which begins in the first 8192 bytes (section 3.1): the magic, and
/// with the flags and the checksum behind it a sum of 0.
pub(super) fn multiboot_flags(bytes: &[u8]) -> Option<u32> {
    let words: Vec<_> = words(&bytes[..bytes.len().min(8192)]).collect();
    let header = words.windows(3).find(|header| {
        let sum = header
            .iter()
            .fold(0_u32, |sum, word| sum.wrapping_add(*word));
        header[0] == MULTIBOOT && sum == 0
    })?;
    Some(header[1])
}

/// Whether the file has a Multiboot header, version 2, in its first 32768 bytes: the magic, the architecture, the
/// length and the checksum have a sum of 0.
fn has_multiboot_2_header(bytes: &[u8]) -> bool {
    let words: Vec<_> = words(&bytes[..bytes.len().min(32768)]).collect();
    words.windows(4).any(|header| {
        let sum = header
            .iter()
            .fold(0_u32, |sum, word| sum.wrapping_add(*word));
        header[0] == MULTIBOOT_2 && sum == 0
    })
}

fn words(bytes: &[u8]) -> impl Iterator<Item = u32> {
    let whole = bytes.chunks_exact(4);
    whole.map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]))
}

/// Whether an ELF file has a PVH note in one of the segments for notes, which is where QEMU looks. A section
/// alone is not enough.
fn has_pvh_note(bytes: &[u8]) -> bool {
    match FileKind::parse(bytes) {
        Ok(FileKind::Elf32) => has_note::<elf::FileHeader32<Endianness>>(bytes, PVH),
        Ok(FileKind::Elf64) => has_note::<elf::FileHeader64<Endianness>>(bytes, PVH),
        _ => None,
    }
    .unwrap_or(false)
}

fn has_note<H: FileHeader<Endian = Endianness>>(bytes: &[u8], of_type: u32) -> Option<bool> {
    let header = H::parse(bytes).ok()?;
    let endian = header.endian().ok()?;
    for segment in header.program_headers(endian, bytes).ok()? {
        let Ok(Some(mut notes)) = segment.notes(endian, bytes) else {
            continue;
        };
        while let Ok(Some(note)) = notes.next() {
            if note.n_type(endian) == of_type {
                return Some(true);
            }
        }
    }
    Some(false)
}

/// That a segment of an ELF file is loaded where the machine has no memory, as far as QEMU's arguments tell where
/// that is.
fn outside_memory(machine: &Machine, bytes: &[u8]) -> Option<String> {
    let ram = ram(machine)?;
    let segments = match FileKind::parse(bytes) {
        Ok(FileKind::Elf32) => segments::<elf::FileHeader32<Endianness>>(bytes),
        Ok(FileKind::Elf64) => segments::<elf::FileHeader64<Endianness>>(bytes),
        _ => None,
    }?;
    // Below it there may be a flash that the kernel is to run from.
    let beyond = |&&(at, size): &&(u64, u64)| at.saturating_add(size) > ram.end;
    let (at, size) = segments.iter().find(beyond)?;
    let last = at.saturating_add(*size) - 1;
    Some(format!(
        "it lies outside the machine's memory: a segment is loaded at {at:#x} to {last:#x}, and the memory is from \
         {:#x} to {:#x}; link it for that, or give the machine more (-m)",
        ram.start,
        ram.end - 1
    ))
}

/// The physical addresses and sizes in memory of the segments that QEMU loads; none where QEMU is given the file
/// as a flat binary.
fn segments<H: FileHeader<Endian = Endianness>>(bytes: &[u8]) -> Option<Vec<(u64, u64)>> {
    let header = H::parse(bytes).ok()?;
    let endian = header.endian().ok()?;
    let headers = header.program_headers(endian, bytes).ok()?;
    let loaded = headers
        .iter()
        .filter(|segment| segment.p_type(endian) == elf::PT_LOAD);
    let places = loaded.map(|segment| {
        (
            segment.p_paddr(endian).into(),
            segment.p_memsz(endian).into(),
        )
    });
    Some(places.filter(|(_, size)| *size > 0).collect())
}

/// The machine's memory, of the boards of which it is known where it begins.
fn ram(machine: &Machine) -> Option<std::ops::Range<u64>> {
    let words = &machine.qemu.machine;
    let boards = words
        .windows(2)
        .filter(|pair| matches!(option(&pair[0]), Some("machine" | "M")));
    let board = boards.map(|pair| pair[1].split(',').next().unwrap_or_default());
    let board = board
        .map(|board| board.strip_prefix("type=").unwrap_or(board))
        .next_back();
    let start = match (machine.arch, board) {
        (Arch::Riscv64, Some("virt")) => 0x8000_0000,
        (Arch::Aarch64, Some("virt")) => 0x4000_0000,
        (Arch::X86_64, None | Some("q35" | "pc")) => 0,
        _ => return None,
    };
    let size = ram_size(words)?;
    // From 2 GiB on a PC's memory has a hole.
    let whole = machine.arch != Arch::X86_64 || size <= 2 << 30;
    whole.then(|| start..start + size)
}

#[cfg(test)]
mod tests;
