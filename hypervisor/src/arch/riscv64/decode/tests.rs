//! Every shape of a trap that matters.

mod accesses;

use super::*;
use crate::vm::exit::{Call, Size, Transfer};

const CSRR_SSTATUS: u64 = 0x1000_22F3;
const SSIP: u64 = 1 << 1;

fn exit(trap: Trap) -> Exit {
    decode(&trap, &[0; 32]).0
}

fn page_fault(scause: u64, stval: u64, htval: u64, htinst: u64) -> Exit {
    exit(Trap {
        scause,
        stval,
        htval,
        htinst,
        ..Trap::default()
    })
}

fn virtual_instruction(stval: u64, from_user: bool, awake: u64) -> Exit {
    exit(Trap {
        scause: VIRTUAL_INSTRUCTION,
        stval,
        from_user,
        awake,
        ..Trap::default()
    })
}

fn at(gpa: u64, access: Access, during_walk: bool) -> Exit {
    moving(gpa, access, during_walk, None)
}

fn moving(gpa: u64, access: Access, during_walk: bool, transfer: Option<Transfer>) -> Exit {
    Exit::Fault(Fault {
        gpa: Gpa::new(gpa),
        access,
        during_walk,
        transfer,
    })
}

fn trapped(scause: u64, htinst: u64, fetched: Option<u64>) -> (Trap, [u64; 32]) {
    let mut x = [0; 32];
    (x[10], x[11]) = (0x7000, 0x1122_3344_5566_7788);
    let trap = Trap {
        scause,
        stval: 0x7008,
        htval: 0x1000_0008 >> 2,
        htinst,
        fetched,
        ..Trap::default()
    };
    (trap, x)
}

#[test]
fn an_access_faults_at_htval_with_the_low_bits_of_stval() {
    const STVAL: u64 = 0xFFFF_FFC0_1000_0007;
    for (cause, access) in [
        (FETCH_GUEST_PAGE_FAULT, Access::Execute),
        (LOAD_GUEST_PAGE_FAULT, Access::Read),
        (STORE_GUEST_PAGE_FAULT, Access::Write),
    ] {
        let found = page_fault(cause, STVAL, 0x1000_0004 >> 2, 0);
        assert_eq!(found, at(0x1000_0007, access, false));
    }
}

#[test]
fn a_transformed_instruction_is_no_walk() {
    // sd (with bit 5 set, as a pseudo-instruction that writes has it), ld, c.ld (bit 1 clear), an
    // amoadd.d, lr.w, and a load behind the page's end (Addr. Offset 4, in bits 19 to 15).
    let (write, read) = (Access::Write, Access::Read);
    let (store, load) = (STORE_GUEST_PAGE_FAULT, LOAD_GUEST_PAGE_FAULT);
    let size = Size::Double;
    for (htinst, cause, access, transfer) in [
        (
            0xA0_3023,
            store,
            write,
            Some(Transfer::Store { size, value: 0 }),
        ),
        (0x3283, load, read, Some(Transfer::Load { size })),
        (0x3281, load, read, Some(Transfer::Load { size })),
        (0x00B5_352F, store, write, None),
        (0x1000_252F, load, read, None),
        (0x2_3283, load, read, None),
    ] {
        let found = page_fault(cause, 0x7000, 0x2200_0000 >> 2, htinst);
        let wanted = moving(0x2200_0000, access, false, transfer);
        assert_eq!(found, wanted, "htinst {htinst:#x}");
    }
}

/// `sd a1, 8(a0)`, as it is and transformed, and `ld a1, 8(a0)`.
const SD: u64 = 0x00B5_3423;
const SD_TRANSFORMED: u64 = 0x00B0_3023;
const LD: u64 = 0x0085_3583;
const LD_TRANSFORMED: u64 = 0x3583;

#[test]
fn a_walk_has_an_access_of_its_own_and_whole_entries() {
    for (htinst, access) in [
        (0x2000, Access::Read),
        (0x2020, Access::Write),
        (0x3000, Access::Read),
        (0x3020, Access::Write),
    ] {
        for cause in [
            FETCH_GUEST_PAGE_FAULT,
            LOAD_GUEST_PAGE_FAULT,
            STORE_GUEST_PAGE_FAULT,
        ] {
            let found = page_fault(cause, 0x8003, 0x1000_0810 >> 2, htinst);
            assert_eq!(found, at(0x1000_0810, access, true), "htinst {htinst:#x}");
        }
    }
}

#[test]
fn values_that_no_manual_knows_count_as_zero() {
    // The last one has the bits of a pseudo-instruction, and others above them.
    for htinst in [0x1000, 0x2002, 0x3040, 1 << 32 | 0x3000] {
        let found = page_fault(LOAD_GUEST_PAGE_FAULT, 0x7001, 0x2200_0000 >> 2, htinst);
        assert_eq!(found, at(0x2200_0001, Access::Read, false));
    }
}

#[test]
fn the_highest_address_keeps_all_its_bits() {
    let gpa = (1 << 41) - 1;
    let found = page_fault(LOAD_GUEST_PAGE_FAULT, 0xFFF, gpa >> 2, 0);
    assert_eq!(found, at(gpa, Access::Read, false));
}

#[test]
fn an_address_that_the_hart_does_not_tell_is_not_taken_for_zero() {
    let found = page_fault(LOAD_GUEST_PAGE_FAULT, 0xFFFF_FFC0_2200_0010, 0, 0);
    let unknown = Other {
        class: "guest-page-fault-without-htval",
        code: LOAD_GUEST_PAGE_FAULT,
        info: 0xFFFF_FFC0_2200_0010,
    };
    assert_eq!(found, Exit::Other(unknown));
    // These can be at 0, and nothing is declared there.
    let found = page_fault(LOAD_GUEST_PAGE_FAULT, 0xFFFF_FFC0_2200_0003, 0, 0);
    assert_eq!(found, at(3, Access::Read, false));
    let found = page_fault(LOAD_GUEST_PAGE_FAULT, 0xFFFF_FFC0_2200_0010, 0, 0x3000);
    assert_eq!(found, at(0, Access::Read, true));
}

#[test]
fn what_a_level_has_no_right_to_is_an_illegal_instruction_of_its_kernel() {
    for from_user in [false, true] {
        let refused = Refused {
            what: Other {
                class: "virtual-instruction",
                code: VIRTUAL_INSTRUCTION,
                info: CSRR_SSTATUS,
            },
            from_user,
            exception: GuestException {
                code: ILLEGAL_INSTRUCTION,
                value: CSRR_SSTATUS,
            },
        };
        // An interrupt that is pending changes nothing.
        for awake in [0, SSIP] {
            let found = virtual_instruction(CSRR_SSTATUS, from_user, awake);
            assert_eq!(found, Exit::Refused(refused));
        }
    }
}

#[test]
fn an_instruction_is_wanted_where_it_matters_and_the_hart_does_not_tell() {
    let lacks = |scause, stval, htinst| {
        let trap = Trap {
            scause,
            stval,
            htinst,
            ..Trap::default()
        };
        trap.lacks_instruction()
    };
    assert!(lacks(VIRTUAL_INSTRUCTION, 0, 0));
    assert!(!lacks(VIRTUAL_INSTRUCTION, WFI, 0));
    for cause in [LOAD_GUEST_PAGE_FAULT, STORE_GUEST_PAGE_FAULT] {
        assert!(lacks(cause, 0x7000, 0));
        assert!(!lacks(cause, 0x7000, LD_TRANSFORMED));
        assert!(!lacks(cause, 0x7000, 0x3000));
    }
    assert!(!lacks(FETCH_GUEST_PAGE_FAULT, 0x7000, 0));
    assert!(!lacks(ECALL_FROM_VS, 0, 0));
}

#[test]
fn an_instruction_that_was_supplied_is_the_one_that_trapped() {
    let mut trap = Trap {
        scause: VIRTUAL_INSTRUCTION,
        ..Trap::default()
    };
    trap.supply(Some(WRS_NTO));
    assert_eq!(exit(trap), Exit::Emulated);
    trap.supply(None);
    assert_eq!(trap.stval, 0);
    // Of a page fault, stval is the address.
    let (mut trap, x) = trapped(LOAD_GUEST_PAGE_FAULT, 0, None);
    trap.supply(Some(LD));
    assert_eq!((trap.stval, trap.access(&x).is_some()), (0x7008, true));
}

#[test]
fn an_instruction_that_nobody_can_tell_is_refused() {
    let Exit::Refused(refused) = virtual_instruction(0, false, SSIP) else {
        panic!("it is not refused");
    };
    let illegal = GuestException {
        code: ILLEGAL_INSTRUCTION,
        value: 0,
    };
    assert_eq!(refused.exception, illegal);
}

#[test]
fn a_wait_of_the_kernel_ends_only_by_an_interrupt() {
    assert_eq!(virtual_instruction(WFI, false, 0), Exit::Idle);
    assert_eq!(virtual_instruction(WFI, false, SSIP), Exit::Emulated);
}

#[test]
fn user_mode_has_no_wait_for_interrupts() {
    for awake in [0, SSIP] {
        let found = virtual_instruction(WFI, true, awake);
        assert!(
            matches!(found, Exit::Refused(refused) if refused.from_user),
            "{found:?}"
        );
    }
}

#[test]
fn a_wait_for_a_reservation_set_may_end_at_once() {
    assert_eq!(virtual_instruction(WRS_NTO, false, 0), Exit::Emulated);
    assert_eq!(virtual_instruction(WRS_NTO, true, 0), Exit::Emulated);
}

#[test]
fn an_access_that_the_machine_refuses_is_the_guests() {
    for (scause, class) in [
        (1, "instruction-access-fault"),
        (5, "load-access-fault"),
        (7, "store-access-fault"),
    ] {
        for from_user in [false, true] {
            let found = exit(Trap {
                scause,
                stval: 0x7008,
                from_user,
                ..Trap::default()
            });
            let refused = Refused {
                what: Other {
                    class,
                    code: scause,
                    info: 0x7008,
                },
                from_user,
                exception: GuestException {
                    code: scause,
                    value: 0x7008,
                },
            };
            assert_eq!(found, Exit::Refused(refused));
        }
    }
}

#[test]
fn interrupts_are_the_hosts_whatever_their_number() {
    for number in [1, 5, 9, 12, 13, 62] {
        let scause = INTERRUPT | number;
        let found = exit(Trap {
            scause,
            ..Trap::default()
        });
        assert_eq!(found, Exit::HostInterrupt);
    }
}

#[test]
fn an_error_of_the_machine_is_nobodys_exception() {
    let found = exit(Trap {
        scause: HARDWARE_ERROR,
        from_user: true,
        ..Trap::default()
    });
    let other = Other {
        class: "hardware-error",
        code: HARDWARE_ERROR,
        info: 0,
    };
    assert_eq!(found, Exit::Other(other));
}

#[test]
fn a_call_has_the_convention_of_its_extension() {
    let mut x = [0; 32];
    x[10] = u64::from(b'x');
    x[17] = 1;
    let trap = Trap {
        scause: ECALL_FROM_VS,
        ..Trap::default()
    };
    let put = Exit::Call(Call::PutByte(b'x'));
    assert_eq!(decode(&trap, &x), (put, calls::Convention::Legacy));
}

#[test]
fn a_wait_lasts_until_the_guests_own_timer_if_there_is_nothing_else() {
    let wfi = Trap {
        scause: VIRTUAL_INSTRUCTION,
        stval: WFI,
        wakes_at: Some(70),
        ..Trap::default()
    };
    let exit = |trap: &Trap| decode(trap, &[0; 32]).0;
    assert_eq!(exit(&wfi), Exit::Waits { until_ns: 70 });
    let awake = Trap {
        awake: 1 << 1,
        ..wfi
    };
    assert_eq!(exit(&awake), Exit::Emulated);
    let user = Trap {
        from_user: true,
        ..wfi
    };
    assert!(matches!(exit(&user), Exit::Refused(_)));
}
