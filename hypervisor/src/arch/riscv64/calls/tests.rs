//! Every function whose arguments or answers the specification fixes.

use super::*;

const INVALID: Call = Call::Settled {
    reply: Reply::InvalidParameter,
};
const NOT_OFFERED: Call = Call::Settled {
    reply: Reply::NotSupported,
};

/// The registers of a call.
fn registers(extension: u64, function: u64, arguments: [u64; 3]) -> [u64; 32] {
    let mut x = [0; 32];
    [x[A0], x[A1], x[A2]] = arguments;
    (x[A6], x[A7]) = (function, extension);
    x
}

fn call(extension: usize, function: usize, arguments: [u64; 3]) -> Call {
    decode(
        &registers(extension as u64, function as u64, arguments),
        false,
    )
    .0
}

fn reset_with(kind: u64, reason: u64) -> Call {
    call(srst::EID_SRST, 0, [kind, reason, 0])
}

fn shutdown(failed: bool) -> Call {
    Call::Shutdown {
        announce: Some("SBI SRST shutdown"),
        failed,
    }
}

#[test]
fn a_shutdown_fails_if_the_system_has() {
    assert_eq!(reset_with(0, 0), shutdown(false));
    assert_eq!(reset_with(0, 1), shutdown(true));
}

#[test]
fn a_reset_type_that_is_reserved_or_a_vendors_is_invalid() {
    for kind in [3, 0x7FFF_FFFF, 0xEFFF_FFFF, 0xF000_0000, 0xFFFF_FFFF] {
        assert_eq!(reset_with(kind, 0), INVALID, "type {kind:#x}");
        // As the ABI passes an int of 32 bits.
        let extended = i64::from(kind as i32) as u64;
        assert_eq!(reset_with(extended, 0), INVALID, "type {extended:#x}");
    }
}

#[test]
fn a_reset_reason_that_is_reserved_or_someones_own_is_invalid() {
    for reason in [
        2,
        0xDFFF_FFFF,
        0xE000_0000,
        0xEFFF_FFFF,
        0xF000_0000,
        0xFFFF_FFFF,
    ] {
        for kind in [0, 1, 2, 3] {
            let found = reset_with(kind, reason);
            assert_eq!(found, INVALID, "type {kind}, reason {reason:#x}");
        }
    }
}

#[test]
fn a_reboot_is_valid_and_not_offered() {
    for kind in [1, 2] {
        for reason in [0, 1] {
            assert_eq!(reset_with(kind, reason), NOT_OFFERED, "type {kind}");
        }
    }
}

#[test]
fn only_the_lower_halves_of_32_bit_arguments_count() {
    const UPPER: u64 = 0xABCD << 32;
    assert_eq!(reset_with(UPPER, UPPER | 1), shutdown(true));
    assert_eq!(reset_with(UPPER | 3, 0), INVALID);
}

#[test]
fn functions_that_an_extension_does_not_have_are_unknown() {
    for extension in [base::EID_BASE, dbcn::EID_DBCN, srst::EID_SRST] {
        for function in [7, 0x100, usize::MAX] {
            let id = extension as u64;
            assert_eq!(call(extension, function, [0; 3]), Call::Unknown { id });
        }
    }
    assert!(matches!(
        call(srst::EID_SRST, 1, [0; 3]),
        Call::Unknown { .. }
    ));
    assert!(matches!(
        call(dbcn::EID_DBCN, 3, [0; 3]),
        Call::Unknown { .. }
    ));
}

#[test]
fn extensions_that_are_not_there_are_unknown() {
    // Time, PMU, suspend; a known number with bits above it; a vendor's.
    for extension in [
        0x5449_4D45,
        0x50_4D55,
        0x5355_5350,
        1 << 32 | base::EID_BASE,
        0x0900_0000,
        usize::MAX,
    ] {
        let id = extension as u64;
        assert_eq!(call(extension, 0, [0; 3]), Call::Unknown { id });
        assert_eq!(probe(id), 0, "extension {id:#x}");
    }
}

fn probe(extension: u64) -> u64 {
    match call(base::EID_BASE, base::PROBE_EXTENSION, [extension, 0, 0]) {
        Call::Settled {
            reply: Reply::Value(value),
        } => value,
        other => panic!("a probe is {other:?}"),
    }
}

#[test]
fn a_probe_finds_what_is_offered() {
    let harts = [0x73_5049, 0x5246_4E43, 0x48_534D];
    let console = [dbcn::EID_DBCN, 1, 2];
    for extension in [&harts[..], &console, &[base::EID_BASE, srst::EID_SRST, 8]].concat() {
        assert_eq!(probe(extension as u64), 1, "extension {extension:#x}");
    }
    for extension in [0, 3, 4, 5, 6, 7, 9, 0xF] {
        assert_eq!(probe(extension), 0, "extension {extension:#x}");
    }
}

/// A guest that has a timer is told so by the extension, and by the call of SBI 0.1.
#[test]
fn the_timer_is_there_for_those_that_have_one() {
    for extension in [0x5449_4D45, 0] {
        for timer in [false, true] {
            let x = registers(base::EID_BASE as u64, 3, [extension, 0, 0]);
            let reply = Reply::Value(timer.into());
            assert_eq!(decode(&x, timer).0, Call::Settled { reply });
            let x = registers(extension, 0, [1, 0, 0]);
            let is_known = !matches!(decode(&x, timer).0, Call::Unknown { .. });
            assert_eq!(is_known, timer, "extension {extension:#x}");
        }
    }
}

#[test]
fn a_legacy_call_gets_a_byte() {
    assert_eq!(call(2, 5, [1, 1, 1]), Call::GetByte);
    assert_eq!(answer(2, Reply::Value(b'A'.into())), (65, 11));
    assert_eq!(
        answer(2, Reply::Value(u64::MAX)),
        (-1, 11),
        "nothing is typed"
    );
}

#[test]
fn the_base_extension_has_seven_functions() {
    let answers: [u64; 7] = core::array::from_fn(|function| {
        match call(base::EID_BASE, function, [base::EID_BASE as u64, 0, 0]) {
            Call::Settled {
                reply: Reply::Value(value),
            } => value,
            other => panic!("function {function} is {other:?}"),
        }
    });
    assert_eq!(answers, [SPEC_VERSION, IMPL_ID, 1, 1, 0, 0, 0]);
}

#[test]
fn the_console_takes_an_address_in_two_halves() {
    const BEYOND: (u64, u64) = (u64::MAX, u64::MAX);
    for (arguments, range) in [
        ([5, 0x8020_0000, 0], (0x8020_0000, 5)),
        ([0, 0, 0], (0, 0)),
        ([u64::MAX, u64::MAX, 0], (u64::MAX, u64::MAX)),
        ([5, 0x8020_0000, 1], BEYOND),
        ([0, 0x8020_0000, u64::MAX], BEYOND),
    ] {
        let (gpa, len) = range;
        let write = call(dbcn::EID_DBCN, dbcn::CONSOLE_WRITE, arguments);
        assert_eq!(
            write,
            Call::Write {
                gpa: Gpa::new(gpa),
                len
            }
        );
        let read = call(dbcn::EID_DBCN, dbcn::CONSOLE_READ, arguments);
        assert_eq!(
            read,
            Call::Read {
                gpa: Gpa::new(gpa),
                len
            }
        );
    }
}

#[test]
fn a_byte_is_the_low_one_of_its_register() {
    for (extension, function) in [(dbcn::EID_DBCN, dbcn::CONSOLE_WRITE_BYTE), (1, 77)] {
        let put = call(extension, function, [0xFFFF_FF41, 1, 2]);
        assert_eq!(put, Call::PutByte(b'A'));
    }
}

#[test]
fn a_legacy_shutdown_has_no_reason() {
    let plain = Call::Shutdown {
        announce: None,
        failed: false,
    };
    assert_eq!(call(8, 5, [1, 1, 1]), plain);
}

/// What the guest finds in a0 and a1, which held 10 and 11.
fn answer(extension: u64, reply: Reply) -> (i64, u64) {
    let mut x = registers(extension, 0, [10, 11, 12]);
    let (_, convention) = decode(&x, true);
    let before = x;
    encode(reply, convention, &mut x);
    let answer = (x[A0] as i64, x[A1]);
    (x[A0], x[A1]) = (before[A0], before[A1]);
    assert_eq!(x, before, "only a0 and a1 may change");
    answer
}

#[test]
fn a_call_gets_its_error_in_a0_and_its_value_in_a1() {
    for extension in [0x10, 0x4442_434E, 0x48_534D] {
        assert_eq!(answer(extension, Reply::Value(5)), (0, 5));
        assert_eq!(answer(extension, Reply::NotSupported), (-2, 0));
        assert_eq!(answer(extension, Reply::InvalidParameter), (-3, 0));
        assert_eq!(answer(extension, Reply::Already), (-6, 0));
    }
}

#[test]
fn a_legacy_call_keeps_a1() {
    // 9 to 15 are reserved for such calls.
    for extension in 0..=0xF {
        assert_eq!(answer(extension, Reply::Value(0)), (0, 11));
        assert_eq!(answer(extension, Reply::NotSupported), (-2, 11));
    }
}
