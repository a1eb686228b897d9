//! Accesses to an emulated device.

use super::*;

fn at_device(access: Access, transfer: Option<Transfer>) -> Exit {
    Exit::Fault(Fault {
        gpa: Gpa::new(DEVICE),
        access,
        during_walk: false,
        transfer,
    })
}

#[test]
fn a_device_answers_where_a_fault_is_at_its_address() {
    let stage = Stage {
        typed: "!",
        ..NAMED
    };
    let (size, value) = (Size::Word, 0x1234_5678_u64);
    let load = at_device(Access::Read, Some(Transfer::Load { size }));
    let exits = [
        at_device(Access::Write, Some(Transfer::Store { size, value })),
        load,
        load,
        at_device(Access::Write, None),
        fault(FLASH, Access::Read),
        SHUTDOWN,
    ];
    let played = play_on(&stage, &exits, |_| ());
    assert_eq!(played.outcome, Outcome::Shutdown);
    let answers = [
        Resume::Done,
        Resume::Read(b'!'.into()),
        // Nothing more was typed.
        Resume::BusError,
        Resume::BusError,
        Resume::Go,
    ];
    assert_eq!(played.resumes[1..], answers);
    assert_eq!(played.stored, [value]);
    // Faults and accesses to devices are counted apart, and what the device prints is the guest's.
    let end = "end outcome=shutdown exits=6 npf=1 mmio=4 hypercalls=1";
    assert!(played.console.contains(end), "{}", played.console);
    assert!(played.console.contains("\nx\n"), "{}", played.console);
}

#[test]
fn a_fetch_from_a_device_and_tables_in_one_end_the_guest() {
    let walk = Exit::Fault(Fault {
        gpa: Gpa::new(DEVICE),
        access: Access::Read,
        during_walk: true,
        transfer: None,
    });
    for exit in [at_device(Access::Execute, None), walk] {
        let reason = killed(play(&[exit]).outcome);
        assert!(matches!(reason, Reason::Fault(_, Refusal::Undeclared)));
    }
}

/// To spin on a device is no progress.
#[test]
fn accesses_to_a_device_are_bounded() {
    let load = at_device(Access::Read, Some(Transfer::Load { size: Size::Word }));
    let stage = Stage {
        turn_ms: 0,
        ..STAGE
    };
    let budget = BUDGETS.stalled_exits as usize + 1;
    let reason = killed(play_on(&stage, &vec![load; budget], |_| ()).outcome);
    let (budget, limit) = ("stalled-exits", BUDGETS.stalled_exits);
    assert_eq!(reason, Reason::Overrun(Overrun { budget, limit }));
}
