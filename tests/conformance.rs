//! The conformance suite: each case on each architecture is a test of its own, named
//! `<case>::<architecture>`, so that the usual tools filter and shard them.

mod support;

use harness::Project;
use harness::tools::conformance;
use libtest_mimic::{Arguments, Failed, Trial};
use std::process::ExitCode;
use support::{harness, root};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let mut trials = vec![Trial::test("the_page_is_up_to_date", page_is_up_to_date)];
    for case in conformance::cases(&Project::new(root())).expect("the scenarios can be read") {
        for arch in case.arches {
            let scenario = case.name.clone();
            let name = format!("{scenario}::{arch}");
            trials.push(Trial::test(name, move || passes(&scenario, arch.name())));
        }
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Boots the case and wants a pass.
fn passes(scenario: &str, arch: &str) -> Result<(), Failed> {
    let ran = harness(&[
        "run",
        "--arch",
        arch,
        "--scenario",
        scenario,
        "--format",
        "json",
    ]);
    match ran.code {
        Some(0) => Ok(()),
        Some(4) => Err(format!("the set-up is incomplete: run ./x setup\n{}", ran.stderr).into()),
        _ => {
            let report = ran.json();
            Err(format!("{}\n{report:#}\n{}", report["text"], ran.stderr).into())
        }
    }
}

fn page_is_up_to_date() -> Result<(), Failed> {
    let project = Project::new(root());
    let kept = std::fs::read_to_string(project.conformance_page()).unwrap_or_default();
    if kept == conformance::page(&project)? {
        return Ok(());
    }
    let page = project.conformance_page();
    let page = project.short(&page).display();
    Err(format!("{page} is not what the scenarios say: ./x list --markdown > {page}").into())
}
