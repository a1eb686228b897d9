mod random;

use super::super::testing::*;
use super::super::{Access, Isa, Mapping, OpenMsrs, Span, take};
use super::*;

const VMCB: u64 = RAM + 0x1000;
const IOPM: u64 = RAM + 0x2000;
const MSRPM: u64 = RAM + 0x5000;
const ROOT: u64 = RAM + 0x10000;
const POINTERS: u64 = RAM + 0x20000;
const MIDDLE: u64 = RAM + 0x21000;
const LAST: u64 = RAM + 0x22000;

/// Present, writable, a user's.
const PWU: u64 = 7;
const LARGE: u64 = 1 << 7;
const NX: u64 = 1 << 63;

const CR4_LA57: u64 = 1 << 12;
/// LME, LMA and NXE.
const EFER: u64 = 0xd00;

/// A guest that is confined, and maps that let nothing through.
fn machine(cr4: u64, efer: u64) -> Fake {
    let mut machine = Fake::with(&[("cr4", cr4), ("efer", efer)]);
    // intercept1 is in the high half of the second word.
    machine.put(VMCB, 1, (1 << 27 | 1 << 28 | 1) << 32);
    machine.put(VMCB, 0x10 / 8, 0x7f);
    machine.put(VMCB, 0x40 / 8, IOPM);
    machine.put(VMCB, 0x48 / 8, MSRPM);
    machine.put(VMCB, 0x58 / 8, 1 << 32 | 3);
    machine.put(VMCB, 0x60 / 8, 1 << 24);
    machine.put(VMCB, 0x90 / 8, 1);
    machine.put(VMCB, 0xb0 / 8, ROOT | 0x18);
    (0..0x3000 / 8).for_each(|nth| machine.put(IOPM, nth, u64::MAX));
    (0..0x2000 / 8).for_each(|nth| machine.put(MSRPM, nth, u64::MAX));
    machine
}

/// A machine whose tables lead to [`LAST`].
fn with_last() -> Fake {
    let mut machine = machine(0, EFER);
    machine.put(ROOT, 0, POINTERS | PWU);
    machine.put(POINTERS, 0, MIDDLE | PWU);
    machine.put(MIDDLE, 0, LAST | PWU);
    machine
}

fn hint() -> Hint {
    Hint {
        stands: Stands::Entering,
        vmcb: Some(VMCB),
        ..Hint::default()
    }
}

fn walk(machine: &mut Fake) -> Walked {
    take(Isa::X86_64, machine, &hint()).expect("readable")
}

fn mappings(machine: &mut Fake) -> Vec<Mapping> {
    let walked = walk(machine);
    assert_eq!(walked.gaps, [""; 0]);
    walked.mappings
}

#[test]
fn pages_of_three_sizes_are_found_and_neighbours_joined() {
    let mut machine = with_last();
    machine.put(LAST, 0, 0x8800_0000 | PWU);
    machine.put(LAST, 1, 0x8800_1000 | PWU | LARGE);
    machine.put(LAST, 2, 0x8800_2000 | 5 | NX);
    machine.put(MIDDLE, 511, 0x8900_0000 | PWU | LARGE | 1 << 12 | NX);
    machine.put(POINTERS, 511, 0x4000_0000 | 5 | LARGE);
    let walked = walk(&mut machine);
    assert_eq!(walked.format.as_deref(), Some("nested paging, 4 levels"));
    assert_eq!(
        walked.mappings,
        [
            mapping(0, 0x8800_0000, 0x2000, "rwx"),
            mapping(0x2000, 0x8800_2000, 0x1000, "r"),
            mapping(0x3fe0_0000, 0x8900_0000, 0x20_0000, "rw"),
            mapping(0x7f_c000_0000, 0x4000_0000, 0x4000_0000, "rx"),
        ]
    );
    // The VMCB and its maps, and the tables.
    let tables = [
        Span::new(VMCB, 0x1000 + 0x3000 + 0x2000),
        Span::new(ROOT, 0x1000),
        Span::new(POINTERS, 0x3000),
    ];
    assert_eq!(walked.tables, tables);
}

#[test]
fn a_permission_is_one_if_every_level_gives_it() {
    let cases = [
        (1, PWU & !2, "rx"),
        (2, PWU | NX, "rw"),
        (3, PWU & !2 | NX, "r"),
        (4, PWU & !4, "none"),
        (1, PWU & !4, "none"),
        (2, PWU & !1, "none"),
    ];
    for (level, bits, may) in cases {
        let mut machine = with_last();
        machine.put(LAST, 0, 0x8800_0000 | PWU);
        let (table, hpa) = match level {
            4 => (ROOT, POINTERS),
            3 => (POINTERS, MIDDLE),
            2 => (MIDDLE, LAST),
            _ => (LAST, 0x8800_0000),
        };
        machine.put(table, 0, hpa | bits);
        let wanted = (may != "none").then(|| mapping(0, 0x8800_0000, 0x1000, may));
        assert_eq!(
            mappings(&mut machine),
            Vec::from_iter(wanted),
            "level {level}"
        );
    }
}

#[test]
fn what_the_manual_reserves_is_no_way() {
    let mut machine = with_last();
    machine.put(MIDDLE, 1, 0x8800_2000 | PWU | LARGE);
    machine.put(POINTERS, 1, 0x8820_0000 | PWU | LARGE);
    machine.put(ROOT, 1, POINTERS | PWU | LARGE);
    assert_eq!(mappings(&mut machine), []);

    let mut machine = with_last();
    machine.put(LAST, 0, 0x8800_0000 | PWU | NX);
    machine.registers.insert("efer", EFER & !0x800);
    assert_eq!(mappings(&mut machine), [], "bit 63 without EFER.NXE");
}

#[test]
fn where_the_host_has_five_levels_so_have_the_nested_tables() {
    let mut machine = machine(CR4_LA57, EFER);
    machine.put(ROOT, 511, POINTERS | PWU);
    machine.put(POINTERS, 0, MIDDLE | PWU);
    machine.put(MIDDLE, 0, 0x4000_0000 | PWU | LARGE);
    let walked = walk(&mut machine);
    let wanted = mapping(0x1ff_0000_0000_0000, 0x4000_0000, 0x4000_0000, "rwx");
    assert_eq!(walked.mappings, [wanted]);

    // Elsewhere CR4 may be the guest's: what has been found before counts.
    machine.registers.insert("cr4", 0);
    let hint = Hint {
        stands: Stands::InGuest,
        root: walked.root,
        ..hint()
    };
    let again = take(Isa::X86_64, &mut machine, &hint).unwrap();
    assert_eq!(again.mappings, walked.mappings);
}

#[test]
fn ports_and_registers_are_open_where_the_maps_have_clear_bits() {
    let mut machine = machine(0, EFER);
    machine.put(IOPM, 0x3f8 / 64, !(0xff << (0x3f8 % 64)));
    machine.put(IOPM, 0xffff / 64, !(1 << 63));
    // Beyond the last port: for accesses that go past it.
    machine.put(IOPM, 0x1_0000 / 64, 0);
    // EFER to read, STAR to read and write, in the second range; TSC to read in the first.
    machine.put(MSRPM, 0x800 / 8 + 4, !0b1101);
    machine.put(MSRPM, 0, !(1 << 32));
    machine.put(MSRPM, 0x1000 / 8, !0b1010);
    machine.put(MSRPM, 0x1800 / 8, 0);
    let walked = walk(&mut machine);
    assert_eq!(
        walked.open_ports,
        [Span::new(0x3f8, 8), Span::new(0xffff, 1)]
    );
    let open = |start, size, letters| OpenMsrs {
        span: Span::new(start, size),
        access: access(letters),
    };
    assert_eq!(
        walked.open_msrs,
        [
            open(0x10, 1, "r"),
            open(0xc000_0080, 1, "r"),
            open(0xc000_0081, 1, "rw"),
            open(0xc001_0000, 2, "w"),
        ]
    );
}

#[test]
fn without_the_intercepts_every_port_and_every_register_is_open() {
    let mut machine = machine(0, EFER);
    machine.put(VMCB, 1, 0);
    let walked = walk(&mut machine);
    assert_eq!(walked.open_ports, [Span::new(0, 0x1_0000)]);
    let all = OpenMsrs {
        span: Span::new(0, 1 << 32),
        access: access("rw"),
    };
    assert_eq!(walked.open_msrs, [all]);
    assert_eq!(walked.gaps, [""; 0]);
}

#[test]
fn runs_of_ports_and_registers_are_kept_up_to_a_bound() {
    let mut machine = machine(0, EFER);
    let every_other = 0x5555_5555_5555_5555;
    (0..0x3000 / 8).for_each(|nth| machine.put(IOPM, nth, every_other));
    // Every other register, all of it.
    (0..0x2000 / 8).for_each(|nth| machine.put(MSRPM, nth, 0x3333_3333_3333_3333));
    let walked = walk(&mut machine);
    assert_eq!(
        (walked.open_ports.len(), walked.open_msrs.len()),
        (1024, 1024)
    );
    assert_eq!(
        walked.gaps,
        [
            "there are more than 1024 runs of open ports; those from 0x801 on were not kept",
            "there are more than 1024 runs of open MSRs; those from 0x801 on were not kept",
        ]
    );
}

#[test]
fn the_fields_that_confine_have_their_names() {
    let walked = walk(&mut machine(0, EFER));
    let wanted = [
        ("asid", 3),
        ("intercept1", 1 << 27 | 1 << 28 | 1),
        ("intercept2", 0x7f),
        ("intercept3", 0),
        ("intercept_cr", 0),
        ("intercept_dr", 0),
        ("intercept_exceptions", 0),
        ("iopm_base", IOPM),
        ("msrpm_base", MSRPM),
        ("n_cr3", ROOT | 0x18),
        ("nested_paging", 1),
        ("tlb_control", 1),
        ("virtual_interrupts", 1 << 24),
        ("virtualization", 0),
    ];
    let found: Vec<_> = walked
        .registers
        .iter()
        .map(|(name, value)| (&**name, *value))
        .collect();
    assert_eq!(found, wanted);
}

#[test]
fn what_cannot_be_had_is_a_gap() {
    let told = |machine: &mut Fake, hint: &Hint| take(Isa::X86_64, machine, hint).unwrap().gaps;
    let no_vmcb = Hint {
        vmcb: None,
        ..hint()
    };
    assert_eq!(
        told(&mut machine(0, EFER), &no_vmcb),
        ["where the VMCB lies is not known"]
    );
    let elsewhere = Hint {
        vmcb: Some(0x1000),
        ..hint()
    };
    assert_eq!(
        told(&mut machine(0, EFER), &elsewhere),
        ["the VMCB at HPA 0x1000 cannot be read: no memory is there"]
    );
    let mut wild = machine(0, EFER);
    wild.put(VMCB, 0x40 / 8, 0x1000);
    wild.put(VMCB, 0x48 / 8, 0x2000);
    wild.put(VMCB, 0xb0 / 8, 0x3000);
    assert_eq!(
        told(&mut wild, &hint()),
        [
            "the I/O permissions map at HPA 0x1000 cannot be read: no memory is there",
            "the MSR permissions map at HPA 0x2000 cannot be read: no memory is there",
            "the table at HPA 0x3000, for GPA 0x0..0x1000000000000, cannot be read: no memory is there",
        ]
    );
    assert_eq!(
        told(&mut machine(0, 0), &hint()),
        ["the host is not in long mode, whose nested tables alone are walked"]
    );
}

/// Where the hypervisor runs, a VMCB that was given back is no guest's, whatever became of it.
#[test]
fn a_vmcb_that_vmrun_refuses_counts_only_at_the_entry() {
    // No ASID, and VMRUN not intercepted.
    for (nth, entry) in [(0x58 / 8, 0), (0x10 / 8, 0x7e)] {
        let mut machine = with_last();
        machine.put(LAST, 0, 0x8800_0000 | PWU);
        let elsewhere = Hint {
            stands: Stands::Elsewhere,
            ..hint()
        };
        let walked = take(Isa::X86_64, &mut machine, &elsewhere).expect("readable");
        assert_eq!(walked.mappings.len(), 1);
        machine.put(VMCB, nth, entry);
        assert_eq!(mappings(&mut machine).len(), 1);
        let walked = take(Isa::X86_64, &mut machine, &elsewhere).expect("readable");
        assert_eq!(walked, Walked::default());
    }
}

#[test]
fn without_nested_paging_there_is_no_second_stage() {
    let mut machine = with_last();
    machine.put(LAST, 0, 0x8800_0000 | PWU);
    machine.put(VMCB, 0x90 / 8, 0);
    let walked = walk(&mut machine);
    assert_eq!((walked.format, walked.mappings), (None, Vec::new()));
}

#[test]
fn a_host_save_area_that_nobody_set_is_found_by_what_vmrun_left() {
    let (cr3, rip) = (0x10_3000, 0xffff_8000_0020_1000);
    let saved = |cr3, rip| {
        let mut machine = machine(0, EFER);
        machine
            .registers
            .extend([("cr3", 0x10_3000), ("rip", 0xffff_8000_0020_1000)]);
        machine.put(0x550, 0, cr3);
        machine.put(0x578, 0, rip);
        walk(&mut machine).registers.get("vm_hsave_pa").copied()
    };
    assert_eq!(saved(cr3, rip + 3), Some(0));
    // Another processor's tables; the instruction itself; nothing at all.
    assert_eq!(saved(cr3 + 0x1000, rip + 3), None);
    assert_eq!(saved(cr3, rip), None);
    assert_eq!(saved(0, 0), None);
    // Before the first VMRUN, or where the machine begins elsewhere.
    assert_eq!(
        walk(&mut machine(0, EFER)).registers.get("vm_hsave_pa"),
        None
    );
}
