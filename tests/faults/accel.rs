//! What executes the machine's instructions, as QEMU says it, and not as it was asked for.

use crate::bed::Bed;
use crate::cases::{Act::*, Case, LONG, OFF, ONE, THREE, TWO, case};
use crate::support::Ran;
use serde_json::Value;

const KVM: &str = r#"{"enabled": true, "present": true}"#;

/// The machines.
pub const CASES: &[Case] = &[
    case(
        "accel_tcg",
        &[Boot, ONE, TWO, THREE, OFF, Exit(0)],
        LONG,
        0,
        &[],
    ),
    case(
        "accel_kvm",
        &[
            Greet(10),
            Obey("qmp_capabilities"),
            Reply("query-kvm", KVM),
            Obey("cont"),
            ONE,
            TWO,
            THREE,
            OFF,
            Exit(0),
        ],
        LONG,
        0,
        &[],
    ),
    case(
        "accel_does_not_say",
        &[
            Greet(10),
            Obey("qmp_capabilities"),
            Refuse("query-kvm"),
            Obey("cont"),
            ONE,
            TWO,
            THREE,
            OFF,
            Exit(0),
        ],
        LONG,
        0,
        &[],
    ),
    case(
        "accel_says_rubbish",
        &[
            Greet(10),
            Obey("qmp_capabilities"),
            Reply("query-kvm", "[1, \"kvm\"]"),
            Obey("cont"),
            ONE,
            TWO,
            THREE,
            OFF,
        ],
        LONG,
        0,
        &[],
    ),
];

/// The tests.
pub const TESTS: &[(&str, fn())] = &[
    (
        "the_accelerator_of_a_report_is_the_one_that_qemu_says",
        told,
    ),
    (
        "an_accelerator_that_was_not_asked_for_is_no_run",
        not_asked_for,
    ),
    (
        "kvm_for_another_architecture_is_refused_with_the_reason",
        refused,
    ),
    ("auto_says_what_it_chose_and_why", auto),
];

fn bed(name: &str) -> Bed {
    let case = CASES.iter().find(|case| case.name == name);
    Bed::new(case.expect("it is a case")).expect("the bed can be made")
}

fn run(bed: &Bed, args: &[&str]) -> Ran {
    let run = bed.command().args(args).output();
    run.expect("the harness can be started").into()
}

fn told() {
    for (case, accelerator) in [
        ("accel_tcg", Value::from("tcg")),
        ("accel_kvm", Value::from("kvm")),
        ("accel_does_not_say", Value::Null),
        ("accel_says_rubbish", Value::Null),
    ] {
        let bed = bed(case);
        let ran = run(&bed, &["--format", "json"]);
        assert_eq!(ran.code, Some(0), "{ran:#?}");
        assert_eq!(ran.json()["accelerator"], accelerator, "{case}");
        let run_dir = &bed.runs()[0];
        let booted = std::fs::read_to_string(run_dir.join("run.json")).expect("it is written");
        let booted: Value = serde_json::from_str(&booted).expect("it is JSON");
        assert_eq!(booted["accelerator"], accelerator, "{case}");
        // A record that is judged again says the same.
        let again = crate::support::harness(&["judge", &run_dir.to_string_lossy()]);
        let line = accelerator
            .as_str()
            .map(|name| format!("  accelerator: {name}\n"));
        assert_eq!(
            line.as_ref()
                .is_some_and(|line| again.stdout.contains(line)),
            line.is_some(),
            "{again:#?}"
        );
    }
}

fn not_asked_for() {
    let bed = bed("accel_kvm");
    let ran = run(&bed, &["--accel", "tcg"]);
    assert_eq!(ran.code, Some(4), "{ran:#?}");
    assert!(
        ran.stderr
            .contains("tcg was asked for, and it says that it runs with kvm"),
        "{ran:#?}"
    );
    assert_eq!(bed.left_overs(), [""; 0]);
}

/// The bed's machine is of riscv64, which no computer that runs this is.
fn refused() {
    let bed = bed("accel_tcg");
    let ran = run(&bed, &["--accel", "kvm"]);
    assert_eq!(ran.code, Some(4), "{ran:#?}");
    for text in [
        "KVM is asked for, and cannot be used",
        "the machine riscv64",
        "--accel tcg",
    ] {
        assert!(ran.stderr.contains(text), "{ran:#?}");
    }
    assert!(bed.pids().is_empty(), "no machine was started");
}

fn auto() {
    let bed = bed("accel_tcg");
    let ran = run(&bed, &["--accel", "auto"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    let note = "note: accelerator tcg, chosen by `auto`: this computer is ";
    assert!(ran.stdout.contains(note), "{ran:#?}");
    let command =
        std::fs::read_to_string(bed.runs()[0].join("command.txt")).expect("it is written");
    assert!(command.contains("-accel tcg"), "{command}");
}
