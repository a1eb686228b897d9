//! What a matrix builds before its runs, and what changes during these.

use super::{CARGO, Suite, outcomes};
use crate::cases::STORY;
use crate::support::Ran;
use crate::survival::{start, toolchain, until};
use std::fs;

pub fn built_once() {
    let suite = Suite::new(&[]);
    let bed = &suite.0;
    let path = toolchain(bed, CARGO);
    fs::write(bed.at("none"), "").expect("the platform file");
    fs::create_dir_all(bed.at("gkernel/src/bin")).expect("the bed is ours");
    for guest in ["one", "two"] {
        fs::write(bed.at("gkernel/src/bin").join(format!("{guest}.rs")), "").expect("ours");
    }
    for (scenario, guest) in [("a", "one"), ("b", "two"), ("c", "one"), ("d", "two")] {
        let story = STORY.replacen("\"guest\"", &format!("{guest:?}"), 1);
        let file = bed.at("tests/scenarios").join(format!("{scenario}.toml"));
        fs::write(file, story).expect("the bed is ours");
    }
    let mut command = suite.command_that_builds(&["--jobs", "2"]);
    let ran: Ran = command
        .env("PATH", path)
        .output()
        .expect("it starts")
        .into();
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert_eq!(suite.results().cases.len(), 4);
    let log = fs::read_to_string(bed.at("log")).expect("cargo was started");
    assert_eq!(log, "hypervisor\none\ntwo\n");
}

pub fn build_fails() {
    let suite = Suite::new(&[("a", "good")]);
    let path = toolchain(&suite.0, "echo 'error: no such crate' >&2; exit 101");
    fs::write(suite.0.at("none"), "").expect("the platform file");
    let mut command = suite.command_that_builds(&[]);
    let ran: Ran = command
        .env("PATH", path)
        .output()
        .expect("it starts")
        .into();
    assert_eq!(ran.code, Some(4), "{ran:#?}");
    assert!(ran.stderr.contains("no such crate"), "{ran:#?}");
    assert!(suite.runs().is_empty() && !suite.matrices().exists());
}

pub fn file_changes() {
    let suite = Suite::new(&[("a", "waiting"), ("b", "good")]);
    let harness = start(&mut suite.command(&["--jobs", "1"]));
    until("the first machine", || !suite.0.pids().is_empty());
    fs::remove_file(suite.0.at("kernel.bin")).expect("the bed is ours");
    fs::write(suite.0.at("go"), "").expect("the bed is ours");
    let ran: Ran = harness.wait_with_output().expect("it is ours").into();
    assert_eq!(ran.code, Some(4), "{ran:#?}");
    assert_eq!(outcomes(&suite.results()), "a passed, b set-up");
    assert!(
        ran.stdout
            .contains("a file was changed while the matrix went on"),
        "{ran:#?}"
    );
}
