//! Each shape of EXITCODE, EXITINFO and EXITINTINFO that matters.

use super::*;
use crate::vm::exit::{Access, Call, GuestException, Size, Transfer};

const KERNEL: Left = Left {
    code: 0,
    info1: 0,
    info2: 0,
    int_info: 0,
    cpl: 0,
    rax: hv_abi::PSCI_SYSTEM_OFF,
    rcx: 0xC000_0080,
    rdi: 0,
};

fn exit(left: Left) -> Exit {
    match decode(&left).action {
        Action::Exit(exit) => exit,
        Action::Emulate(instruction) => panic!("{instruction:?}"),
    }
}

fn exception(code: u64, cpl: u8) -> Option<GuestException> {
    let left = Left {
        code,
        cpl,
        ..KERNEL
    };
    match exit(left) {
        Exit::Refused(refused) | Exit::RefusedCall(refused) => {
            assert_eq!(refused.from_user, cpl != 0);
            assert_eq!(refused.what.code, code);
            assert_ne!(refused.what.class, "unexpected-exit", "{code:#x}");
            Some(refused.exception)
        }
        _ => None,
    }
}

#[test]
fn a_nested_page_fault_has_its_access() {
    // Bit 0: a page was there; bit 2: as a user, which every nested walk is; bit 32: the final
    // address; bit 33: the walk of the guest's tables.
    let faults = [
        (0x1_0000_0004, Access::Read, false),
        (0x1_0000_0005, Access::Read, false),
        (0x1_0000_0006, Access::Write, false),
        (0x1_0000_0007, Access::Write, false),
        (0x1_0000_0014, Access::Execute, false),
        (0x1_0000_0015, Access::Execute, false),
        (0x2_0000_0004, Access::Read, true),
        (0x2_0000_0006, Access::Write, true),
        // A walk for a fetch (QEMU 7.2): the walk is what faulted.
        (0x2_0000_0014, Access::Execute, true),
    ];
    for (info1, access, during_walk) in faults {
        let left = Left {
            code: NPF,
            info1,
            info2: 0xFFC0_0123,
            ..KERNEL
        };
        let wanted = Fault {
            gpa: Gpa::new(0xFFC0_0123),
            access,
            during_walk,
            transfer: None,
        };
        assert_eq!(exit(left), Exit::Fault(wanted), "{info1:#x}");
    }
}

#[test]
fn a_kernel_calls_and_a_process_does_not() {
    let call = Left {
        code: VMMCALL,
        ..KERNEL
    };
    assert!(matches!(exit(call), Exit::Call(Call::Shutdown { .. })));
    for cpl in 1..=3 {
        assert_eq!(exception(VMMCALL, cpl), Some(Event::UNDEFINED.into()));
        assert!(matches!(exit(Left { cpl, ..call }), Exit::RefusedCall(_)));
    }
}

#[test]
fn a_process_gets_what_a_cpu_without_svm_gives() {
    for code in [0x65, 0x6F, 0x76, 0x78, 0x7B, 0x7C, 0x89] {
        assert_eq!(
            exception(code, 3),
            Some(Event::PROTECTION.into()),
            "{code:#x}"
        );
    }
    let undefined = [0x7A].into_iter().chain(0x80..=0x87).chain(0x8A..=0x8E);
    for code in undefined {
        assert_eq!(
            exception(code, 3),
            Some(Event::UNDEFINED.into()),
            "{code:#x}"
        );
    }
}

#[test]
fn a_kernel_gets_the_same_but_for_what_is_its_right() {
    for code in [0x65, 0x6F, 0x7B] {
        assert_eq!(
            exception(code, 0),
            Some(Event::PROTECTION.into()),
            "{code:#x}"
        );
    }
    for code in [0x7A, 0x80, 0x82, 0x86, 0x87, 0x8A, 0x8B, 0x8C, 0x8D, 0x8E] {
        assert_eq!(
            exception(code, 0),
            Some(Event::UNDEFINED.into()),
            "{code:#x}"
        );
    }
    let halt = Left {
        code: HLT,
        ..KERNEL
    };
    assert_eq!(decode(&halt).action, Action::Emulate(Instruction::Halt));
}

/// Whatever the level: the CPU has looked at that before.
#[test]
fn a_port_is_an_access_or_its_refusal() {
    for cpl in [0, 3] {
        let left = Left {
            code: IOIO,
            info1: 0x3F8_0011,
            cpl,
            ..KERNEL
        };
        let refused = refused(&left).unwrap();
        let exception = Event::PROTECTION.into();
        assert_eq!(
            (refused.exception, refused.from_user),
            (exception, cpl != 0)
        );
        let size = Size::Byte;
        let access = Port {
            number: 0x3F8,
            transfer: Transfer::Load { size },
            refused,
        };
        assert_eq!(exit(left), Exit::Port(access));
        let value = hv_abi::PSCI_SYSTEM_OFF & 0xFF;
        let access = Port {
            transfer: Transfer::Store { size, value },
            refused: Refused {
                what: Other {
                    info: 0x3F8_0010,
                    ..refused.what
                },
                ..refused
            },
            ..access
        };
        let info1 = 0x3F8_0010;
        assert_eq!(exit(Left { info1, ..left }), Exit::Port(access));
        // A string.
        let info1 = 0x3F8_0015;
        let string = exit(Left { info1, ..left });
        assert!(matches!(string, Exit::Refused(_)), "{string:?}");
    }
}

#[test]
fn what_is_emulated_says_what_it_is() {
    let emulated = [
        (CPUID, 0, 3, Instruction::Cpuid),
        (CPUID, 0, 0, Instruction::Cpuid),
        (INVD, 0, 0, Instruction::FlushCaches),
        (WBINVD, 0, 0, Instruction::FlushCaches),
        (MSR, 0, 0, Instruction::ReadMsr(0xC000_0080)),
        (MSR, 1, 0, Instruction::WriteMsr(0xC000_0080)),
    ];
    for (code, info1, cpl, wanted) in emulated {
        let left = Left {
            code,
            info1,
            cpl,
            rcx: 0xFFFF_FFFF_C000_0080, // of which ECX counts
            ..KERNEL
        };
        assert_eq!(decode(&left).action, Action::Emulate(wanted));
    }
}

#[test]
fn what_is_the_hosts_goes_to_the_host() {
    for code in 0x60..=0x63 {
        let left = Left { code, ..KERNEL };
        assert_eq!(exit(left), Exit::HostInterrupt, "{code:#x}");
    }
}

#[test]
fn debug_and_alignment_exceptions_go_back_to_the_guest() {
    for (code, word) in [(0x41, 0x8000_0301), (0x51, 0x8000_0B11)] {
        let trapped = decode(&Left { code, ..KERNEL });
        assert_eq!(trapped.action, Action::Exit(Exit::Emulated));
        assert_eq!(trapped.pending.map(Event::word), Some(word));
    }
}

#[test]
fn an_exit_keeps_the_event_that_it_interrupted() {
    let page_fault = 0x2_8000_0B0E;
    let trapped = decode(&Left {
        code: NPF,
        int_info: page_fault,
        ..KERNEL
    });
    assert_eq!(trapped.pending.map(Event::word), Some(page_fault));
    assert!(matches!(trapped.action, Action::Exit(Exit::Fault(_))));
}

#[test]
fn every_other_exit_has_a_class() {
    for (code, class) in [
        (0x52, "machine-check"),
        (0x7D, "task-switch"),
        (0x7E, "ferr-freeze"),
        (0x7F, "shutdown"),
        (INVALID, "invalid-vmcb"),
        (INVALID_32, "invalid-vmcb"),
        (0x403, "unexpected-exit"),
    ] {
        let info = 0x42;
        let left = Left {
            code,
            info1: info,
            ..KERNEL
        };
        assert_eq!(exit(left), Exit::Other(Other { class, code, info }));
    }
}
