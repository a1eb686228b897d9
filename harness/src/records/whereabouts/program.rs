//! An ELF file in which to look up an address.

use super::Place;
use addr2line::gimli::{self, EndianSlice, RunTimeEndian};
use object::read::elf::{ElfFile, FileHeader, ProgramHeader};
use object::{Object, ObjectSection, ObjectSegment};
use std::borrow::Cow;
use std::path::Path;

/// The bits of a kernel's address below those that put it into the high half. On all three
/// architectures they are the load address of the hypervisor.
const LOW_BITS: u64 = (1 << 38) - 1;

/// A program, with its name and its bytes.
#[derive(Debug)]
pub(super) struct Program {
    name: String,
    bytes: Vec<u8>,
    root: String,
}

impl Program {
    /// Reads a program; none if it cannot be read. A flat binary simply has no places.
    pub(super) fn load(file: &Path, root: &Path) -> Option<Self> {
        Some(Self {
            name: file.file_stem()?.to_string_lossy().into_owned(),
            bytes: std::fs::read(file).ok()?,
            root: format!("{}/", root.canonicalize().ok()?.display()),
        })
    }

    /// The place at an address that the program is linked for or, if `loaded`, loaded at: a kernel runs
    /// there before it has its own tables.
    pub(super) fn place(&self, pc: u64, loaded: bool) -> Option<Place> {
        let file = object::File::parse(&*self.bytes).ok()?;
        let address = linked_address(&file, pc, loaded)?;
        let function = file.symbol_map().get(address).map_or_else(
            || "no symbol".to_owned(),
            |symbol| format!("{:#}", rustc_demangle::demangle(symbol.name())),
        );
        Some(Place {
            program: self.name.clone(),
            function,
            source: self.source(&file, address),
        })
    }

    fn source(&self, file: &object::File<'_>, address: u64) -> Option<String> {
        let endian = if file.is_little_endian() {
            RunTimeEndian::Little
        } else {
            RunTimeEndian::Big
        };
        let section = |id: gimli::SectionId| {
            let section = file.section_by_name(id.name());
            let data = section.and_then(|section| section.uncompressed_data().ok());
            Ok::<_, gimli::Error>(data.unwrap_or_default())
        };
        let sections = gimli::DwarfSections::load(section).ok()?;
        let dwarf = sections.borrow(|data: &Cow<'_, [u8]>| EndianSlice::new(data, endian));
        let context = addr2line::Context::from_dwarf(dwarf).ok()?;
        // Among functions inlined into one another, take the innermost of the workspace's own;
        // otherwise the outermost, which has the symbol.
        let mut frames = context.find_frames(address).skip_all_loads().ok()?;
        let mut found = None;
        while let Some(frame) = frames.next().ok()? {
            let Some((file, line)) = frame.location.and_then(|at| Some((at.file?, at.line?)))
            else {
                continue;
            };
            found = Some(format!("{}:{line}", shortened(file, &self.root)));
            if file.starts_with(&self.root) {
                break;
            }
        }
        found
    }
}

/// The address for which the program is linked that `pc` stands for.
fn linked_address(file: &object::File<'_>, pc: u64, loaded: bool) -> Option<u64> {
    file.segments().find_map(|segment| {
        let (linked, size) = (segment.address(), segment.size());
        let starts = [linked, loaded_address(file, linked), linked & LOW_BITS];
        let starts = if loaded { &starts[..] } else { &starts[..1] };
        starts.iter().find_map(|start| {
            let offset = pc.checked_sub(*start).filter(|&offset| offset < size)?;
            linked.checked_add(offset)
        })
    })
}

/// The load address of the segment linked for an address, according to the file.
fn loaded_address(file: &object::File<'_>, linked: u64) -> u64 {
    match file {
        object::File::Elf32(elf) => load_address(elf, linked),
        object::File::Elf64(elf) => load_address(elf, linked),
        _ => None,
    }
    .unwrap_or(linked)
}

fn load_address<H: FileHeader>(elf: &ElfFile<'_, H>, linked: u64) -> Option<u64> {
    let endian = elf.endian();
    let mut headers = elf.elf_program_headers().iter();
    let of_segment = headers.find(|header| header.p_vaddr(endian).into() == linked);
    of_segment.map(|header| header.p_paddr(endian).into())
}

/// Shortens a path by its uninteresting beginning: the workspace, cargo's folder of a crate, Rust's
/// own.
fn shortened<'a>(path: &'a str, root: &str) -> &'a str {
    if let Some(own) = path.strip_prefix(root) {
        return own;
    }
    let after = |marker: &str| path.split_once(marker).map(|(_, rest)| rest);
    after("/registry/src/")
        .and_then(|rest| rest.split_once('/'))
        .map(|(_, rest)| rest)
        .or_else(|| after("/lib/rustlib/src/rust/"))
        .unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_of_this_very_program_is_found_with_its_file() {
        let exe = std::env::current_exe().unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let program = Program::load(&exe, root).unwrap();
        let file = object::File::parse(&*program.bytes).unwrap();
        let symbols = file.symbol_map();
        let named = |symbol: &&object::SymbolMapName<'_>| symbol.name().contains("Program5place");
        let symbol = symbols.symbols().iter().find(named).unwrap();
        let place = program.place(symbol.address() + 1, false).unwrap();
        assert!(place.function.ends_with("::place"), "{place:?}");
        let source = place.source.unwrap();
        assert!(
            source.starts_with("harness/src/records/whereabouts/program.rs:"),
            "{source}"
        );
    }

    #[test]
    fn an_address_outside_or_a_file_that_is_no_elf_has_no_place() {
        let exe = std::env::current_exe().unwrap();
        let program = Program::load(&exe, Path::new("/")).unwrap();
        assert_eq!(program.place(u64::MAX - 8, true), None);
        let flat = Program {
            name: "flat".into(),
            bytes: vec![0; 64],
            root: String::new(),
        };
        assert_eq!(flat.place(16, true), None);
    }

    /// A segment at the end of all addresses that says it goes on behind it, and is loaded elsewhere.
    #[test]
    fn a_segment_beyond_the_last_address_has_no_place() {
        let mut bytes = vec![0; 120];
        bytes[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
        for (at, value) in [
            (16, 2_u64),
            (18, 243),
            (32, 64), // e_phoff
            (52, 64),
            (54, 56),
            (56, 1),
            (64, 1), // PT_LOAD
            (80, 0xFFFF_FFFF_FFFF_FF80),
            (88, 0x8020_0000),
            (96, 120),
            (104, 0x1000),
        ] {
            bytes[at..at + 2].copy_from_slice(&value.to_le_bytes()[..2]);
            if at >= 80 {
                bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
            }
        }
        let program = Program {
            name: "high".into(),
            bytes,
            root: String::new(),
        };
        let function = |pc| Some(program.place(pc, true)?.function);
        assert_eq!(function(0x8020_0040).as_deref(), Some("no symbol"));
        assert_eq!(function(0x8020_0080), None);
    }

    /// A kernel of 32 bits: linked for 0xC0100000, loaded at 0x100000, with a symbol.
    #[test]
    fn a_kernel_of_32_bits_has_its_functions_where_it_is_linked_and_where_it_is_loaded() {
        let program = Program {
            name: "small".into(),
            bytes: elf_of_32_bits(),
            root: String::new(),
        };
        let function = |pc, loaded| Some(program.place(pc, loaded)?.function);
        assert_eq!(function(0xC010_0018, false).as_deref(), Some("spin"));
        assert_eq!(function(0x0010_0018, true).as_deref(), Some("spin"));
        assert_eq!(function(0x0010_0018, false), None);
        assert_eq!(function(0xC010_0040, true), None);
    }

    /// An ELF file with a segment of 64 bytes and a symbol `spin` at its 16th.
    fn elf_of_32_bits() -> Vec<u8> {
        let strings = b"\0spin\0";
        let half = |values: &[u16]| -> Vec<u8> {
            values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect()
        };
        let words = |values: &[u32]| -> Vec<u8> {
            values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect()
        };
        // The header, one segment behind it, the symbols, their names, the sections.
        let [symbols, names, sections] = [52 + 32, 52 + 32 + 32, 52 + 32 + 32 + 8];
        [
            b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0".to_vec(),
            half(&[2, 3]),
            words(&[1, 0xC010_0000, 52, sections, 0]),
            half(&[52, 32, 1, 40, 4, 2]),
            words(&[1, 0, 0xC010_0000, 0x10_0000, 64, 64, 5, 4]),
            words(&[0; 4]),
            words(&[1, 0xC010_0010, 16]),
            half(&[0x12, 3]),
            strings.to_vec(),
            vec![0; 2],
            words(&[0; 10]),
            words(&[0, 2, 0, 0, symbols, 32, 2, 1, 4, 16]),
            words(&[0, 3, 0, 0, names, 6, 0, 0, 1, 0]),
            words(&[0, 1, 6, 0xC010_0000, 0, 64, 0, 0, 4, 0]),
        ]
        .concat()
    }

    #[test]
    fn paths_of_crates_and_of_rust_lose_what_is_the_same_for_all() {
        let short = |path| shortened(path, "/home/me/hv/");
        assert_eq!(
            short("/home/me/hv/gkernel/src/lib.rs"),
            "gkernel/src/lib.rs"
        );
        assert_eq!(
            short("/c/registry/src/index-1/axhal-1/src/x.rs"),
            "axhal-1/src/x.rs"
        );
        assert_eq!(
            short("/t/lib/rustlib/src/rust/library/core/x.rs"),
            "library/core/x.rs"
        );
        assert_eq!(
            short("/rustc/abc/library/core/x.rs"),
            "/rustc/abc/library/core/x.rs"
        );
    }
}
