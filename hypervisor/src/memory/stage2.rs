//! Radix page tables for the second stage: one walk for every format with 4 KiB pages and 512 entries
//! per table (Sv39x4, AMD nested paging, VMSAv8-64 Stage-2). The format defines the entries.
//!
//! An entry that maps is never overwritten. It must be unmapped first, which clears it and then drops
//! it from the TLBs. So no TLB ever sees two mappings for one address (break before make).

use alloc::collections::BTreeMap;
use core::marker::PhantomData;

use crate::{
    memory::addr::{Gpa, Hpa, PAGE},
    memory::mapping::{Kind, MapError, Permits, Translation},
    memory::pages::Region,
};

/// How a format encodes its entries.
pub trait Format {
    /// Number of levels; level 0 holds the leaves of 4 KiB.
    const LEVELS: u32;
    /// How many bits the root's index has beyond 9 (Sv39x4: 2, so the root is four pages).
    const ROOT_EXTRA_BITS: u32;

    /// An entry that maps memory at `hpa`. `level` is 0 for a page and 1 for a block of 2 MiB.
    fn leaf(hpa: Hpa, level: u32, permits: Permits, kind: Kind) -> u64;

    /// An entry that points to the next table, at `hpa`.
    fn table(hpa: Hpa) -> u64;

    /// The address of the table that `entry` points to; `None` for a leaf.
    fn next_table(entry: u64) -> Option<Hpa>;
}

/// Makes the CPU notice changed entries.
pub trait Flush {
    /// Makes entries that were just written visible to the walker.
    fn publish() {}

    /// Drops the page at `gpa` from the TLBs. Its entry was just cleared; neither its memory nor its
    /// entry is used for anything else before this.
    fn invalidate(gpa: Gpa);
}

/// The tables of one guest. This owns every table, so dropping it frees them all, and a walk can only
/// touch memory that is a table.
pub struct Tables<F> {
    root: Region,
    /// All tables but the root, by their addresses.
    tables: BTreeMap<Hpa, Region>,
    format: PhantomData<F>,
}

impl<F: Format> Tables<F> {
    /// The first address that the tables cannot express.
    pub const LIMIT: Gpa = Gpa::new(1 << (12 + 9 * F::LEVELS + F::ROOT_EXTRA_BITS));

    /// Tables that map nothing. The root is aligned to its size, as the formats require.
    pub fn new() -> Result<Self, MapError> {
        let pages = 1usize << F::ROOT_EXTRA_BITS;
        let root = Region::new(pages, pages as u64 * PAGE).ok_or(MapError::OutOfMemory)?;
        Ok(Self {
            root,
            tables: BTreeMap::new(),
            format: PhantomData,
        })
    }

    /// The address of the root.
    pub fn root(&self) -> Hpa {
        self.root.hpa()
    }

    /// The entry for `gpa` at `level`; creates missing tables above it.
    fn entry(&mut self, gpa: Gpa, level: u32) -> Result<&mut u64, MapError> {
        let mut at = F::LEVELS - 1;
        let mut table = None;
        while at > level {
            let index = index::<F>(gpa, at);
            let found = self.words(table)[index];
            let next = match found {
                0 => self.grow(table, index)?,
                entry => F::next_table(entry).ok_or(MapError::Misuse)?,
            };
            table = Some(next);
            at -= 1;
        }
        Ok(&mut self.words(table)[index::<F>(gpa, level)])
    }

    /// The leaf that maps `gpa` and its level, if there is one.
    fn leaf(&mut self, gpa: Gpa) -> Option<(&mut u64, u32)> {
        let mut table = None;
        for level in (0..F::LEVELS).rev() {
            let index = index::<F>(gpa, level);
            match self.words(table)[index] {
                0 => return None,
                entry if level > 0 && F::next_table(entry).is_some() => {
                    table = F::next_table(entry);
                }
                _ => return Some((&mut self.words(table)[index], level)),
            }
        }
        None
    }

    /// Links a new table into `table[index]` and returns its address.
    fn grow(&mut self, table: Option<Hpa>, index: usize) -> Result<Hpa, MapError> {
        let new = Region::new(1, PAGE).ok_or(MapError::OutOfMemory)?;
        let hpa = new.hpa();
        self.tables.insert(hpa, new);
        self.words(table)[index] = F::table(hpa);
        Ok(hpa)
    }

    fn words(&mut self, table: Option<Hpa>) -> &mut [u64] {
        match table {
            None => self.root.words_mut(),
            Some(hpa) => self
                .tables
                .get_mut(&hpa)
                .expect("entries point to our tables")
                .words_mut(),
        }
    }
}

/// The bytes that one entry at `level` maps.
const fn span(level: u32) -> u64 {
    PAGE << (9 * level)
}

/// Whether the tables can express all of `size` bytes at `gpa`.
fn reaches<F: Format>(gpa: Gpa, size: u64) -> bool {
    gpa.checked_add(size)
        .is_some_and(|end| end <= Tables::<F>::LIMIT)
}

fn index<F: Format>(gpa: Gpa, level: u32) -> usize {
    let bits = if level + 1 == F::LEVELS {
        9 + F::ROOT_EXTRA_BITS
    } else {
        9
    };
    ((gpa.get() >> (12 + 9 * level)) & ((1 << bits) - 1)) as usize
}

impl<F: Format + Flush> Translation for Tables<F> {
    fn map(
        &mut self,
        gpa: Gpa,
        hpa: Hpa,
        size: u64,
        permits: Permits,
        kind: Kind,
    ) -> Result<(), MapError> {
        if !gpa.is_page_aligned() || !hpa.is_page_aligned() || !size.is_multiple_of(PAGE) {
            return Err(MapError::Misuse);
        }
        if !reaches::<F>(gpa, size) {
            return Err(MapError::OutOfRange);
        }
        let mut done = 0;
        while done < size {
            let gpa = gpa.checked_add(done).ok_or(MapError::OutOfRange)?;
            let hpa = hpa.checked_add(done).ok_or(MapError::OutOfRange)?;
            let block = span(1);
            let fits = gpa.is_aligned_to(block) && hpa.is_aligned_to(block) && size - done >= block;
            let level = u32::from(fits);
            let entry = self.entry(gpa, level)?;
            if *entry != 0 {
                return Err(MapError::Misuse);
            }
            *entry = F::leaf(hpa, level, permits, kind);
            done += span(level);
        }
        F::publish();
        Ok(())
    }

    fn unmap(&mut self, gpa: Gpa, size: u64) -> Result<(), MapError> {
        if !reaches::<F>(gpa, size) {
            return Err(MapError::OutOfRange);
        }
        let mut done = 0;
        while done < size {
            let gpa = gpa.checked_add(done).ok_or(MapError::OutOfRange)?;
            let (entry, level) = self.leaf(gpa).ok_or(MapError::Misuse)?;
            if !gpa.is_aligned_to(span(level)) || size - done < span(level) {
                return Err(MapError::Misuse); // part of a block
            }
            *entry = 0;
            F::invalidate(gpa);
            done += span(level);
        }
        Ok(())
    }
}
