//! Random tables of three levels, as the hypervisor has them, some of whose entries are noise.

use super::Stopped;
use harness::Arch;

/// Where in that the random tables lie: behind everything that the hypervisor uses.
const TABLES: u64 = 112 << 20;

/// How many tables there are of each level but the root's.
const TABLES_OF_A_LEVEL: u64 = 8;

/// The entries of a table that say anything, and more of them in the root.
const ENTRIES: [u64; 8] = [0, 1, 2, 16, 255, 256, 510, 511];
const ENTRIES_OF_A_LARGE_ROOT: [u64; 3] = [600, 1024, 2047];

/// Numbers that look random and are the same in each run (Marsaglia's xorshift).
pub struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn of(&mut self, list: &[u64]) -> u64 {
        list[self.below(list.len() as u64) as usize]
    }
}

/// The entries that a root may have.
fn entries_of_root(arch: Arch) -> Vec<u64> {
    match arch {
        Arch::Riscv64 => [&ENTRIES[..], &ENTRIES_OF_A_LARGE_ROOT].concat(),
        _ => ENTRIES.into(),
    }
}

/// Has tables of three levels put in the place of the hypervisor's.
pub fn make_tables(machine: &Stopped, random: &mut Random) {
    let mut place = machine.base() + TABLES;
    let mut below = Vec::new();
    for level in 0..2 {
        let tables: Vec<_> = (0..TABLES_OF_A_LEVEL)
            .map(|nth| place + (nth << 12))
            .collect();
        for &table in &tables {
            let mut entries = vec![0; 512];
            for at in ENTRIES {
                entries[at as usize] = entry(machine.arch, level, &below, random);
            }
            machine.write(table, &entries);
        }
        place += TABLES_OF_A_LEVEL << 12;
        below = tables;
    }
    let size = if machine.arch == Arch::Riscv64 {
        2048
    } else {
        512
    };
    let mut entries = vec![0; size];
    for at in entries_of_root(machine.arch) {
        entries[at as usize] = entry(machine.arch, 2, &below, random);
    }
    machine.write(machine.root(), &entries);
}

/// An entry of a table: one in four is noise.
fn entry(arch: Arch, level: u32, below: &[u64], random: &mut Random) -> u64 {
    let noise = random.below(4) == 0;
    let to_table = level > 0 && random.below(2) == 0;
    let bits = random.next();
    let aligned = !((1_u64 << (12 + 9 * level)) - 1);
    match arch {
        Arch::Riscv64 => {
            // What the processor may do or not is left out, since the walker takes what allows more: Svpbmt and Svnapot
            // (bits 61 to 63), and A and D, which it may set itself, are set.
            const V: u64 = 1;
            const RWX: u64 = 7 << 1;
            const U: u64 = 1 << 4;
            const A_AND_D: u64 = 3 << 6;
            const ADDRESS: u64 = (1 << 44) - 1;
            if to_table {
                let flags = if noise { bits & (U | A_AND_D) } else { 0 };
                return random.of(below) >> 12 << 10 | flags | V;
            }
            let alignment = if noise { !0 } else { aligned >> 12 };
            let address = bits >> 20 & ADDRESS & alignment;
            let mut flags = bits & RWX | A_AND_D | V | U;
            if noise {
                flags ^= U & bits | (bits << 30 & 0x7f << 54);
            }
            // Without a right it would be a table.
            let flags = if flags & RWX == 0 { flags | 2 } else { flags };
            address << 10 | flags
        }
        _ => {
            const VALID: u64 = 1;
            const TABLE_OR_PAGE: u64 = 2;
            const AF: u64 = 1 << 10;
            if to_table {
                let flags = if noise { bits & !((1 << 59) - 1) } else { 0 };
                return random.of(below) | flags | VALID | TABLE_OR_PAGE;
            }
            let kind = if level == 0 {
                VALID | TABLE_OR_PAGE
            } else {
                VALID
            };
            // The machine's addresses have 40 bits, by VTCR_EL2.PS. AF is set: QEMU passes it over where it
            // only translates.
            let address = bits >> 8 & ((1 << 40) - 1) & aligned;
            let attributes = bits & (0x3f << 2 | 3 << 6 | 3 << 8);
            if noise {
                let upper = bits & !((1 << 50) - 1);
                let bad = [0, 1 << 40, 1 << 47, VALID];
                return (address | attributes | upper | AF | kind) ^ random.of(&bad);
            }
            address | attributes | AF | kind
        }
    }
}

/// An address behind entries that say something.
pub fn address(arch: Arch, random: &mut Random) -> u64 {
    let root = random.of(&entries_of_root(arch));
    let tables = random.of(&ENTRIES) << 21 | random.of(&ENTRIES) << 12;
    root << 30 | tables | random.below(4096)
}
