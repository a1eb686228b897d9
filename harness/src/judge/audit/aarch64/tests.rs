mod stands;

use super::*;
use crate::judge::audit::testing::*;
use crate::judge::audit::{Isa, Mapping, Span, Stands, take};

/// At a multiple of the largest root there is.
const ROOT: u64 = RAM + 0x10_0000;
const MIDDLE: u64 = RAM + 0x20_0000;
const LAST: u64 = RAM + 0x21_0000;

const VM: u64 = 1;
const TABLE: u64 = 3;
const PAGE: u64 = 3;
const BLOCK: u64 = 1;
const AF: u64 = 1 << 10;
const READ: u64 = 1 << 6;
const WRITE: u64 = 1 << 7;
const XN: u64 = 2 << 53;

/// 39 bits from level 1 in pages of 4 KiB, 40 bits of output: what many hypervisors have.
const VTCR: u64 = 25 | 1 << 6 | 2 << 16 | 1 << 31;

fn machine(vtcr: u64) -> Fake {
    Fake::with(&[
        ("HCR_EL2", VM),
        ("VTTBR_EL2", 5 << 48 | ROOT | 1),
        ("VTCR_EL2", vtcr),
    ])
}

/// A machine whose tables lead to [`LAST`].
fn with_last(vtcr: u64) -> Fake {
    let mut machine = machine(vtcr);
    machine.put(ROOT, 1, MIDDLE | TABLE);
    machine.put(MIDDLE, 0, LAST | TABLE);
    machine
}

fn walk(machine: &mut Fake) -> Walked {
    let hint = Hint {
        stands: Stands::Entering,
        ..Hint::default()
    };
    take(Isa::Aarch64, machine, &hint).expect("readable")
}

fn mappings(machine: &mut Fake) -> Vec<Mapping> {
    let walked = walk(machine);
    assert_eq!(walked.gaps, [""; 0]);
    walked.mappings
}

#[test]
fn pages_and_blocks_are_found_and_neighbours_joined() {
    let mut machine = with_last(VTCR);
    machine.put(LAST, 0, 0x4800_0000 | PAGE | AF | READ | WRITE);
    machine.put(LAST, 1, 0x4800_1000 | PAGE | AF | READ | WRITE);
    machine.put(LAST, 2, 0x4800_2000 | PAGE | AF | READ | XN);
    machine.put(MIDDLE, 511, 0x4900_0000 | BLOCK | AF | WRITE | XN);
    machine.put(ROOT, 511, 0x4000_0000 | BLOCK | AF);
    let walked = walk(&mut machine);
    let format = "stage 2, 4 KiB granule, 39 bits from level 1";
    assert_eq!(walked.format.as_deref(), Some(format));
    assert_eq!(
        walked.mappings,
        [
            mapping(0x4000_0000, 0x4800_0000, 0x2000, "rwx"),
            mapping(0x4000_2000, 0x4800_2000, 0x1000, "r"),
            mapping(0x7fe0_0000, 0x4900_0000, 0x20_0000, "w"),
            mapping(0x7f_c000_0000, 0x4000_0000, 0x4000_0000, "x"),
        ]
    );
    let tables = [ROOT, MIDDLE, LAST].map(|at| Span::new(at, 4096));
    assert_eq!(walked.tables, tables);
}

#[test]
fn what_the_manual_reserves_is_no_way() {
    let page = 0x4800_0000 | PAGE | AF | READ | WRITE;
    let cases = [
        ("not valid", page & !1),
        ("a block at the last level", page & !2),
        ("never accessed", page & !AF),
        ("past 40 bits", page | 1 << 40),
        ("no permission", page & !(READ | WRITE) | XN),
    ];
    for (what, bad) in cases {
        let mut machine = with_last(VTCR);
        machine.put(LAST, 0, bad);
        assert_eq!(mappings(&mut machine), [], "{what}");
    }
    // Blocks of 512 GiB, and of 64 GiB in 16 KiB pages, are for LPA2 only.
    for (granule, level, size) in [(0, 2, 16), (2, 2, 20)] {
        let mut machine = machine(size | level << 6 | granule << 14 | 5 << 16);
        machine.put(ROOT, 0, BLOCK | AF | READ);
        assert_eq!(mappings(&mut machine), [], "granule {granule}");
    }
}

#[test]
fn what_the_hardware_sets_by_itself_counts_as_set() {
    const HA: u64 = 1 << 21;
    const HD: u64 = 1 << 22;
    const DBM: u64 = 1 << 51;
    let cases = [
        (0, 0, None),
        (HA, 0, Some("rx")),
        (HA, DBM, Some("rx")),
        (HA | HD, DBM, Some("rwx")),
        (HD, DBM, None),
    ];
    for (vtcr, bits, wanted) in cases {
        let mut machine = with_last(VTCR | vtcr);
        machine.put(LAST, 0, 0x4800_0000 | PAGE | READ | bits);
        let wanted = wanted.map(|may| mapping(0x4000_0000, 0x4800_0000, 0x1000, may));
        assert_eq!(mappings(&mut machine), Vec::from_iter(wanted));
    }
}

#[test]
fn execution_at_either_level_counts_as_execution() {
    for (xn, may) in [(0, "rx"), (1, "rx"), (2, "r"), (3, "rx")] {
        let mut machine = with_last(VTCR);
        machine.put(LAST, 0, 0x4800_0000 | PAGE | AF | READ | xn << 53);
        let wanted = mapping(0x4000_0000, 0x4800_0000, 0x1000, may);
        assert_eq!(mappings(&mut machine), [wanted]);
    }
}

#[test]
fn the_root_may_be_several_tables_side_by_side() {
    // 40 bits from level 1: two tables.
    let mut machine = machine(24 | 1 << 6 | 2 << 16);
    machine.put(ROOT, 1023, 0x4000_0000 | BLOCK | AF | READ);
    let walked = walk(&mut machine);
    let wanted = mapping(0xff_c000_0000, 0x4000_0000, 0x4000_0000, "rx");
    assert_eq!(walked.mappings, [wanted]);
    assert_eq!(walked.tables, [Span::new(ROOT, 0x2000)]);
}

#[test]
fn fifty_two_bits_of_output_are_pages_of_64_kib() {
    // 42 bits from level 2, one table; VTTBR's bits 5 to 2 are its address's highest.
    let mut machine = machine(22 | 1 << 6 | 1 << 14 | 6 << 16);
    machine.put(ROOT, 1, 0x2000_3000 | BLOCK | AF | READ);
    let wanted = mapping(0x2000_0000, 0x3_0000_2000_0000, 0x2000_0000, "rx");
    assert_eq!(mappings(&mut machine), [wanted]);

    machine.registers.insert("VTTBR_EL2", ROOT | 1 << 2);
    assert_eq!(
        walk(&mut machine).gaps,
        [
            "the table at HPA 0x1000080100000, for GPA 0x0..0x40000000000, cannot be read: no memory is there"
        ]
    );
}

#[test]
fn formats_that_the_audit_cannot_walk_are_gaps() {
    let gap = |vtcr| walk(&mut machine(vtcr)).gaps.join("\n");
    for (bit, name) in [(32, "DS"), (36, "S2PIE"), (38, "D128")] {
        let vtcr = VTCR | 1 << bit;
        let wanted =
            format!("VTCR_EL2 {vtcr:#x} has {name} set, a format that the audit cannot walk");
        assert_eq!(gap(vtcr), wanted);
    }
    let reserved = [
        ("a granule", 25 | 1 << 6 | 3 << 14),
        ("more than 16 tables", 20 | 1 << 6),
        ("less than one entry", 34 | 1 << 6),
        ("a level", 25 | 3 << 6 | 1 << 14),
        ("bits of output", 25 | 1 << 6 | 7 << 16),
        ("bits of input", 8 | 2 << 6),
        ("SL2 without DS", VTCR | 1 << 33),
    ];
    for (what, vtcr) in reserved {
        let wanted = format!("VTCR_EL2 {vtcr:#x} has a combination that is reserved");
        assert_eq!(gap(vtcr), wanted, "{what}");
    }
    assert_eq!(
        walk(&mut Fake::default()).gaps,
        ["the machine has no HCR_EL2, VTTBR_EL2 or VTCR_EL2: its processor has no EL2"]
    );
}

#[test]
fn without_vm_there_is_no_second_stage_unless_the_memory_is_still_the_guests() {
    let mut machine = with_last(VTCR);
    machine.put(LAST, 0, 0x4800_0000 | PAGE | AF | READ);
    let root = walk(&mut machine).root;
    machine.registers.insert("HCR_EL2", 0);
    let walked = walk(&mut machine);
    assert_eq!((walked.format, walked.mappings), (None, Vec::new()));
    for (stands, mappings) in [(Stands::Elsewhere, 0), (Stands::Releasing, 1)] {
        let hint = Hint {
            stands,
            root,
            ..Hint::default()
        };
        let walked = take(Isa::Aarch64, &mut machine, &hint).unwrap();
        assert_eq!(walked.mappings.len(), mappings, "{stands:?}");
    }
    // DC is VM as well (HCR_EL2.DC).
    machine.registers.insert("HCR_EL2", 1 << 12);
    assert_eq!(mappings(&mut machine).len(), 1);
}

/// The fields of a VTCR_EL2 by the tables of the manual, and what follows of them.
#[derive(Debug, Clone, Copy)]
struct Regime {
    vtcr: u64,
    granule: u32,
    stride: u32,
    start: u32,
    input: u32,
    output: u32,
}

impl Regime {
    /// Every one that is allowed.
    fn all() -> Vec<Self> {
        let mut all = Vec::new();
        let starts = [
            (0, 12, [2, 1, 0, 3].as_slice()),
            (2, 14, &[3, 2, 1]),
            (1, 16, &[3, 2, 1]),
        ];
        for (tg0, granule, levels) in starts {
            for (sl0, &start) in levels.iter().enumerate() {
                for (ps, output) in [32, 36, 40, 42, 44, 48, 52].into_iter().enumerate() {
                    for t0sz in 12..48 {
                        let vtcr = t0sz | (sl0 as u64) << 6 | tg0 << 14 | (ps as u64) << 16;
                        let regime = Self {
                            vtcr,
                            granule,
                            stride: granule - 3,
                            start,
                            input: 64 - t0sz as u32,
                            output: if granule == 16 {
                                output
                            } else {
                                output.min(48)
                            },
                        };
                        all.extend(regime.is_allowed().then_some(regime));
                    }
                }
            }
        }
        all
    }

    /// The lowest bit of an address that chooses an entry at a level.
    fn low(&self, level: u32) -> u32 {
        (3 - level) * self.stride + self.granule
    }

    fn is_allowed(&self) -> bool {
        // "Concatenated translation tables": up to 16, so 4 bits more than a table has.
        let chosen = self.input as i32 - self.low(self.start) as i32;
        let widest = if self.granule == 16 { 52 } else { 48 };
        (1..=self.stride as i32 + 4).contains(&chosen) && self.input <= widest
    }

    fn root_entries(&self) -> u64 {
        1 << (self.input - self.low(self.start))
    }

    fn levels(&self) -> Vec<Level> {
        let level = |level| Level {
            shift: self.low(level),
            bits: if level == self.start {
                self.input - self.low(level)
            } else {
                self.stride
            },
        };
        (self.start..=3).map(level).collect()
    }

    fn output_address(&self, descriptor: u64, low: u32) -> Option<u64> {
        let mut address = descriptor >> low << low & ((1 << 48) - 1);
        if self.output == 52 {
            address += (descriptor & 0xf000) << 36;
        }
        (address < 1 << self.output).then_some(address)
    }

    /// AArch64.S2Walk and AArch64.S2Translate, a level at a time.
    fn translate(&self, machine: &Fake, gpa: u64) -> Option<(u64, Access)> {
        if gpa >> self.input != 0 {
            return None;
        }
        let (mut table, mut high) = (ROOT, self.input);
        for level in self.start..=3 {
            let low = self.low(level);
            let index = (gpa % (1 << high)) >> low;
            let descriptor = machine.word(table + index * 8);
            high = low;
            let block_from = match self.granule {
                12 => 1,
                14 => 2,
                _ => 1,
            };
            match descriptor & 3 {
                3 if level < 3 => table = self.output_address(descriptor, self.granule)?,
                3 => return self.permissions(descriptor, gpa, low),
                1 if level < 3 && level >= block_from => {
                    return self.permissions(descriptor, gpa, low);
                }
                _ => return None,
            }
        }
        None
    }

    fn permissions(&self, descriptor: u64, gpa: u64, low: u32) -> Option<(u64, Access)> {
        let base = self.output_address(descriptor, low)?;
        let bit = |value: u64, at: u32| value >> at & 1 == 1;
        let (ha, hd) = (bit(self.vtcr, 21), bit(self.vtcr, 22));
        if !bit(descriptor, 10) && !ha {
            return None;
        }
        let access = Access {
            read: bit(descriptor, 6),
            write: bit(descriptor, 7) || bit(descriptor, 51) && ha && hd,
            // XN[1] clear: at EL0 or at both; both set: at EL1.
            execute: !bit(descriptor, 54) || bit(descriptor, 53),
        };
        let some = access.read || access.write || access.execute;
        some.then_some((base + gpa % (1 << low), access))
    }
}

fn random_entry(regime: &Regime, tables: &[u64], random: &mut Random) -> u64 {
    let mut made = if random.once_in(2) {
        random.one_of(tables) | TABLE
    } else {
        let bits = random.one_of(&[regime.output.min(48), 48]);
        let hpa = random.below(1 << bits);
        let kind = random.one_of(&[PAGE, BLOCK]);
        let permissions = (READ | WRITE) & random.next() | random.below(4) << 53;
        hpa >> 16 << 16 | kind | permissions | AF
    };
    if random.once_in(4) {
        made ^= AF | random.below(16) << 12;
    }
    if random.once_in(4) {
        made ^= 1 << random.below(64);
    }
    made
}

#[test]
fn random_tables_are_walked_as_the_manual_translates() {
    let mut random = Random(0x5ca1_ab1e_0000_0002);
    let tables = [2, 3, 4, 5, 6].map(|nth| RAM + 0x20_0000 + nth * 0x1_0000);
    let regimes = Regime::all();
    assert!(regimes.len() > 200, "{}", regimes.len());
    let mut by_granule = std::collections::BTreeMap::new();
    for regime in regimes.iter().flat_map(|regime| [regime; 2]) {
        let mut regime = *regime;
        regime.vtcr |= random.below(4) << 21;
        let mut machine = machine(regime.vtcr);
        let root = (ROOT, regime.root_entries());
        let pool = (tables.as_slice(), 1 << regime.stride);
        random_tables(&mut machine, &mut random, root, pool, |random| {
            random_entry(&regime, &tables, random)
        });
        let gpas = addresses(&machine, &mut random, root, pool, &regime.levels());
        let walked = walk(&mut machine);
        assert!(walked.format.is_some(), "{regime:x?}");
        if !is_whole(&walked.gaps) {
            continue;
        }
        *by_granule.entry(regime.granule).or_insert(0) +=
            same_as_translated(&walked.mappings, gpas, |gpa| {
                regime.translate(&machine, gpa)
            });
    }
    let mapped: Vec<_> = by_granule.into_values().collect();
    assert!(mapped.iter().all(|mapped| *mapped > 2000), "{mapped:?}");
}
