//! Exceptions of a guest of the EL0 mode.

use super::*;

/// An exception of a guest of the EL0 mode, with x8 and x0.
fn el0(class: u64, iss: u64, x8: u64) -> Exit {
    let mut x = [0; 31];
    (x[0], x[8]) = (0x141, x8);
    let syndrome = Syndrome {
        far: 0x400_0123,
        // There may be no such register: it is not looked at.
        hpfar: u64::MAX,
        ..synchronous(class, iss)
    };
    decode_el0(&syndrome, &x)
}

#[test]
fn a_guest_at_el0_calls_by_svc_with_the_number_in_x8() {
    let shutdown = Call::Shutdown {
        announce: None,
        failed: false,
    };
    for (number, call) in [
        (hv_abi::PUTCHAR, Call::PutByte(b'A')),
        (hv_abi::EXIT, shutdown),
        (0x8400_0008, Call::Unknown { id: 0x8400_0008 }),
    ] {
        assert_eq!(el0(EC_SVC64, 0, number), Exit::Call(call));
    }
}

#[test]
fn a_guest_at_el0_faults_at_far_with_the_host_for_a_second_stage() {
    for status in BY_HPFAR.into_iter().chain(PERMISSION) {
        let found = el0(EC_DATA_ABORT, ISS_WRITE | status, 0);
        assert_eq!(found, at(0x400_0123, Access::Write, false), "{status:#b}");
        let found = el0(EC_INSTRUCTION_ABORT, status, 0);
        assert_eq!(found, at(0x400_0123, Access::Execute, false));
    }
    let alignment = el0(EC_DATA_ABORT, 0b10_0001, 0);
    assert!(matches!(
        alignment,
        Exit::Other(Other {
            class: "data-abort",
            ..
        })
    ));
}

#[test]
fn a_guest_at_el0_waits_for_nothing_and_has_no_system_registers() {
    assert_eq!(el0(EC_WFX, 0, 0), Exit::Idle);
    for (class, name) in [
        (EC_SYSREG, "system-register"),
        (EC_FP, "floating-point"),
        (EC_UNKNOWN, "undefined-instruction"),
    ] {
        let found = el0(class, 0, 0);
        assert!(matches!(found, Exit::Other(other) if other.class == name));
    }
    for vector in [IRQ, FIQ] {
        let syndrome = Syndrome {
            vector,
            ..synchronous(EC_SVC64, 0)
        };
        assert_eq!(decode_el0(&syndrome, &[0; 31]), Exit::HostInterrupt);
    }
}
