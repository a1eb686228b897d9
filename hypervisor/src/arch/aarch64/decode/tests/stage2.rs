//! Faults of Stage-2: the address, the access, and the walk.

use super::*;
use crate::vm::exit::{Size, Transfer};

#[test]
fn the_address_of_a_stage_2_fault_is_hpfars_page_and_fars_offset() {
    let fault = Syndrome {
        far: 0xFFFF_FF80_0400_0123,
        hpfar: 0x4000 << 4,
        // A write, translation fault of level 3.
        ..synchronous(EC_DATA_ABORT, ISS_WRITE | 0b00_0111)
    };
    let expected = Fault {
        gpa: Gpa::new(0x400_0123),
        access: Access::Write,
        during_walk: false,
        transfer: None,
    };
    let exit = decode(&fault, 0, EL0, NOTHING);
    assert_eq!(exit, Trapped::exit(Exit::Fault(expected)));
}

/// A fault of Stage-2 with this ISS, at FAR 0x…123 and HPFAR's page 0x400_0000, and where the guest's own
/// tables lead from FAR.
fn stage2(class: u64, iss: u64, translated: Option<u64>) -> Exit {
    let syndrome = Syndrome {
        far: 0xFFFF_FF80_0400_0123,
        hpfar: 0x4000 << 4,
        ..synchronous(class, iss)
    };
    let guest = Guest {
        x: &[0; 31],
        pstate: EL1,
        wake: NOTHING,
        ids: &IdRegisters::default(),
    };
    let translate = |address| {
        assert_eq!(address, Gva::new(syndrome.far));
        translated.map(Gpa::new)
    };
    match decode_el1(&syndrome, &guest, translate) {
        Trapped::Exit { exit, .. } => exit,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_abort_has_its_access() {
    for status in BY_HPFAR {
        for (class, iss, access) in [
            (EC_DATA_ABORT, 0, Access::Read),
            (EC_DATA_ABORT, ISS_WRITE, Access::Write),
            // A cache operation says WnR, and changes nothing.
            (
                EC_DATA_ABORT,
                ISS_WRITE | ISS_CACHE_MAINTENANCE,
                Access::Read,
            ),
            (EC_INSTRUCTION_ABORT, 0, Access::Execute),
            // ISV with SRT and size: what the access was is no part of where.
            (
                EC_DATA_ABORT,
                1 << 24 | 0b11 << 22 | 5 << 16 | ISS_WRITE,
                Access::Write,
            ),
        ] {
            let found = stage2(class, iss | status, None);
            let (gpa, during_walk) = (Gpa::new(0x400_0123), false);
            let transfer = (iss & 1 << 24 != 0).then_some(Transfer::Store {
                size: Size::Double,
                value: 0,
            });
            let wanted = Fault {
                gpa,
                access,
                during_walk,
                transfer,
            };
            assert_eq!(found, Exit::Fault(wanted), "{status:#b}");
        }
    }
}

#[test]
fn a_walk_reads_a_whole_entry_whatever_it_was_for() {
    for status in BY_HPFAR.into_iter().chain(PERMISSION) {
        for (class, iss) in [
            (EC_DATA_ABORT, 0),
            (EC_DATA_ABORT, ISS_WRITE),
            (EC_INSTRUCTION_ABORT, 0),
        ] {
            let found = stage2(class, iss | ISS_DURING_WALK | status, None);
            assert_eq!(found, at(0x400_0000, Access::Read, true), "{status:#b}");
        }
    }
}

#[test]
fn after_a_permission_fault_the_guests_own_tables_give_the_page() {
    for status in PERMISSION {
        let found = stage2(EC_DATA_ABORT, ISS_WRITE | status, Some(0x4020_5000));
        assert_eq!(found, at(0x4020_5123, Access::Write, false));
        let found = stage2(EC_INSTRUCTION_ABORT, status, Some(0x4020_5000));
        assert_eq!(found, at(0x4020_5123, Access::Execute, false));
        // It has taken the mapping away since.
        let found = stage2(EC_DATA_ABORT, ISS_WRITE | status, None);
        assert!(matches!(
            found,
            Exit::Other(Other {
                class: "data-abort",
                ..
            })
        ));
    }
}

#[test]
fn an_abort_that_is_no_matter_of_tables_ends_the_guest() {
    // Synchronous external aborts (of a walk too), parity errors, alignment, a TLB conflict, an
    // unsupported exclusive or atomic access.
    for status in [
        0b01_0000, 0b01_0111, 0b01_1000, 0b10_0001, 0b11_0000, 0b11_0101,
    ] {
        for (class, name) in [
            (EC_DATA_ABORT, "data-abort"),
            (EC_INSTRUCTION_ABORT, "instruction-abort"),
        ] {
            let wanted = Other {
                class: name,
                code: class,
                info: status,
            };
            assert_eq!(stage2(class, status, Some(0)), Exit::Other(wanted));
        }
    }
}

#[test]
fn hpfar_has_the_page_in_bits_43_to_4() {
    let far_away = Syndrome {
        hpfar: 1 << 63 | 0xFF_FFFF_FFFF << 4 | 0xF,
        far: 0xFFF,
        ..synchronous(EC_DATA_ABORT, 0b00_0101)
    };
    let exit = decode(&far_away, 0, EL1, NOTHING);
    assert_eq!(exit, Trapped::exit(at((1 << 52) - 1, Access::Read, false)));
}
