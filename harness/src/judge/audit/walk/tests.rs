use super::*;
use crate::judge::audit::testing::*;
use crate::judge::audit::{Hint, Isa, Stands, Walked, take};

const ROOT: u64 = RAM + 0x4000;
const NEXT: u64 = RAM + 0x8000;

/// hgatp of Sv57x4.
fn machine() -> Fake {
    Fake::with(&[("hgatp", 10 << 60 | ROOT >> 12)])
}

fn table(hpa: u64) -> u64 {
    hpa >> 12 << 10 | 1
}

fn walk(machine: &mut Fake) -> Walked {
    let hint = Hint {
        stands: Stands::Entering,
        ..Hint::default()
    };
    take(Isa::Riscv64, machine, &hint).unwrap()
}

#[test]
fn a_table_that_names_itself_in_every_entry_is_read_up_to_a_bound() {
    let mut machine = machine();
    machine.put(ROOT, 0, table(NEXT));
    (0..512).for_each(|nth| machine.put(NEXT, nth, table(NEXT)));
    let walked = walk(&mut machine);
    let gap = "the tables have more than 256 MiB, and the rest was not read";
    assert_eq!(walked.gaps, [gap]);
    assert_eq!(walked.mappings, []);
}

#[test]
fn mappings_that_cannot_be_joined_are_kept_up_to_a_bound() {
    let mut machine = machine();
    machine.put(ROOT, 0, table(NEXT));
    machine.put(NEXT, 0, table(NEXT + 0x1000));
    machine.put(NEXT + 0x1000, 0, table(NEXT + 0x2000));
    // The same page everywhere.
    (0..512).for_each(|nth| machine.put(NEXT + 0x2000, nth, table(NEXT + 0x3000)));
    (0..512).for_each(|nth| machine.put(NEXT + 0x3000, nth, table(RAM) | 0x1e));
    let walked = walk(&mut machine);
    let gap = "there are more than 4096 mappings; those from GPA 0x1000000 on were not read";
    assert_eq!(walked.gaps, [gap]);
    assert_eq!(walked.mappings.len(), 4096);
}

#[test]
fn places_of_tables_are_kept_up_to_a_bound() {
    let mut machine = machine();
    // Every other page is an empty table.
    machine.put(ROOT, 0, table(NEXT));
    for many in 0..9 {
        let tables = NEXT + 0x1000 * (many + 1);
        machine.put(NEXT, many, table(tables));
        let empty = |nth| RAM + 0x100_0000 + (many * 512 + nth) * 0x2000;
        (0..512).for_each(|nth| machine.put(tables, nth, table(empty(nth))));
    }
    let walked = walk(&mut machine);
    let gap = "the tables lie in more than 4096 places, and the rest was not kept";
    assert_eq!(walked.gaps, [gap]);
    assert_eq!(walked.tables.len(), 4096);
}

#[test]
fn tables_that_cannot_be_read_are_told_up_to_a_bound() {
    let mut machine = machine();
    (0..100).for_each(|nth| machine.put(ROOT, nth, table(0x1000)));
    let gaps = walk(&mut machine).gaps;
    assert_eq!(gaps.len(), 17);
    let first =
        "the table at HPA 0x1000, for GPA 0x0..0x1000000000000, cannot be read: no memory is there";
    assert_eq!(gaps[0], first);
    assert_eq!(gaps[16], "more tables cannot be read");
}

#[test]
fn spans_that_touch_are_joined() {
    let pieces = [
        (0x3000, 0x1000),
        (0x1000, 0x1000),
        (0x2000, 0x800),
        (0x2000, 0x1000),
    ];
    assert_eq!(joined(pieces), [Span::between(0x1000, 0x4000)]);
    assert_eq!(joined([(0x1000, 1), (0x1002, 1)]).len(), 2);
}
