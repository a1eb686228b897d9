use super::*;
use crate::judge::audit::testing::*;
use crate::judge::audit::{Isa, Mapping, Span, take};

const ROOT: u64 = RAM + 0x10000;
const MIDDLE: u64 = RAM + 0x20000;
const LAST: u64 = RAM + 0x21000;

/// V, and U.
const V: u64 = 1;
const U: u64 = 1 << 4;
const URWX: u64 = V | U | 0b1110;

const SV39X4: u64 = 8;

fn hgatp(mode: u64) -> u64 {
    mode << 60 | 7 << 44 | ROOT >> 12
}

fn entry(hpa: u64, bits: u64) -> u64 {
    hpa >> 12 << 10 | bits
}

/// A machine whose tables lead to [`LAST`].
fn machine() -> Fake {
    let mut machine = Fake::with(&[("hgatp", hgatp(SV39X4)), ("hstatus", 0)]);
    machine.put(ROOT, 2, entry(MIDDLE, V));
    machine.put(MIDDLE, 0, entry(LAST, V));
    machine
}

fn walk(machine: &mut Fake) -> Walked {
    let hint = Hint {
        stands: Stands::Entering,
        ..Hint::default()
    };
    take(Isa::Riscv64, machine, &hint).expect("readable")
}

fn mappings(machine: &mut Fake) -> Vec<Mapping> {
    let walked = walk(machine);
    assert_eq!(walked.gaps, [""; 0]);
    walked.mappings
}

#[test]
fn pages_megapages_and_gigapages_are_found_and_neighbours_joined() {
    let mut machine = machine();
    machine.put(LAST, 0, entry(0x8800_0000, URWX));
    machine.put(LAST, 1, entry(0x8800_1000, URWX));
    machine.put(LAST, 3, entry(0x8800_3000, V | U | 0b0010));
    machine.put(MIDDLE, 1, entry(0x8900_0000, V | U | 0b0110));
    machine.put(ROOT, 2047, entry(0x4000_0000, V | U | 0b1000));
    let walked = walk(&mut machine);
    assert_eq!(walked.format.as_deref(), Some("Sv39x4"));
    assert_eq!(
        walked.mappings,
        [
            mapping(0x8000_0000, 0x8800_0000, 0x2000, "rwx"),
            mapping(0x8000_3000, 0x8800_3000, 0x1000, "r"),
            mapping(0x8020_0000, 0x8900_0000, 0x20_0000, "rw"),
            mapping(0x1ff_c000_0000, 0x4000_0000, 0x4000_0000, "x"),
        ]
    );
    assert_eq!(
        walked.tables,
        [Span::new(ROOT, 0x4000), Span::new(MIDDLE, 0x2000)]
    );
}

/// Entries that look like a way, and by the manual are none.
#[test]
fn what_the_manual_reserves_is_no_way() {
    let page = entry(0x8800_0000, 0);
    let cases = [
        ("not valid", page | URWX & !V),
        ("not a user's", page | URWX & !U),
        ("written and not read", page | V | U | 0b0100),
        ("written, executed and not read", page | V | U | 0b1100),
        ("bit 54", page | URWX | 1 << 54),
        ("bit 60", page | URWX | 1 << 60),
        ("PBMT 3", page | URWX | 3 << 61),
        ("NAPOT of a size that there is not", page | URWX | 1 << 63),
        ("a table at the last level", page | V),
    ];
    for (what, bad) in cases {
        let mut machine = machine();
        machine.put(LAST, 0, bad);
        assert_eq!(mappings(&mut machine), [], "{what}");
    }
    let mut machine = machine();
    machine.put(MIDDLE, 1, entry(0x8800_1000, URWX));
    machine.put(ROOT, 3, entry(0x8820_0000, URWX));
    assert_eq!(mappings(&mut machine), [], "misaligned superpages");
    for (what, bits) in [("U", U), ("A", 1 << 6), ("PBMT", 1 << 61), ("N", 1 << 63)] {
        let mut machine = self::machine();
        machine.put(LAST, 0, entry(0x8800_0000, URWX));
        machine.put(MIDDLE, 0, entry(LAST, V | bits));
        assert_eq!(mappings(&mut machine), [], "{what} in a table's entry");
    }
}

#[test]
fn a_page_that_was_never_accessed_is_the_guests_all_the_same() {
    let mut machine = machine();
    machine.put(LAST, 0, entry(0x8800_0000, URWX));
    machine.put(LAST, 1, entry(0x8800_1000, URWX | 1 << 6 | 1 << 7));
    let expected = mapping(0x8000_0000, 0x8800_0000, 0x2000, "rwx");
    assert_eq!(mappings(&mut machine), [expected]);
}

#[test]
fn each_of_sixteen_entries_of_a_napot_page_maps_its_own_part() {
    let mut machine = machine();
    for nth in 16..32 {
        machine.put(LAST, nth, entry(0x8801_8000, URWX | 1 << 63));
    }
    let expected = mapping(0x8001_0000, 0x8801_0000, 0x1_0000, "rwx");
    assert_eq!(mappings(&mut machine), [expected]);
}

#[test]
fn with_mxr_what_is_executable_is_readable() {
    let mut machine = machine();
    machine.put(LAST, 0, entry(0x8800_0000, V | U | 0b1000));
    machine.registers.insert("sstatus", 1 << 19);
    let expected = mapping(0x8000_0000, 0x8800_0000, 0x1000, "rx");
    assert_eq!(mappings(&mut machine), [expected]);
}

#[test]
fn without_hgatp_there_is_no_second_stage_unless_the_memory_is_still_the_guests() {
    let mut machine = machine();
    machine.put(LAST, 0, entry(0x8800_0000, URWX));
    let root = walk(&mut machine).root;
    machine.registers.insert("hgatp", 0);
    let walked = walk(&mut machine);
    assert_eq!((walked.format, walked.mappings), (None, Vec::new()));

    for (stands, mappings) in [(Stands::Elsewhere, 0), (Stands::Releasing, 1)] {
        let hint = Hint {
            stands,
            root,
            ..Hint::default()
        };
        let walked = take(Isa::Riscv64, &mut machine, &hint).unwrap();
        assert_eq!(walked.mappings.len(), mappings, "{stands:?}");
    }
}

#[test]
fn the_virtualization_mode_says_that_it_stands_in_the_guest() {
    let mut machine = machine();
    machine.put(LAST, 0, entry(0x8800_0000, V | U | 0b1000));
    let stands = |machine: &mut Fake, stands, root| {
        let hint = Hint {
            stands,
            root,
            ..Hint::default()
        };
        let walked = take(Isa::Riscv64, machine, &hint).expect("readable");
        (walked.stands, walked.mappings[0].access.read)
    };
    let before = |mxr| {
        let hgatp = hgatp(SV39X4);
        Some(Root::Riscv64 { hgatp, mxr })
    };
    // Without `priv`, and where the host runs at each level.
    let elsewhere = (Stands::Elsewhere, false);
    assert_eq!(stands(&mut machine, Stands::Elsewhere, None), elsewhere);
    for level in [0, 1, 3] {
        machine.registers.insert("priv", level);
        assert_eq!(stands(&mut machine, Stands::Elsewhere, None), elsewhere);
    }
    // VU and VS. There sstatus is the guest's own, so the host's is what it was, or else may have MXR.
    for level in [4, 5] {
        machine.registers.insert("priv", level);
        for (root, mxr) in [(None, true), (before(true), true), (before(false), false)] {
            let in_guest = (Stands::InGuest, mxr);
            assert_eq!(stands(&mut machine, Stands::Elsewhere, root), in_guest);
        }
    }
    machine.registers.insert("hgatp", 0);
    let walked = take(Isa::Riscv64, &mut machine, &Hint::default()).expect("readable");
    assert_eq!((walked.stands, walked.format), (Stands::InGuest, None));
}

#[test]
fn a_reserved_mode_an_unreadable_table_and_a_processor_without_the_extension_are_gaps() {
    let mut machine = machine();
    machine.registers.insert("hgatp", hgatp(11));
    assert_eq!(
        walk(&mut machine).gaps,
        [format!("hgatp {:#x} has the reserved mode 11", hgatp(11))]
    );
    let mut machine = self::machine();
    machine.put(MIDDLE, 1, entry(0x1000_0000, V));
    assert_eq!(
        walk(&mut machine).gaps,
        [
            "the table at HPA 0x10000000, for GPA 0x80200000..0x80400000, cannot be read: no memory is there"
        ]
    );
    assert_eq!(
        walk(&mut Fake::default()).gaps,
        ["the machine has no register hgatp: its processor has no H-extension"]
    );
}

/// "Virtual Address Translation Process", step by step, with the changes that two-stage translation
/// makes to it. Not how [`GStage`] does it.
fn translate(machine: &Fake, mode: u64, gpa: u64) -> Option<(u64, Access)> {
    let levels = mode - 5;
    // Addresses are two bits wider than those of the format without x4.
    if gpa >> (12 + 9 * levels + 2) != 0 {
        return None;
    }
    let mut a = ROOT;
    let mut i = levels - 1;
    let pte = loop {
        let wide = if i == levels - 1 { 2048 } else { 512 };
        let vpn = gpa >> (12 + 9 * i) & (wide - 1);
        let pte = machine.word(a + 8 * vpn);
        let [v, r, w, x] = [0, 1, 2, 3].map(|bit| pte >> bit & 1 == 1);
        if !v || !r && w || pte << 3 >> 57 != 0 || pte >> 61 & 3 == 3 {
            return None;
        }
        if r || x {
            break pte;
        }
        // D, A, U, PBMT and N of an entry that is no leaf are reserved.
        if [4, 6, 7, 61, 62, 63].iter().any(|bit| pte >> bit & 1 == 1) {
            return None;
        }
        i = i.checked_sub(1)?;
        a = (pte << 10 >> 20) * 4096;
    };
    if pte >> 4 & 1 == 0 {
        return None;
    }
    let ppn = pte << 10 >> 20;
    let offset_bits = match (pte >> 63, i) {
        (1, 0) if ppn % 16 == 8 => 16,
        (1, _) => return None,
        (_, i) => 12 + 9 * i,
    };
    if pte >> 63 == 0 && ppn % (1 << (9 * i)) != 0 {
        return None;
    }
    let page = (ppn * 4096) >> offset_bits << offset_bits;
    let hpa = page + gpa % (1 << offset_bits);
    let [r, w, x] = [1, 2, 3].map(|bit| pte >> bit & 1 == 1);
    Some((hpa, Access::new(r, w, x)))
}

fn random_entry(tables: &[u64], random: &mut Random) -> u64 {
    let mut made = if random.once_in(2) {
        entry(random.one_of(tables), V)
    } else {
        let alignment = random.one_of(&[12, 12, 16, 21, 30, 39]);
        let hpa = random.below(1 << 48) >> alignment << alignment;
        let bits = random.one_of(&[0b0010, 0b0110, 0b1010, 0b1110, 0b1000]);
        entry(hpa, V | U | bits | random.below(4) << 6)
    };
    if random.once_in(6) {
        made = made & !(0x3ff << 10) | 1 << 63 | 8 << 10;
    }
    if random.once_in(5) {
        made ^= 1 << random.below(64);
    }
    made
}

#[test]
fn random_tables_are_walked_as_the_manual_translates() {
    let mut random = Random(0x5ca1_ab1e_0000_0001);
    let tables = [1, 2, 3, 4, 5].map(|nth| RAM + 0x20000 + nth * 4096);
    for mode in [8, 9, 10] {
        let mut mapped = 0;
        for _ in 0..400 {
            let mut machine = Fake::with(&[("hgatp", hgatp(mode))]);
            let root = (ROOT, 2048);
            random_tables(&mut machine, &mut random, root, (&tables, 512), |random| {
                random_entry(&tables, random)
            });
            let levels: Vec<_> = (0..mode as u32 - 5)
                .rev()
                .map(|i| Level {
                    shift: 12 + 9 * i,
                    bits: if i == mode as u32 - 6 { 11 } else { 9 },
                })
                .collect();
            let gpas = addresses(&machine, &mut random, root, (&tables, 512), &levels);
            let walked = walk(&mut machine);
            if !is_whole(&walked.gaps) {
                continue;
            }
            mapped +=
                same_as_translated(&walked.mappings, gpas, |gpa| translate(&machine, mode, gpa));
        }
        assert!(mapped > 2000, "mode {mode}: only {mapped} were mapped");
    }
}
