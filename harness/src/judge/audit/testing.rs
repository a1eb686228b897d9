//! A machine for tests, and chance that can be had again.

use super::{Access, Machine, Mapping, Region, RegionKind, Span, Unreadable};
use std::collections::BTreeMap;

/// Where the memory of a [`Fake`] starts; it has 1 GiB.
pub const RAM: u64 = 0x8000_0000;
const RAM_END: u64 = RAM + (1 << 30);

/// A part of a machine's memory map, at the beginning of what is behind it.
pub fn region(start: u64, size: u64, kind: RegionKind, name: &str) -> Region {
    Region {
        span: Span::new(start, size),
        kind,
        name: name.into(),
        offset: 0,
    }
}

/// A machine of so much RAM, zero where nothing was put, and of what was put elsewhere.
#[derive(Debug, Default)]
pub struct Fake {
    words: BTreeMap<u64, u64>,
    pub registers: BTreeMap<&'static str, u64>,
}

impl Fake {
    pub fn with(registers: &[(&'static str, u64)]) -> Self {
        Self {
            registers: registers.iter().copied().collect(),
            ..Self::default()
        }
    }

    /// Puts the n-th entry of a table, or the n-th word of what lies there.
    pub fn put(&mut self, table: u64, nth: u64, entry: u64) {
        self.words.insert(table + 8 * nth, entry);
    }

    /// What was put there.
    pub fn word(&self, hpa: u64) -> u64 {
        self.words.get(&hpa).copied().unwrap_or(0)
    }

    /// Which entries of a table are not zero.
    pub fn entries(&self, table: u64, size: u64) -> Vec<u64> {
        let put = self.words.range(table..table + size);
        put.map(|(at, _)| (at - table) / 8).collect()
    }
}

impl Machine for Fake {
    fn read(&mut self, hpa: u64, into: &mut [u8]) -> Result<(), Unreadable> {
        let end = hpa.saturating_add(into.len() as u64);
        let is_ram = hpa >= RAM && end <= RAM_END;
        if !is_ram && self.words.range(hpa..end).next().is_none() {
            return Err(Unreadable("no memory is there".into()));
        }
        into.fill(0);
        for (at, word) in self.words.range(hpa..end) {
            let at = (at - hpa) as usize;
            into[at..at + 8].copy_from_slice(&word.to_le_bytes());
        }
        Ok(())
    }

    fn register(&mut self, name: &str) -> Result<Option<u64>, Unreadable> {
        Ok(self.registers.get(name).copied())
    }
}

/// Xorshift.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        (self.next() >> 11) % bound
    }

    /// Whether it happens, once in so many times.
    pub fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    pub fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }
}

/// Accesses by their letters.
pub fn access(letters: &str) -> Access {
    Access::try_from(letters.to_owned()).expect("letters of an access")
}

pub fn mapping(gpa: u64, hpa: u64, size: u64, letters: &str) -> Mapping {
    Mapping {
        gpa,
        hpa,
        size,
        access: access(letters),
    }
}

/// Where an address leads by these mappings, and what may be done there.
pub fn look_up(mappings: &[Mapping], gpa: u64) -> Option<(u64, Access)> {
    let mut at = mappings
        .iter()
        .filter(|m| m.gpa <= gpa && gpa - m.gpa < m.size);
    let found = at.next().map(|m| (m.hpa + (gpa - m.gpa), m.access));
    assert!(at.next().is_none(), "{gpa:#x} is mapped twice");
    found
}

/// A table of a pool, and what an entry there stands for.
#[derive(Debug, Clone, Copy)]
pub struct Level {
    /// Which bits of an address choose an entry.
    pub shift: u32,
    /// How many.
    pub bits: u32,
}

/// Random tables: a root and a few others that name each other, or nothing that makes sense.
///
/// `entry` makes one entry, of one of these tables.
pub fn random_tables(
    machine: &mut Fake,
    random: &mut Random,
    (root, root_entries): (u64, u64),
    (tables, entries): (&[u64], u64),
    mut entry: impl FnMut(&mut Random) -> u64,
) {
    let all = std::iter::once((root, root_entries)).chain(tables.iter().map(|at| (*at, entries)));
    for (table, entries) in all {
        for _ in 0..1 + random.below(3) {
            let first = random.below(entries);
            // Neighbours that may go on where the one before ends.
            let run = if random.once_in(3) { 3 } else { 1 };
            let base = entry(random);
            for nth in 0..run.min(entries - first) {
                let entry = if random.once_in(2) {
                    base
                } else {
                    entry(random)
                };
                machine.put(table, first + nth, entry);
            }
        }
    }
}

/// Addresses that lead through the entries of such tables, and some that need not.
pub fn addresses(
    machine: &Fake,
    random: &mut Random,
    root: (u64, u64),
    tables: (&[u64], u64),
    levels: &[Level],
) -> Vec<u64> {
    let used: Vec<Vec<u64>> = std::iter::once(machine.entries(root.0, root.1 * 8))
        .chain(tables.0.iter().map(|at| machine.entries(*at, tables.1 * 8)))
        .collect();
    let mut found = Vec::new();
    for _ in 0..300 {
        let mut gpa = random.below(1 << 12);
        for (nth, level) in levels.iter().enumerate() {
            let from = if nth == 0 {
                &used[0]
            } else {
                &used[random.below(used.len() as u64) as usize]
            };
            let nearby = random.below(8);
            let index = match nearby {
                0 => random.below(1 << level.bits),
                1 => random.one_of(from) + 1,
                _ => random.one_of(from),
            };
            gpa |= (index & ((1 << level.bits) - 1)) << level.shift;
        }
        found.push(gpa);
    }
    found
}

/// Whether no bound has ended a walk.
pub fn is_whole(gaps: &[String]) -> bool {
    gaps.iter().all(|gap| gap.starts_with("the table at "))
}

/// What a walk has found is what translating each address gives: for addresses that lead through the
/// tables, and at the ends of what was found.
pub fn same_as_translated(
    mappings: &[Mapping],
    addresses: Vec<u64>,
    translate: impl Fn(u64) -> Option<(u64, Access)>,
) -> usize {
    let ends = mappings.iter().flat_map(|m| {
        [
            m.gpa.wrapping_sub(1),
            m.gpa,
            m.gpa + m.size - 1,
            m.gpa + m.size,
        ]
    });
    let mut mapped = 0;
    for gpa in addresses.into_iter().chain(ends) {
        let translated = translate(gpa);
        assert_eq!(look_up(mappings, gpa), translated, "GPA {gpa:#x}");
        mapped += usize::from(translated.is_some());
    }
    mapped
}
