//! Loads and stores at what may be an emulated device.

use super::*;

#[test]
fn an_access_moves_what_the_hart_or_the_instruction_says() {
    let (load, store) = (LOAD_GUEST_PAGE_FAULT, STORE_GUEST_PAGE_FAULT);
    let size = Size::Double;
    let stored = Some(Transfer::Store {
        size,
        value: 0x1122_3344_5566_7788,
    });
    let loaded = Some(Transfer::Load { size });
    for (scause, htinst, fetched, transfer) in [
        (store, SD_TRANSFORMED, None, stored),
        (store, 0, Some(SD), stored),
        (load, LD_TRANSFORMED, None, loaded),
        (load, 0, Some(LD), loaded),
        // What the hart says counts.
        (load, LD_TRANSFORMED, Some(SD), loaded),
        // Nobody knows the instruction.
        (load, 0, None, None),
        (store, 0, None, None),
        // It is another one by now.
        (load, 0, Some(SD), None),
        (store, 0, Some(LD), None),
        (load, SD_TRANSFORMED, None, None),
        // lr.w, and a walk.
        (load, 0x1000_252F, Some(LD), None),
        (load, 0x3000, Some(LD), None),
    ] {
        let (trap, x) = trapped(scause, htinst, fetched);
        let Exit::Fault(fault) = decode(&trap, &x).0 else {
            panic!("{trap:x?}");
        };
        assert_eq!(fault.transfer, transfer, "{trap:x?}");
    }
    // A fetch moves nothing.
    let (trap, x) = trapped(FETCH_GUEST_PAGE_FAULT, 0, Some(LD));
    let found = decode(&trap, &x).0;
    assert_eq!(found, at(0x1000_0008, Access::Execute, false));
}

#[test]
fn what_cannot_be_carried_out_is_an_access_fault_of_its_kind() {
    for (scause, code) in [
        (LOAD_GUEST_PAGE_FAULT, LOAD_ACCESS_FAULT),
        (STORE_GUEST_PAGE_FAULT, STORE_ACCESS_FAULT),
    ] {
        let (trap, _) = trapped(scause, 0, None);
        let value = 0x7008;
        assert_eq!(trap.bus_error(), GuestException { code, value });
    }
}

#[test]
fn a_misaligned_access_faults_at_its_part() {
    // Eight bytes from 0x…FFE on: stval and htval are those of the second page.
    let found = page_fault(LOAD_GUEST_PAGE_FAULT, 0x9000, 0x2200_1000 >> 2, 0x1_3283);
    assert_eq!(found, at(0x2200_1000, Access::Read, false));
    // The first part is what faults, and it is not at a multiple of four.
    let found = page_fault(LOAD_GUEST_PAGE_FAULT, 0x8FFE, 0x2200_0FFC >> 2, 0x3283);
    let size = Size::Double;
    let loaded = Some(Transfer::Load { size });
    assert_eq!(found, moving(0x2200_0FFE, Access::Read, false, loaded));
}
