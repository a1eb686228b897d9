//! A guest's timer, and its waits.

use super::*;

const fn waits(until_ms: u64) -> Exit {
    Exit::Waits {
        until_ns: until_ms * MS,
    }
}

const QUICK: Stage<'_> = Stage {
    turn_ms: 0,
    ..STAGE
};

#[test]
fn a_guest_that_waits_for_its_timer_sleeps_until_then() {
    let played = play_on(&QUICK, &[waits(35), SHUTDOWN], |_| ());
    assert_eq!(played.outcome, Outcome::Shutdown);
    assert_eq!(played.waits, [10, 10, 10, 5], "the host's ticks between");
    assert_eq!(played.resumes, [Resume::Go; 2]);
}

/// A call that suspends the CPU waits like an instruction that does, and is answered then.
#[test]
fn a_guest_that_suspends_itself_sleeps_until_then() {
    let until_ns = 25 * MS;
    let suspend = Exit::Call(Call::Suspend { until_ns });
    let played = play_on(&QUICK, &[suspend, SHUTDOWN], |_| ());
    assert_eq!(played.outcome, Outcome::Shutdown);
    assert_eq!(played.waits, [10, 10, 5]);
    let answer = Resume::Reply(Reply::Value(0));
    assert_eq!(played.resumes, [Resume::Go, answer]);
}

#[test]
fn a_wait_that_is_over_is_none() {
    let played = play(&[Exit::HostInterrupt, waits(15), SHUTDOWN]);
    assert_eq!(played.waits, [] as [u64; 0]);
    assert_eq!(played.outcome, Outcome::Shutdown);
}

/// Waiting is no time of the guest's own, so that one that sleeps for long is no runaway; nor is it
/// progress, and the host's own time goes on.
#[test]
fn a_sleeper_is_bounded_by_the_wall_clock_alone() {
    let mut exits: Vec<_> = (1..=40).map(|n| waits(n * 1000)).collect();
    exits.push(SHUTDOWN);
    let played = play_on(&QUICK, &exits, |_| ());
    assert_eq!(played.outcome, Outcome::Shutdown);
    assert!(played.waits.iter().all(|wait| *wait <= TICK_MS));
    let reason = killed(play_on(&QUICK, &[waits(u64::MAX / MS)], |_| ()).outcome);
    let limit = BUDGETS.wall_ms;
    let budget = "wall-ms";
    assert_eq!(reason, Reason::Overrun(Overrun { budget, limit }));
    // One that wakes for nothing, over and over, is ended for that.
    let nothing: Vec<_> = (1..=51).map(waits).collect();
    let reason = killed(play_on(&QUICK, &nothing, |_| ()).outcome);
    let (budget, limit) = ("stalled-exits", BUDGETS.stalled_exits);
    assert_eq!(reason, Reason::Overrun(Overrun { budget, limit }));
}

#[test]
fn nothing_to_wake_it_ends_a_guest() {
    assert_eq!(killed(play(&[Exit::Idle]).outcome), Reason::Idle);
}

#[test]
fn the_hosts_alarm_is_the_guests_deadline_and_none_is_left() {
    let deadlines = [None, Some(7), Some(7), Some(9), None];
    let stage = Stage {
        deadlines: &deadlines,
        ..QUICK
    };
    let mut exits = vec![Exit::HostInterrupt; 3];
    exits.push(SHUTDOWN);
    let played = play_on(&stage, &exits, |_| ());
    assert_eq!(played.alarms, deadlines);
}

#[test]
fn a_deadline_that_has_come_is_no_alarm() {
    let turn = TURN_MS * MS;
    let later = Some(3 * turn + 1);
    let stage = Stage {
        deadlines: &[Some(turn), Some(turn), Some(0), later, None],
        ..STAGE
    };
    let mut exits = vec![Exit::HostInterrupt; 4];
    exits.push(SHUTDOWN);
    let played = play_on(&stage, &exits, |_| ());
    let alarms = [Some(turn), None, None, later, None, None];
    assert_eq!(played.alarms, alarms);
}

#[test]
fn what_is_typed_is_read_in_order_and_no_more_than_was_asked_for() {
    let read = |gpa, len| {
        let gpa = Gpa::new(gpa);
        Exit::Call(Call::Read { gpa, len })
    };
    let get = Exit::Call(Call::GetByte);
    let stage = Stage {
        typed: "hello, world",
        ..QUICK
    };
    let exits = [
        get,
        read(RAM, 4),
        read(FLASH, 4),
        read(RAM + 4, 0),
        read(RAM + 4, RAM_SIZE - 4),
        get,
        read(RAM, 1),
        SHUTDOWN,
    ];
    let played = play_on(&stage, &exits, |_| ());
    let replies = [
        Reply::Value(b'h'.into()),
        Reply::Value(4),
        Reply::InvalidParameter,
        Reply::Value(0),
        Reply::Value(7),
        Reply::Value(u64::MAX),
        Reply::Value(0),
    ];
    assert_eq!(played.resumes[1..], replies.map(Resume::Reply));
    assert_eq!(&played.ram[..11], b"ello, world");
}

#[test]
fn one_read_gives_so_much() {
    let typed = "x".repeat(1000);
    let stage = Stage {
        typed: &typed,
        ..QUICK
    };
    let read = Exit::Call(Call::Read {
        gpa: Gpa::new(RAM),
        len: RAM_SIZE,
    });
    let played = play_on(&stage, &[read, SHUTDOWN], |_| ());
    let reply = Reply::Value(READ_LIMIT);
    assert_eq!(played.resumes[1..], [Resume::Reply(reply)]);
}
