//! The machine as the judge reads it: from the file that is its RAM, and from what the stub was asked.
//! The judge cannot wait for an answer, so what is missing is noted down, and it reads again once that is
//! there.

use super::{RAM_ID, Ram};
use crate::judge::audit::{Machine, RegionKind, Regions, Unreadable};
use std::collections::{BTreeMap, BTreeSet};

/// What the stub is asked for at once.
pub(super) const PAGE: u64 = 4096;

/// How many pages are asked for while a machine stands.
pub(super) const PAGES: usize = 4096;

/// What is known of a machine that stands still.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) registers: BTreeMap<String, Result<Option<u64>, String>>,
    /// Pages by their addresses.
    pub(super) pages: BTreeMap<u64, Result<Vec<u8>, String>>,
}

/// A machine that stands still.
#[derive(Debug)]
pub(super) struct View<'a> {
    pub(super) ram: Option<&'a Ram>,
    pub(super) regions: &'a Regions,
    pub(super) known: &'a Known,
    /// What was asked for and is not known.
    pub(super) registers: BTreeSet<String>,
    pub(super) pages: BTreeSet<u64>,
}

impl<'a> View<'a> {
    pub(super) fn new(ram: Option<&'a Ram>, regions: &'a Regions, known: &'a Known) -> Self {
        Self {
            ram,
            regions,
            known,
            registers: BTreeSet::new(),
            pages: BTreeSet::new(),
        }
    }

    /// Reads up to where another kind of memory begins; says how far it came.
    fn read_piece(&mut self, hpa: u64, into: &mut [u8]) -> Result<usize, Unreadable> {
        let region = self.regions.at(hpa);
        let region = region.filter(|region| region.kind != RegionKind::Device);
        let Some(region) = region else {
            let owner = self
                .regions
                .at(hpa)
                .map(|region| format!(", but {}", region.name));
            let owner = owner.unwrap_or_default();
            return Err(Unreadable(format!("{hpa:#x} is no memory{owner}")));
        };
        let inside = hpa - region.span.start;
        let room = usize::try_from(region.span.size - inside).unwrap_or(usize::MAX);
        let length = into.len().min(room);
        let into = &mut into[..length];
        match self.ram {
            Some(ram) if region.name == RAM_ID => {
                let offset = region.offset.saturating_add(inside);
                let read = ram.read(offset, into);
                read.map_err(|error| Unreadable(format!("the RAM at {hpa:#x}: {error}")))?;
                Ok(length)
            }
            _ => self.read_page(hpa, into),
        }
    }

    /// Reads up to the end of a page.
    fn read_page(&mut self, hpa: u64, into: &mut [u8]) -> Result<usize, Unreadable> {
        let page = hpa / PAGE * PAGE;
        let from = (hpa - page) as usize;
        match self.known.pages.get(&page) {
            None => {
                self.pages.insert(page);
                Err(Unreadable(format!("{page:#x} was not asked for yet")))
            }
            Some(Err(why)) => Err(Unreadable(why.clone())),
            Some(Ok(bytes)) => {
                let bytes = bytes.get(from..).unwrap_or_default();
                let length = into.len().min(bytes.len());
                into[..length].copy_from_slice(&bytes[..length]);
                Ok(length)
            }
        }
    }
}

impl Machine for View<'_> {
    fn read(&mut self, hpa: u64, into: &mut [u8]) -> Result<(), Unreadable> {
        let mut done = 0;
        while done < into.len() {
            let at = hpa.checked_add(done as u64);
            let at = at.ok_or_else(|| Unreadable("it lies beyond the last address".into()))?;
            match self.read_piece(at, &mut into[done..])? {
                0 => return Err(Unreadable(format!("there is nothing at {at:#x}"))),
                length => done += length,
            }
        }
        Ok(())
    }

    fn register(&mut self, name: &str) -> Result<Option<u64>, Unreadable> {
        match self.known.registers.get(name) {
            Some(value) => value.clone().map_err(Unreadable),
            None => {
                self.registers.insert(name.to_owned());
                Err(Unreadable(format!("{name} was not asked for yet")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::audit::{Region, Span};
    use std::fs::File;
    use std::os::unix::fs::FileExt;

    fn region(start: u64, size: u64, kind: RegionKind, name: &str, offset: u64) -> Region {
        let (span, name) = (Span::new(start, size), name.into());
        Region {
            span,
            kind,
            name,
            offset,
        }
    }

    #[test]
    fn memory_is_read_from_wherever_it_is() {
        let (ram, file) = Ram::new(0x4000).unwrap();
        File::from(file).write_all_at(&[7; 0x2000], 0x2000).unwrap();
        let regions = Regions::new(vec![
            region(0x0, 0x1000, RegionKind::Device, "serial", 0),
            region(0x1000, 0x1000, RegionKind::Rom, "flash", 0),
            region(0x2000, 0x2000, RegionKind::Ram, RAM_ID, 0x2000),
        ]);
        let mut known = Known::default();
        let mut bytes = [0; 0x20];
        let mut view = View::new(Some(&ram), &regions, &known);
        view.read(0x2ff0, &mut bytes).unwrap();
        assert_eq!(bytes, [7; 0x20]);
        let words = |result: Result<(), Unreadable>| result.unwrap_err().0;
        assert!(words(view.read(0x3ff0, &mut bytes)).contains("0x4000 is no memory"));
        assert!(words(view.read(0x800, &mut bytes)).contains("but serial"));
        assert!(view.read(u64::MAX, &mut bytes).is_err());
        assert!(view.pages.is_empty());
        // From the flash into the RAM: the flash has to be asked for first.
        assert!(view.read(0x1ff0, &mut bytes).is_err());
        assert_eq!(view.pages, BTreeSet::from([0x1000]));
        known.pages.insert(0x1000, Ok(vec![3; 0x1000]));
        View::new(Some(&ram), &regions, &known)
            .read(0x1ff0, &mut bytes)
            .unwrap();
        assert_eq!(bytes, [[3; 0x10], [7; 0x10]].concat()[..]);
        known.pages.insert(0x1000, Err("E14".into()));
        let mut view = View::new(None, &regions, &known);
        assert_eq!(words(view.read(0x1ff0, &mut bytes)), "E14");
        assert!(view.read(0x2000, &mut bytes).is_err());
        assert_eq!(view.pages, BTreeSet::from([0x2000]), "RAM is QEMU's");
    }
}
