//! What comes of the cases of a matrix, and of the whole.

use super::{Suite, lines, outcomes, said};
use crate::support;
use crate::survival::start;
use harness::matrix::Outcome;
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};

pub fn one_among_many() {
    let suite = Suite::new(&[("a", "good"), ("b", "bad"), ("c", "good"), ("d", "good")]);
    let ran = suite.run(&["--jobs", "2"]);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    let expected = [
        "PASS a::good",
        "FAIL b::bad",
        "PASS c::good",
        "PASS d::good",
    ];
    assert_eq!(said(&ran), lines(expected));
    for text in [
        "\n  FAIL b on riscv64: ",
        "panicked at x.rs",
        "\n  b @ bad ",
        "\n  and 3 more, which passed (--table shows them)\n",
        "\nFAIL 4 cases: 1 failed, 3 passed, ",
        "again:   ./x matrix --rerun-failed",
    ] {
        assert!(ran.stdout.contains(text), "{text:?} is missing: {ran:#?}");
    }
    assert!(
        !ran.stdout.contains('\x1b'),
        "no terminal is there: {ran:#?}"
    );
    let results = suite.results();
    assert_eq!(outcomes(&results), "a passed, b failed, c passed, d passed");
    // Of a run that passed the images are gone, and the rest is as of any run.
    for case in &results.cases {
        let [attempt] = &case.attempts[..] else {
            panic!("{} was run {} times", case.name, case.attempts.len());
        };
        let run = attempt.report.run_dir.clone().expect("it has a folder");
        // And what was seen takes up little.
        let failed = case.outcome == Outcome::Failed;
        for (name, is_there) in [
            ("disk.img", failed),
            ("events.jsonl", failed),
            ("events.jsonl.gz", !failed),
        ] {
            assert_eq!(run.join(name).is_file(), is_there, "{name}");
        }
        let again = support::harness(&["judge", &run.to_string_lossy()]);
        assert_eq!(
            again.code,
            Some(attempt.report.exit_code.into()),
            "{again:#?}"
        );
    }
}

pub fn second_try() {
    let scenarios = [("a", "broken_once"), ("b", "bad"), ("c", "broken")];
    let suite = Suite::new(&scenarios);
    let ran = suite.run(&["--jobs", "1", "--retries", "2"]);
    // A guest that failed is not to be run again because something else failed too.
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    let results = suite.results();
    assert_eq!(outcomes(&results), "a flaky, b failed, c set-up");
    let attempts: Vec<_> = results
        .cases
        .iter()
        .map(|case| case.attempts.len())
        .collect();
    assert_eq!(attempts, [2, 1, 3]);
    let folders = results.cases.iter().flat_map(|case| &case.attempts);
    let folders: BTreeSet<_> = folders
        .map(|attempt| attempt.report.run_dir.clone())
        .collect();
    assert_eq!(folders.len(), 6, "each run has a folder");
    assert!(
        folders
            .iter()
            .all(|folder| folder.as_ref().is_some_and(|folder| folder.is_dir()))
    );
    let expected = [
        "AGAIN a::broken_once",
        "AGAIN c::broken",
        "FAIL b::bad",
        "FLAKY a::broken_once",
        "STOPPED c::broken",
    ];
    assert_eq!(said(&ran), lines(expected));
    assert!(ran.stdout.contains("qemu: cannot open it"), "{ran:#?}");
}

pub fn flaky() {
    let suite = Suite::new(&[("a", "broken_once"), ("b", "good")]);
    let ran = suite.run(&["--retries", "1"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert!(
        ran.stdout.contains("\nPASS 2 cases: 1 flaky, 1 passed, "),
        "{ran:#?}"
    );
    let suite = Suite::new(&[("a", "broken_once"), ("b", "good")]);
    let ran = suite.run(&["--retries", "1", "--flaky", "fail"]);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    assert_eq!(outcomes(&suite.results()), "a flaky, b passed");
    // It is one of those that are run again then.
    let ran = suite.run(&["--rerun-failed", "--flaky", "fail", "--list"]);
    assert_eq!(ran.stdout, "a::broken_once\n");
    // Without a second try it is the set-up's failure.
    let suite = Suite::new(&[("a", "broken_once"), ("b", "good")]);
    assert_eq!(suite.run(&[]).code, Some(4));
}

pub fn fail_fast() {
    let suite = Suite::new(&[("a", "bad"), ("b", "good"), ("c", "good")]);
    let ran = suite.run(&["--jobs", "1", "--fail-fast"]);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    assert_eq!(outcomes(&suite.results()), "a failed, b not run, c not run");
    assert_eq!(suite.runs().len(), 1);
    assert!(
        ran.stdout.contains("1 failed, 2 not run, 0 passed"),
        "{ran:#?}"
    );
    // What was not run is still to be run.
    let ran = suite.run(&["--rerun-failed", "--list"]);
    assert_eq!(ran.stdout, "a::bad\nb::good\nc::good\n");
    // What goes on is finished: the one waits until the other has failed.
    let suite = Suite::new(&[("a", "bad"), ("b", "waiting"), ("c", "good")]);
    let mut harness = start(&mut suite.command(&["--jobs", "2", "--fail-fast"]));
    let mut lines = BufReader::new(harness.stdout.take().expect("it is piped")).lines();
    let told = |line: std::io::Result<String>| line.expect("text").starts_with("FAIL a::bad ");
    assert!(lines.any(told));
    fs::write(suite.0.at("go"), "").expect("the bed is ours");
    let rest = lines.count();
    assert_eq!(
        harness.wait().expect("it is ours").code(),
        Some(1),
        "{rest} more lines"
    );
    assert_eq!(outcomes(&suite.results()), "a failed, b passed, c not run");
}

pub fn timeouts() {
    let suite = Suite::new(&[("a", "good"), ("b", "hanging")]);
    let ran = suite.run(&["--timeout", "300ms"]);
    assert_eq!(ran.code, Some(3), "{ran:#?}");
    suite.write("c", "bad");
    assert_eq!(suite.run(&["--timeout", "300ms"]).code, Some(1));
    // Nothing is known of those that were not run.
    let suite = Suite::new(&[("a", "hanging"), ("b", "good")]);
    let ran = suite.run(&["--timeout", "300ms", "--jobs", "1", "--fail-fast"]);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    assert_eq!(outcomes(&suite.results()), "a failed, b not run");
    // A guest that hangs is worse than a machine that broke.
    let suite = Suite::new(&[("a", "hanging"), ("b", "broken")]);
    assert_eq!(suite.run(&["--timeout", "300ms"]).code, Some(3));
}
