//! The results of several cases.

use super::*;
use crate::judge::results::Outcome;
use crate::judge::{By, CaseResult, StorySpec};

/// Two results, and the steps `start` and `ok`, behind which nothing comes. Any other case fails the run.
fn swept() -> Story {
    let mut spec: StorySpec = story(vec![step("start"), step("ok")]).spec().clone();
    spec.results = vec![CaseResult::new("ports"), CaseResult::new("msrs")];
    spec.forbidden.push(Forbidden::new("^CASE .*FAILED"));
    spec.forbidden.push(Forbidden {
        from: Some("ok".into()),
        ..Forbidden::new(".")
    });
    assert_eq!(spec.objection(), None);
    Story::of(spec).unwrap()
}

/// The results in a verdict that is about them, in short.
fn wrong(verdict: &Verdict) -> Vec<(&str, Outcome, Option<&str>)> {
    let Verdict::ResultsWrong { results, .. } = verdict else {
        panic!("{verdict:?}");
    };
    let short = results
        .iter()
        .map(|r| (&*r.name, r.outcome, r.line.as_deref()));
    short.collect()
}

#[test]
fn a_run_passes_if_each_result_is_ok_in_any_order() {
    let story = swept();
    for lines in [
        ["start", "CASE ports: ok", "CASE msrs: ok", "ok"],
        ["CASE msrs: ok", "start", "CASE ports: ok", "ok"],
    ] {
        assert_eq!(judge(&story, &lines), Verdict::Pass, "{lines:?}");
    }
}

#[test]
fn a_result_that_failed_does_not_end_the_run_and_fails_it() {
    let story = swept();
    let lines = [
        "start",
        "CASE ports: FAILED 2 are open: 0x70 0x71",
        "CASE msrs: FAILED",
        "ok",
    ];
    let verdict = judge(&story, &lines);
    assert_eq!(
        wrong(&verdict),
        [
            ("ports", Outcome::Failed, Some(lines[1])),
            ("msrs", Outcome::Failed, Some(lines[2])),
        ]
    );
    assert_eq!(
        verdict.to_string(),
        "2 of 2 results are not ok:\n  ports failed (CASE ports: FAILED 2 are open: 0x70 0x71)\n  \
         msrs failed (CASE msrs: FAILED)"
    );
    assert_eq!(story.blame(&verdict), Blame::GuestOrHypervisor);
}

#[test]
fn a_result_that_does_not_come_or_too_late_is_missing() {
    let story = swept();
    let verdict = judge(&story, &["start", "CASE ports: ok", "ok"]);
    assert_eq!(wrong(&verdict), [("msrs", Outcome::Missing, None)]);
    let late = ["start", "CASE ports: ok", "ok", "CASE msrs: ok"];
    let verdict = judge(&story, &late);
    assert_eq!(verdict.kind(), "forbidden-output", "{verdict:?}");
    // Neither the beginning of a name nor something behind `ok` is a result.
    let lines = [
        "start",
        "CASE port: ok",
        "CASE ports: ok?",
        "CASE msrs: ok",
        "ok",
    ];
    let verdict = judge(&story, &lines);
    assert_eq!(wrong(&verdict), [("ports", Outcome::Missing, None)]);
}

#[test]
fn a_result_comes_once_and_one_that_nobody_asked_for_must_not_fail() {
    let story = swept();
    let twice = ["start", "CASE ports: ok", "CASE ports: FAILED 0x70"];
    assert_eq!(
        judge(&story, &twice),
        Verdict::ForbiddenOutput {
            line: twice[2].into(),
            rule: "^CASE .*FAILED".into()
        }
    );
    let twice = ["start", "CASE ports: FAILED 0x70", "CASE ports: ok"];
    assert_eq!(
        judge(&story, &twice),
        Verdict::Diverged {
            line: twice[2].into(),
            belongs_to: "ports".into(),
            awaited: None
        }
    );
    let other = judge(&story, &["start", "CASE other: FAILED"]);
    assert_eq!(other.kind(), "forbidden-output");
}

#[test]
fn a_pattern_of_ones_own_tells_other_lines_and_the_worse_of_two_counts() {
    let mut spec = story(vec![step("start")]).spec().clone();
    spec.results = vec![CaseResult {
        by: Some(By::Guest),
        pattern: "^PASS: sieve|^.*: sieve".into(),
        failed: "^FAIL: sieve".into(),
        name: "sieve".into(),
    }];
    let story = Story::of(spec).unwrap();
    assert_eq!(judge(&story, &["PASS: sieve", "start"]), Verdict::Pass);
    let verdict = judge(&story, &["FAIL: sieve", "start"]);
    assert_eq!(
        wrong(&verdict),
        [("sieve", Outcome::Failed, Some("FAIL: sieve"))]
    );
}

#[test]
fn results_alone_are_a_story_and_their_names_and_patterns_are_held_to_the_same_rules() {
    let mut spec = story(Vec::new()).spec().clone();
    assert!(spec.objection().unwrap().contains("every run would pass"));
    spec.results = vec![CaseResult::new("ports")];
    assert_eq!(spec.objection(), None);
    let story = Story::of(spec.clone()).unwrap();
    assert_eq!(judge(&story, &["CASE ports: ok"]), Verdict::Pass);
    let nothing = judge(&story, &["x"]);
    assert_eq!(wrong(&nothing), [("ports", Outcome::Missing, None)]);
    spec.steps = vec![step("ports")];
    assert!(spec.objection().unwrap().contains("no name of its own"));
    spec.steps.clear();
    spec.results[0].failed = "x*".into();
    assert!(spec.objection().unwrap().contains("is any line"));
}

#[test]
fn a_line_is_kept_up_to_its_bound_and_is_progress() {
    let story = swept();
    let mut judge = Judge::new(&story, None);
    let long = format!("CASE ports: FAILED {}", "ü".repeat(10_000));
    assert!(judge.feed(&Event::line(&*long)).is_continue());
    let kept = judge.results()[0].line.as_deref().unwrap();
    assert_eq!(kept.chars().count(), 240);
    assert_eq!(judge.progress(), 1);
}
