//! Programs as they lie in the kernel's image: ELF files of 64 bits, little-endian ("Tool Interface Standard, ELF").
//! A crate that reads them wants an allocator, which a bare guest has not.

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

/// The entry of a program, and its segments; `None` if it is no such file, or a segment's bytes are not all in it.
pub fn parse(file: &[u8]) -> Option<(u64, impl Iterator<Item = Segment<'_>>)> {
    /// The magic number, 64 bits, little-endian.
    const IDENTITY: &[u8] = b"\x7FELF\x02\x01";
    /// e_type of an executable.
    const EXECUTABLE: u64 = 2;
    if !file.starts_with(IDENTITY) || number(file, 0x10, 2)? != EXECUTABLE {
        return None;
    }
    let entry = number(file, 0x18, 8)?;
    let (table, size) = (number(file, 0x20, 8)?, number(file, 0x36, 2)?);
    let count = number(file, 0x38, 2)?;
    let header = move |n: u64| {
        let start = usize::try_from(table.checked_add(n.checked_mul(size)?)?).ok()?;
        file.get(start..)
    };
    let all_there =
        (0..count).all(|n| header(n).is_some_and(|header| segment(file, header).is_some()));
    let segments = (0..count).filter_map(move |n| segment(file, header(n)?)?);
    all_there.then_some((entry, segments))
}

/// What a program header says; `Some(None)` if it is of nothing that has to be in memory.
fn segment<'a>(file: &'a [u8], header: &[u8]) -> Option<Option<Segment<'a>>> {
    const LOAD: u64 = 1;
    const EXECUTE: u64 = 1 << 0;
    const WRITE: u64 = 1 << 1;
    let flags = number(header, 0x04, 4)?;
    let (offset, in_file) = (number(header, 0x08, 8)?, number(header, 0x20, 8)?);
    if number(header, 0x00, 4)? != LOAD {
        return Some(None);
    }
    let rest = file.get(usize::try_from(offset).ok()?..)?;
    Some(Some(Segment {
        address: number(header, 0x10, 8)?,
        size: number(header, 0x28, 8)?,
        bytes: rest.get(..usize::try_from(in_file).ok()?)?,
        permits: Permits {
            write: flags & WRITE != 0,
            execute: flags & EXECUTE != 0,
        },
    }))
}

/// The number of `size` bytes at an offset.
fn number(bytes: &[u8], offset: usize, size: usize) -> Option<u64> {
    let mut number = [0; 8];
    let from = bytes.get(offset..)?.get(..size)?;
    number[..size].copy_from_slice(from);
    Some(u64::from_le_bytes(number))
}
