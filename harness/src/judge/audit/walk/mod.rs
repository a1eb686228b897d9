//! Walks radix tables, whatever their format.
//!
//! Tables are read whole, from the root down, by guest-physical address. What is read and kept is bounded:
//! tables can name themselves, and a guest that writes to its own tables can make them as wild as it likes.

use super::{Access, Machine, Mapping, Span};
use std::collections::BTreeSet;

/// The most bytes of tables that are read: 65,536 pages.
const READ_LIMIT: u64 = 65_536 * 4096;

/// The most mappings that are kept, neighbours joined.
const MAPPINGS_KEPT: usize = 4096;

/// The most places of tables that are kept, neighbours joined.
const TABLES_KEPT: usize = 4096;

/// The most gaps that are told.
const GAPS_TOLD: usize = 16;

/// The format of a second stage's tables. Levels are counted from the last one, which is 0, up.
pub(super) trait Format {
    /// How many bytes an entry of that level stands for, as a power of two.
    fn shift(&self, level: u8) -> u32;

    /// How many bytes a table has that is not the root.
    fn table_size(&self) -> u64;

    /// What an entry says.
    ///
    /// `gpa` is the first guest-physical address that it stands for, and `inherited` what the tables on
    /// the way to it allow.
    fn decode(&self, entry: u64, level: u8, gpa: u64, inherited: Access) -> Entry;
}

/// What an entry of a table says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    /// Whoever comes here faults.
    Fault,
    /// Where the next table lies, and what may be done behind it.
    Table(u64, Access),
    /// Where the memory starts, and what may be done there.
    Leaf(u64, Access),
}

/// A table, and what it stands for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table {
    /// Where it lies.
    pub hpa: u64,
    /// How many bytes it has.
    pub size: u64,
    /// The level of its entries.
    pub level: u8,
    /// The first guest-physical address that it stands for.
    pub gpa: u64,
    /// What the tables on the way to it allow.
    pub access: Access,
}

/// What a walk has found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// By guest-physical address, neighbours joined.
    pub mappings: Vec<Mapping>,
    /// Where the tables lie, joined.
    pub tables: Vec<Span>,
    /// What kept parts from being walked.
    pub gaps: Vec<String>,
}

/// Walks all that a root leads to.
pub(super) fn walk(machine: &mut dyn Machine, format: &dyn Format, root: Table) -> Found {
    let mut walker = Walker {
        machine,
        format,
        read: 0,
        over: false,
        tables: BTreeSet::new(),
        found: Found::default(),
    };
    walker.table(root);
    let mut found = walker.found;
    found.tables = joined(walker.tables);
    if found.tables.len() > TABLES_KEPT {
        found.tables.truncate(TABLES_KEPT);
        found.gaps.push(format!(
            "the tables lie in more than {TABLES_KEPT} places, and the rest was not kept"
        ));
    }
    found
}

struct Walker<'a> {
    machine: &'a mut dyn Machine,
    format: &'a dyn Format,
    /// How many bytes have been read.
    read: u64,
    /// Whether a bound has ended the walk.
    over: bool,
    tables: BTreeSet<(u64, u64)>,
    found: Found,
}

impl Walker<'_> {
    fn table(&mut self, table: Table) {
        self.tables.insert((table.hpa, table.size));
        let Some(bytes) = self.bytes(table) else {
            return;
        };
        let step = 1 << self.format.shift(table.level);
        let mut gpa = table.gpa;
        for entry in bytes.chunks_exact(8) {
            let entry = u64::from_le_bytes(entry.try_into().expect("eight bytes"));
            self.entry(entry, table, gpa);
            if self.over {
                return;
            }
            gpa += step;
        }
    }

    fn entry(&mut self, entry: u64, table: Table, gpa: u64) {
        let decoded = self.format.decode(entry, table.level, gpa, table.access);
        match decoded {
            Entry::Leaf(hpa, access) if access != Access::NONE => self.keep(Mapping {
                gpa,
                hpa,
                size: 1 << self.format.shift(table.level),
                access,
            }),
            // No way through: what is behind it is nobody's.
            Entry::Table(_, Access::NONE) | Entry::Fault | Entry::Leaf(..) => {}
            Entry::Table(hpa, access) => {
                // A format gives none but leaves and faults at the last level.
                let Some(level) = table.level.checked_sub(1) else {
                    return;
                };
                let size = self.format.table_size();
                self.table(Table {
                    hpa,
                    size,
                    level,
                    gpa,
                    access,
                });
            }
        }
    }

    /// The bytes of a table; none if that is a gap.
    fn bytes(&mut self, table: Table) -> Option<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(table.size).ok()?];
        self.read += table.size;
        if self.read > READ_LIMIT {
            self.over = true;
            self.found.gaps.push(format!(
                "the tables have more than {} MiB, and the rest was not read",
                READ_LIMIT >> 20
            ));
            return None;
        }
        if let Err(why) = self.machine.read(table.hpa, &mut bytes) {
            self.unreadable(table, &why.0);
            return None;
        }
        Some(bytes)
    }

    fn unreadable(&mut self, table: Table, why: &str) {
        if self.found.gaps.len() == GAPS_TOLD {
            self.over = true;
            self.found.gaps.push("more tables cannot be read".into());
            return;
        }
        let size = (table.size / 8) << self.format.shift(table.level);
        let behind = Span::new(table.gpa, size);
        self.found.gaps.push(format!(
            "the table at HPA {:#x}, for GPA {behind}, cannot be read: {why}",
            table.hpa
        ));
    }

    /// Keeps a mapping, as a part of the last one if it goes on where that ends.
    fn keep(&mut self, next: Mapping) {
        let mappings = &mut self.found.mappings;
        if let Some(last) = mappings.last_mut() {
            let goes_on = last.gpa + last.size == next.gpa
                && last.hpa + last.size == next.hpa
                && last.access == next.access;
            if goes_on {
                last.size += next.size;
                return;
            }
        }
        if mappings.len() == MAPPINGS_KEPT {
            self.over = true;
            self.found.gaps.push(format!(
                "there are more than {MAPPINGS_KEPT} mappings; those from GPA {:#x} on were not read",
                next.gpa
            ));
            return;
        }
        mappings.push(next);
    }
}

/// Spans of these starts and sizes, those that touch joined.
pub(super) fn joined(pieces: impl IntoIterator<Item = (u64, u64)>) -> Vec<Span> {
    let mut pieces: Vec<_> = pieces.into_iter().collect();
    pieces.sort_unstable();
    let mut joined: Vec<Span> = Vec::new();
    for (start, size) in pieces {
        let piece = Span::new(start, size);
        match joined.last_mut() {
            Some(last) if last.end() >= piece.start => {
                *last = Span::between(last.start, last.end().max(piece.end()));
            }
            _ => joined.push(piece),
        }
    }
    joined
}

#[cfg(test)]
mod tests;
