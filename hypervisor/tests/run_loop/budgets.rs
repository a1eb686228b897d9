//! What a guest may cost.

use super::*;

/// The budget that ends a guest, given so long for a turn.
fn overrun(stage: &Stage<'_>, exits: &[Exit]) -> &'static str {
    match killed(play_on(stage, exits, |_| ()).outcome) {
        Reason::Overrun(Overrun { budget, .. }) => budget,
        other => panic!("{other:?}"),
    }
}

const UNKNOWN: Exit = Exit::Call(Call::Unknown { id: 1 });

#[test]
fn a_guest_that_only_runs_is_ended_by_the_hosts_tick() {
    let ticks = vec![Exit::HostInterrupt; 11];
    let reason = killed(play(&ticks).outcome);
    assert_eq!(
        reason,
        Reason::Overrun(Overrun {
            budget: "cpu-ms",
            limit: 100
        })
    );
}

#[test]
fn progress_gives_a_guest_its_time_anew() {
    let mut exits = Vec::new();
    for _ in 0..3 {
        exits.extend([Exit::HostInterrupt; 9]);
        exits.extend(say("."));
    }
    exits.push(SHUTDOWN);
    assert_eq!(play(&exits).outcome, Outcome::Shutdown);
}

#[test]
fn a_call_that_does_nothing_buys_no_time() {
    // Most of its time in a loop, and an unknown call now and then.
    let mut exits = Vec::new();
    exits.extend([Exit::HostInterrupt; 9]);
    exits.push(UNKNOWN);
    exits.push(Exit::HostInterrupt);
    assert_eq!(overrun(&STAGE, &exits), "cpu-ms");
}

#[test]
fn what_pretends_to_print_is_no_progress() {
    let nothing = Call::Write {
        gpa: Gpa::new(RAM),
        len: 0,
    };
    let outside = Call::Write {
        gpa: Gpa::new(0),
        len: 1,
    };
    let pretences = [
        Call::PutByte(b'\r'),
        nothing,
        outside,
        Call::Unknown { id: 1 },
    ];
    for call in pretences {
        let quick = Stage {
            turn_ms: 0,
            ..STAGE
        };
        let exits = [Exit::Call(call); 51];
        assert_eq!(overrun(&quick, &exits), "stalled-exits", "{call:?}");
        assert_eq!(overrun(&STAGE, &exits[..11]), "cpu-ms", "{call:?}");
    }
    let emulated = [Exit::Emulated; 51];
    assert_eq!(
        overrun(
            &Stage {
                turn_ms: 0,
                ..STAGE
            },
            &emulated
        ),
        "stalled-exits"
    );
}

#[test]
fn time_that_a_guest_did_not_get_is_not_its_cost() {
    // The emulator stood still for three seconds in every turn; the tick allows 10 ms.
    let stopped = Stage {
        turn_ms: 3_000,
        ..STAGE
    };
    let mut exits = vec![Exit::HostInterrupt; 4];
    exits.push(SHUTDOWN);
    assert_eq!(play_on(&stopped, &exits, |_| ()).outcome, Outcome::Shutdown);
    assert_eq!(overrun(&stopped, &[Exit::HostInterrupt; 6]), "cpu-ms");
}

#[test]
fn exits_that_lead_nowhere_are_counted() {
    let quick = Stage {
        turn_ms: 0,
        ..STAGE
    };
    let mut exits = vec![UNKNOWN; 50];
    exits.extend(say("."));
    exits.extend([UNKNOWN; 51]);
    assert_eq!(overrun(&quick, &exits), "stalled-exits");
}

#[test]
fn totals_end_a_guest_that_never_stalls() {
    let totals = |budgets| Stage { budgets, ..STAGE };
    let stage = totals(Budgets {
        total_exits: 20,
        ..BUDGETS
    });
    assert_eq!(overrun(&stage, &say(&".".repeat(21))), "total-exits");
    let stage = totals(Budgets {
        total_bytes: 20,
        ..BUDGETS
    });
    assert_eq!(overrun(&stage, &say(&".".repeat(21))), "total-bytes");
    let stage = totals(Budgets {
        total_cpu_ms: 200,
        ..BUDGETS
    });
    assert_eq!(overrun(&stage, &say(&".".repeat(21))), "total-cpu-ms");
    let stage = Stage {
        budgets: Budgets {
            wall_ms: 10_000,
            ..BUDGETS
        },
        turn_ms: 3_000,
        ..STAGE
    };
    assert_eq!(overrun(&stage, &say("....")), "wall-ms");
}
