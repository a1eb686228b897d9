//! Signals to the harness that its caller ignores, and the one that stops it for a while.

use crate::cases::{Act::*, Case, LONG, OFF, ONE, THREE, TWO, case};
use crate::dispositions::with_signals;
use crate::support::Ran;
use crate::survival::{bed, nothing_is_left, recorded, start, start_as_it_is, until};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::time::Duration;

/// The machines.
pub const CASES: &[Case] = &[
    case(
        "signals_wait",
        &[Boot, ONE, AwaitFile("go"), TWO, THREE, OFF],
        LONG,
        0,
        &[],
    ),
    case(
        "signals_wait_a_little",
        &[Boot, ONE, AwaitFile("go"), TWO, THREE, OFF],
        "2s",
        0,
        &[],
    ),
];

/// The tests.
pub const TESTS: &[(&str, fn())] = &[
    ("a_hangup_under_nohup_changes_nothing", hangup_under_nohup),
    (
        "an_interrupt_that_the_caller_ignores_changes_nothing",
        interrupt_of_a_background_job,
    ),
    (
        "a_caller_that_ignores_the_ends_of_its_children",
        children_of_nobody,
    ),
    (
        "a_harness_that_is_stopped_for_longer_than_the_run_may_take",
        stopped_for_long,
    ),
];

fn passes_in_spite_of(signal: Signal) {
    let bed = bed("signals_wait");
    let mut command = bed.command();
    let mut harness = start_as_it_is(with_signals(&mut command, &[signal], &[]));
    until("the record of a step", || recorded(&bed, "step one"));
    kill_process(Pid::from_child(&harness), signal).expect("it is still there");
    fs::write(bed.at("pids").with_file_name("go"), "").expect("the bed is ours");
    let code = harness.wait().expect("it is ours").code();
    assert_eq!(code, Some(0), "on {signal:?}");
    nothing_is_left(&bed);
}

fn hangup_under_nohup() {
    passes_in_spite_of(Signal::HUP);
}

fn interrupt_of_a_background_job() {
    passes_in_spite_of(Signal::INT);
    passes_in_spite_of(Signal::TERM);
}

fn children_of_nobody() {
    let bed = bed("survival_good");
    let mut command = bed.command();
    let ran = with_signals(&mut command, &[Signal::CHILD], &[]).output();
    let ran: Ran = ran.expect("the harness can be started").into();
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    nothing_is_left(&bed);
}

/// Stops the harness when the machine has begun, and lets it go on long after the run's clock would
/// have run out and the machine has ended.
fn stopped_for_long() {
    std::thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(stopped_once);
        }
    });
}

fn stopped_once() {
    let bed = bed("signals_wait_a_little");
    let harness = start(&mut bed.command());
    until("the record of a step", || recorded(&bed, "step one"));
    let pid = Pid::from_child(&harness);
    kill_process(pid, Signal::STOP).expect("it is still there");
    // A signal takes its time: until all threads stand still, one may see the machine's end.
    until("the harness's stop", || stands_still(harness.id()));
    fs::write(bed.at("go"), "").expect("the bed is ours");
    until("the machine's end", || {
        bed.pids().iter().all(|pid| zombie(pid))
    });
    // The very thing that is tested is that time passes.
    std::thread::sleep(Duration::from_secs(3));
    kill_process(pid, Signal::CONT).expect("it is still there");
    let ran: Ran = harness.wait_with_output().expect("it is ours").into();
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    let note = "the harness itself was stopped for ";
    assert!(ran.stdout.contains(note), "{ran:#?}");
    nothing_is_left(&bed);
}

/// Whether all threads of a process are stopped.
fn stands_still(pid: u32) -> bool {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).expect("it is still there");
    let mut threads = threads.map(|thread| thread.expect("it can be listed").path());
    threads.all(|thread| {
        let stat = fs::read_to_string(thread.join("stat"));
        stat.is_ok_and(|stat| stat.contains(") T "))
    })
}

/// Whether a process has ended, and nobody has looked yet.
fn zombie(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| stat.contains(") Z "))
}
