//! What is read of a run's machine: the symbols, the image and the text of its programs.

use super::images::Part;
use super::known::Guest;
use crate::arch::Arch;
use crate::config::audit::Audit;
use crate::config::scenario::Scenario;
use crate::error::Error;
use crate::judge::audit::{Expected, Span};
use crate::machine::audit::{AuditPlan, Place, TextWanted, entering};
use object::elf::{PF_X, PT_LOAD};
use object::read::elf::{ElfFile64, FileHeader, ProgramHeader};
use object::{Endianness, Object, ObjectSymbol};

/// What stands for the hypervisor where its text is compared.
const HYPERVISOR: &str = "hypervisor";

/// What is read, what has to be found, and what the reader is told besides.
struct Planned {
    plan: AuditPlan,
    expected: Expected,
    notes: Vec<String>,
}

/// The audit of a run, if its scenario wants one: what is read, and what the story is held against. `notes`
/// are told to the reader.
pub(super) fn of_run(
    scenario: &mut Scenario,
    arch: Arch,
    own: bool,
    hypervisor: &Part,
    guests: &[Guest],
    notes: &mut Vec<String>,
) -> Result<Option<AuditPlan>, Error> {
    let not = scenario.not_audited.iter();
    notes.extend(not.map(|why| format!("not audited: {why}")));
    let Some(audit) = &scenario.audit else {
        return Ok(None);
    };
    // Two guests have the same addresses, and nobody outside knows which of them is there.
    let guest = match guests {
        [guest] => Some((guest.name.as_str(), &guest.program)),
        _ => None,
    };
    let planned = plan(arch, audit, own, hypervisor, guest)?;
    scenario.story.set_audit(planned.expected);
    notes.extend(planned.notes);
    Ok(Some(planned.plan))
}

/// Plans it, of a run with this guest.
///
/// # Errors
///
/// The workspace's `own` hypervisor lacks a symbol that is named. An image of somebody else's need not have
/// them: it is stopped as the guest's exits come.
fn plan(
    arch: Arch,
    audit: &Audit,
    own: bool,
    hypervisor: &Part,
    guest: Option<(&str, &Part)>,
) -> Result<Planned, Error> {
    let image = Elf::parse(&hypervisor.bytes);
    let find = |names: &[String]| -> Vec<(String, u64)> {
        let address = |name: &String| Some((name.clone(), image.as_ref()?.symbol(name)?));
        names.iter().filter_map(address).collect()
    };
    let (mut entries, releases) = (find(&audit.entry), find(&audit.release));
    for (_, address) in &mut entries {
        // A function may do much before it enters the guest.
        let code = image.as_ref().map(|image| image.code_at(*address));
        let place = code.and_then(|code| entering(arch, code));
        *address += place.unwrap_or(0) as u64;
    }
    let found = |name: &&String| !entries.iter().chain(&releases).any(|(n, _)| n == *name);
    let lacking: Vec<_> = audit
        .entry
        .iter()
        .chain(&audit.release)
        .filter(found)
        .collect();
    let mut notes = Vec::new();
    match lacking.first() {
        Some(name) if own => {
            return Err(Error::Usage(format!(
                "[audit] names the symbol {name}, and {} has none of that name",
                hypervisor.file.display()
            )));
        }
        Some(name) => notes.push(format!(
            "{} has no symbol {name}: the machine is looked at as the guest's exits come",
            hypervisor.file.display()
        )),
        None => {}
    }
    let mut texts = Vec::new();
    if let Some(image) = image.as_ref().filter(|_| audit.texts) {
        // Where it lies in the machine is found out at an entry.
        if entries.is_empty() {
            notes
                .push("the hypervisor's text is not compared: no entry of a guest is known".into());
        } else {
            texts.extend(image.texts(HYPERVISOR, |_| Place::Virtual));
        }
    }
    if let Some(((name, program), base)) = guest.zip(audit.guest_at)
        && let Some(elf) = Elf::parse(&program.bytes)
    {
        let lowest = elf.lowest();
        let place = |physical: u64| Place::Gpa(base.wrapping_add(physical - lowest));
        texts.extend(elf.texts(name, place));
    }
    let mut expected = audit.expected.clone();
    let symbols = entries.iter().chain(&releases);
    expected.symbols = symbols.map(|(name, _)| name.clone()).collect();
    expected.texts = texts.iter().map(|text| text.of.clone()).collect();
    expected.texts.dedup();
    let plan = AuditPlan {
        arch,
        entries,
        releases,
        every: audit.every,
        registers: expected.registers.keys().cloned().collect(),
        image: image.map(|image| image.spans()).unwrap_or_default(),
        texts,
        ram: None,
    };
    Ok(Planned {
        plan,
        expected,
        notes,
    })
}

/// A segment that is loaded: its addresses, its size in memory, what the file has of it, and whether it
/// is executed.
struct Segment {
    address: u64,
    physical: u64,
    size: u64,
    bytes: Vec<u8>,
    executable: bool,
}

/// A program that is an ELF file.
struct Elf<'b> {
    file: ElfFile64<'b, Endianness>,
    segments: Vec<Segment>,
}

impl<'b> Elf<'b> {
    fn parse(bytes: &'b [u8]) -> Option<Self> {
        let file = ElfFile64::<Endianness>::parse(bytes).ok()?;
        let endian = file.endian();
        let headers = file.elf_header().program_headers(endian, bytes).ok()?;
        let segments = headers
            .iter()
            .filter(|header| header.p_type(endian) == PT_LOAD);
        let segments = segments.map(|header| {
            Some(Segment {
                address: header.p_vaddr(endian),
                physical: header.p_paddr(endian),
                size: header.p_memsz(endian),
                bytes: header.data(endian, bytes).ok()?.to_vec(),
                executable: header.p_flags(endian) & PF_X != 0,
            })
        });
        let segments = segments.collect::<Option<Vec<_>>>()?;
        Some(Self { file, segments })
    }

    fn symbol(&self, name: &str) -> Option<u64> {
        let mut symbols = self.file.symbols();
        let symbol = symbols.find(|symbol| symbol.name() == Ok(name) && !symbol.is_undefined())?;
        Some(symbol.address())
    }

    /// The code from an address on, at most so much as a world switch has.
    fn code_at(&self, address: u64) -> &[u8] {
        const MOST: usize = 4096;
        let segment = self.segments.iter().find_map(|segment| {
            let offset = usize::try_from(address.checked_sub(segment.address)?).ok()?;
            segment.bytes.get(offset..)
        });
        let code = segment.unwrap_or_default();
        &code[..code.len().min(MOST)]
    }

    /// Where all of it lies. Segments of no size, and those without an address (of thread-local data), lie
    /// nowhere.
    fn spans(&self) -> Vec<Span> {
        let lie = |segment: &&Segment| segment.size > 0 && segment.address != 0;
        let segments = self.segments.iter().filter(lie);
        segments
            .map(|segment| Span::new(segment.address, segment.size))
            .collect()
    }

    /// The lowest physical address of what the file holds: where a flat image begins.
    fn lowest(&self) -> u64 {
        let held = self
            .segments
            .iter()
            .filter(|segment| !segment.bytes.is_empty());
        held.map(|segment| segment.physical).min().unwrap_or(0)
    }

    fn texts(&self, of: &str, place: impl Fn(u64) -> Place) -> impl Iterator<Item = TextWanted> {
        let executable = |segment: &&Segment| segment.executable && !segment.bytes.is_empty();
        let segments = self.segments.iter().filter(executable);
        segments.map(move |segment| TextWanted {
            of: of.to_owned(),
            address: segment.address,
            bytes: segment.bytes.clone(),
            place: place(segment.physical),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::image::tests::elf;
    use super::*;
    use crate::judge::audit::Isa;
    use std::collections::BTreeMap;

    #[test]
    fn the_text_of_an_image_without_an_entry_is_not_asked_for() {
        let hypervisor = Part {
            file: "theirs".into(),
            bytes: elf(&[(0x8020_0000, b"code")]),
        };
        let mut audit = Audit {
            expected: Expected {
                isa: Isa::Riscv64,
                windows: Vec::new(),
                registers: BTreeMap::new(),
                ports: Vec::new(),
                msrs: Vec::new(),
                symbols: Vec::new(),
                texts: Vec::new(),
            },
            entry: vec!["enter".into()],
            release: Vec::new(),
            every: None,
            guest_at: None,
            texts: true,
        };
        let not_compared = "the hypervisor's text is not compared: no entry of a guest is known";
        let lacking =
            "theirs has no symbol enter: the machine is looked at as the guest's exits come";
        let told = |audit: &Audit| {
            let planned = plan(Arch::Riscv64, audit, false, &hypervisor, None).unwrap();
            assert!(planned.plan.texts.is_empty() && planned.expected.texts.is_empty());
            planned.notes
        };
        assert_eq!(told(&audit), [lacking, not_compared]);
        // One of the workspace's own has to have it.
        assert!(plan(Arch::Riscv64, &audit, true, &hypervisor, None).is_err());
        audit.entry = Vec::new();
        assert_eq!(told(&audit), [not_compared]);
        audit.texts = false;
        assert_eq!(told(&audit), [""; 0]);
    }
}
