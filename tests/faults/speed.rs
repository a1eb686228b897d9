//! How fast a failure is reported, and in how much memory: the promises with figures.

use crate::accounts::STORY_OF_ANY_FAULTS;
use crate::bed::Bed;
use crate::cases::{Act::*, Case, LONG, ONE, case};
use crate::fake;
use crate::support;
use serde_json::Value;
use std::fs::{self, File};
use std::io::Write;

/// From what decides to the harness's end.
const LATENCY_LIMIT_MS: f64 = 100.0;
/// What the harness itself may take up, however much is printed.
const MEMORY_LIMIT_KIB: u64 = 64 << 10;

/// The machines.
pub const CASES: &[Case] = &[
    case(
        "told_at_once_panic",
        &[Boot, ONE, Mark, Say("panicked at x.rs\n"), Hang],
        LONG,
        1,
        &[],
    ),
    case(
        "told_at_once_death",
        &[Boot, ONE, Mark, Abort],
        LONG,
        1,
        &[],
    ),
    case(
        "told_at_once_exit",
        &[Boot, ONE, Mark, Exit(3)],
        LONG,
        1,
        &[],
    ),
    case("big_flood", &[Boot, Flood("noise"), Hang], LONG, 1, &[]),
    case(
        "big_flood_of_nothing",
        &[Boot, Flood(""), Hang],
        LONG,
        1,
        &[],
    ),
    case(
        "big_flood_of_controls",
        &[Boot, Flood("\0\x07\0\x07\0"), Hang],
        LONG,
        1,
        &[],
    ),
    case("big_endless_line", &[Boot, EndlessLine, Hang], LONG, 1, &[]),
    Case {
        story: STORY_OF_ANY_FAULTS,
        ..case("big_log", &[Boot, LogFlood(FAULT)], LONG, 1, &[])
    },
];

/// A fault as QEMU logs it; the first of them are kept one by one.
const FAULT: &str =
    "riscv_trap hart:0, async:0, cause:21, epc:0x0, tval:0x22000000, desc=guest_load_page_fault";

/// The tests.
pub const TESTS: &[(&str, fn())] = &[
    ("a_forbidden_line_is_told_at_once", || {
        told_at_once("told_at_once_panic");
    }),
    ("a_death_of_qemu_is_told_at_once", || {
        told_at_once("told_at_once_death");
    }),
    ("an_exit_of_qemu_is_told_at_once", || {
        told_at_once("told_at_once_exit");
    }),
    ("floods_cost_little_memory", floods_cost_little_memory),
    (
        "a_log_without_end_costs_little",
        a_log_without_end_costs_little,
    ),
    (
        "a_recorded_console_costs_little_memory",
        a_recorded_console_costs_little_memory,
    ),
];

fn machine(name: &str) -> &'static Case {
    let found = CASES.iter().find(|case| case.name == name);
    found.expect("a machine of this file")
}

/// The median of some runs, from the machine's mark to the end of the harness's process.
fn told_at_once(name: &str) {
    let mut latencies: Vec<f64> = (0..11).map(|_| latency(machine(name))).collect();
    latencies.sort_by(f64::total_cmp);
    let median = latencies[latencies.len() / 2];
    eprintln!("{name}: {median:.1} ms to the harness's end, median");
    assert!(median < LATENCY_LIMIT_MS, "{name}: {latencies:.1?} ms");
}

fn latency(case: &Case) -> f64 {
    let bed = Bed::new(case).expect("the bed can be made");
    let ran = bed.run();
    let end = fake::now();
    assert_eq!(ran.code, Some(case.exit), "{ran:#?}");
    let mark = fs::read_to_string(bed.at(fake::MOMENT)).expect("the machine made its mark");
    (end - mark.parse::<i64>().expect("a number")) as f64 / 1e6
}

fn floods_cost_little_memory() {
    for name in [
        "big_flood",
        "big_flood_of_nothing",
        "big_flood_of_controls",
        "big_endless_line",
    ] {
        let bed = Bed::new(machine(name)).expect("the bed can be made");
        let ran = bed.run();
        let report = ran.json();
        assert_eq!(
            report["verdict"]["kind"], "forbidden-output",
            "{name}: {ran:#?}"
        );
        assert_little(&report, name);
        let records = bed.runs().pop().expect("a run leaves records");
        let events = fs::metadata(records.join("events.jsonl"))
            .expect("they are there")
            .len();
        assert!(events < 256 << 20, "{name}: {events} bytes of events");
        assert_eq!(bed.left_overs(), Vec::<String>::new(), "{name}");
    }
}

fn a_log_without_end_costs_little() {
    let bed = Bed::new(machine("big_log")).expect("the bed can be made");
    let ran = bed.run();
    let report = ran.json();
    assert_eq!(report["verdict"]["kind"], "exit-flood", "{ran:#?}");
    assert_little(&report, "big_log");
    let records = bed.runs().pop().expect("a run leaves records");
    let log = fs::read_to_string(records.join("witness.log")).expect("it is there");
    assert!(log.len() < 6 << 20, "{} bytes of log", log.len());
    assert!(log.starts_with(FAULT) && log.ends_with("fault\n"));
    assert!(log.contains(" bytes are left out here]"));
    assert_eq!(bed.left_overs(), Vec::<String>::new());
}

/// The harness's own peak, as the kernel tells it.
fn assert_little(report: &Value, what: &str) {
    let peak = report["memory_kib"].as_u64().expect("the kernel tells");
    eprintln!("{what}: {} MiB at most", peak >> 10);
    assert!(peak < MEMORY_LIMIT_KIB, "{what}: {peak} KiB");
}

fn a_recorded_console_costs_little_memory() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("console.log");
    let mut file = File::create(&log).expect("a file");
    let line = format!("{}\n", "a line of chatter, as kernels print it ".repeat(3));
    let block = line.repeat(10_000);
    for _ in 0..(100 << 20) / block.len() + 1 {
        file.write_all(block.as_bytes()).expect("room");
    }
    file.write_all(&vec![b'x'; 100 << 20]).expect("room");
    let log = log.to_string_lossy();
    let ran = support::harness(&["judge", "--arch", "riscv64", "--format", "json", &log]);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    assert_little(&ran.json(), "a console of 200 MiB");
}
