//! Programs as they lie in the kernel's image: ELF files of 64 bits.

use object::{
    Endianness,
    elf::{FileHeader64, PF_W, PF_X, PT_LOAD},
    read::elf::{FileHeader, ProgramHeader},
};

use super::Permits;

/// A part of a program that has to be in memory.
pub struct Segment<'a> {
    /// Where it begins.
    pub address: u64,
    /// How many bytes it has. What is behind `bytes` is zero.
    pub size: u64,
    /// Its first bytes.
    pub bytes: &'a [u8],
    /// What may be done there.
    pub permits: Permits,
}

/// The entry of a program, and its segments; `None` if it is no such file.
pub fn parse(file: &[u8]) -> Option<(u64, impl Iterator<Item = Segment<'_>>)> {
    let header = FileHeader64::<Endianness>::parse(file).ok()?;
    let endian = header.endian().ok()?;
    let segments = header.program_headers(endian, file).ok()?.iter();
    let loaded = segments.filter(move |segment| segment.p_type(endian) == PT_LOAD);
    let parts = loaded.filter_map(move |segment| {
        let flags = segment.p_flags(endian);
        Some(Segment {
            address: segment.p_vaddr(endian),
            size: segment.p_memsz(endian),
            bytes: segment.data(endian, file).ok()?,
            permits: Permits {
                write: flags & PF_W != 0,
                execute: flags & PF_X != 0,
            },
        })
    });
    Some((header.e_entry(endian), parts))
}
