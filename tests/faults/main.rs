//! A fake QEMU that misbehaves in every way we could think of, and a table with the exact verdict that
//! the harness must reach on each.
//!
//! This program is both: started with `--fake-qemu CASE`, after the arguments that the harness adds, it
//! is the fake; otherwise it runs the tests.

mod accel;
mod accounts;
mod bed;
mod cases;
mod clocks;
#[path = "../support/dispositions.rs"]
mod dispositions;
mod fake;
mod matrix;
mod shell;
mod signals;
mod speed;
#[path = "../support/mod.rs"]
mod support;
mod survival;

use bed::Bed;
use cases::Case;
use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    let mut parts = args.splitn(2, |word| word == fake::FLAG);
    if let (Some(control), Some([case, pids, disk, log @ ..])) = (parts.next(), parts.next()) {
        let machine = fake::Machine {
            pids: Path::new(pids),
            qmp: fake::descriptor(control, "qmp"),
            serial: fake::descriptor(control, "console"),
            disk: Path::new(disk),
            log: log.first().map(Path::new),
        };
        return fake::play(case, &machine);
    }
    let table = table().map(|case| Trial::test(case.name, || check(case)));
    let others = [("every_case_has_a_name_of_its_own", names_differ as fn())]
        .into_iter()
        .chain(survival::TESTS.iter().copied())
        .chain(accounts::TESTS.iter().copied())
        .chain(signals::TESTS.iter().copied())
        .chain(matrix::TESTS.iter().copied())
        .chain(speed::TESTS.iter().copied())
        .chain(accel::TESTS.iter().copied())
        .chain(shell::TESTS.iter().copied())
        .map(|(name, test)| Trial::test(name, move || story(test)));
    libtest_mimic::run(&Arguments::from_args(), table.chain(others).collect()).exit_code()
}

/// The cases whose verdict is all that is looked at.
fn table() -> impl Iterator<Item = &'static Case> {
    let topics = cases::TOPICS.into_iter().chain(accounts::TOPICS);
    topics.flatten().chain(clocks::CASES)
}

/// Every machine that the fake can be.
fn machines() -> impl Iterator<Item = &'static Case> {
    let others = survival::CASES.iter().chain(signals::CASES);
    let others = others.chain(accounts::OTHERS).chain(matrix::CASES);
    let others = others.chain(accel::CASES).chain(shell::CASES);
    table().chain(others).chain(speed::CASES)
}

/// A test that is no row of the table; it panics if it fails.
fn story(test: fn()) -> Result<(), Failed> {
    std::panic::catch_unwind(test).map_err(|_| "see the panic above".into())
}

/// Runs the harness on a machine that plays the case, and holds it to the case's verdict.
fn check(case: &Case) -> Result<(), Failed> {
    let bed = Bed::new(case).map_err(|error| format!("the bed cannot be made: {error}"))?;
    let ran = bed.run();
    let report = ran.json();
    let mut problems = Vec::new();
    if ran.code != Some(case.exit) {
        problems.push(format!("exit code {:?} instead of {}", ran.code, case.exit));
    }
    for (pointer, expected) in case.verdict {
        let found = report.pointer(pointer).map_or("nothing".into(), shown);
        if !found.contains(expected) {
            problems.push(format!("{pointer} is {found:?}, which lacks {expected:?}"));
        }
    }
    let told = report["run_dir"].as_str().map(Path::new);
    if !told.is_some_and(|run| run.join("verdict.json").is_file()) {
        problems.push(format!("{told:?} is not the folder of its records"));
    }
    problems.extend(bed.judged_again(&ran));
    problems.extend(bed.left_overs());
    if problems.is_empty() {
        return Ok(());
    }
    Err(format!("{}\n{}\n{}", problems.join("\n"), ran.stdout, ran.stderr).into())
}

fn shown(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn names_differ() {
    let mut names: Vec<_> = machines().map(|case| case.name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "two cases have the same name");
}
