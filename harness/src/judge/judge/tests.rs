mod own_errors;
mod results;
mod strands;

use super::*;
use crate::judge::verdict::{Blame, Clock, EndKind, MachineEnd};
use crate::judge::{By, Forbidden};

fn step(name: &str) -> Step {
    Step::new(name, format!("^{name}$"))
}

fn story(steps: Vec<Step>) -> Story {
    let forbidden = vec![Forbidden {
        pattern: "panicked".into(),
        by: Some(By::Guest),
        except: None,
        from: None,
        until: None,
    }];
    Story::new(steps, forbidden, EndKind::Shutdown).unwrap()
}

fn shutdown() -> MachineEnd {
    MachineEnd::Reported {
        kind: EndKind::Shutdown,
        reason: "guest-shutdown".into(),
    }
}

/// The verdict on lines that are followed by a shutdown.
fn judge(story: &Story, lines: &[&str]) -> Verdict {
    judge_end(story, lines, shutdown())
}

fn judge_end(story: &Story, lines: &[&str], end: MachineEnd) -> Verdict {
    let mut judge = Judge::new(story, None);
    let events = lines
        .iter()
        .map(|line| Event::line(*line))
        .chain([Event::End(end)]);
    for event in events {
        if let ControlFlow::Break(verdict) = judge.feed(&event) {
            return verdict;
        }
    }
    unreachable!("an end always gives a verdict")
}

#[test]
fn the_story_in_order_with_chatter_between_passes() {
    let story = story(vec![step("a"), step("b")]);
    assert_eq!(
        judge(&story, &["x", "a", "", "a", "y", "b", "z"]),
        Verdict::Pass
    );
}

#[test]
fn a_story_that_stops_names_what_came_and_what_did_not() {
    let story = story(vec![step("a"), step("b")]);
    let missing = |last: Option<&str>, next: &str| Verdict::MissingMarker {
        last: last.map(Into::into),
        next: next.into(),
    };
    assert_eq!(judge(&story, &[]), missing(None, "a"));
    assert_eq!(judge(&story, &["b", "a"]), missing(Some("a"), "b"));
}

#[test]
fn a_unique_line_out_of_its_turn_ends_the_run() {
    let mut last = step("b");
    last.unique = true;
    let story = story(vec![step("a"), last]);
    let diverged = |awaited: Option<&str>| Verdict::Diverged {
        line: "b".into(),
        belongs_to: "b".into(),
        awaited: awaited.map(Into::into),
    };
    assert_eq!(judge(&story, &["b", "a", "b"]), diverged(Some("a")));
    assert_eq!(judge(&story, &["a", "b", "b"]), diverged(None));
}

#[test]
fn what_is_awaited_may_come_although_it_is_forbidden_at_any_other_point() {
    let mut last = step("last");
    last.pattern = "^the guest panicked, as it should$".into();
    let story = story(vec![step("a"), last]);
    let awaited = "the guest panicked, as it should";
    assert_eq!(judge(&story, &["a", awaited]), Verdict::Pass);
    for lines in [
        &[awaited, "a"][..],
        &["a", "it panicked"],
        &["a", awaited, awaited],
    ] {
        let verdict = judge(&story, lines);
        let forbidden = matches!(verdict, Verdict::ForbiddenOutput { .. });
        assert!(forbidden, "{lines:?}: {verdict:?}");
    }
}

#[test]
fn a_forbidden_line_fails_even_after_the_last_step() {
    let story = story(vec![step("a")]);
    let verdict = judge(&story, &["a", "it panicked"]);
    assert!(matches!(&verdict, Verdict::ForbiddenOutput { line, .. } if line == "it panicked"));
    assert_eq!(story.blame(&verdict), Blame::Guest);
}

#[test]
fn an_error_of_the_hypervisor_is_a_killed_guest_unless_it_is_the_awaited_step() {
    let line = "Hypervisor error: npf outside";
    let plain = story(vec![step("a")]);
    assert_eq!(
        judge(&plain, &["a", line]),
        Verdict::GuestKilled {
            exit: "npf outside".into()
        }
    );
    let mut killed = step("killed");
    killed.pattern = "^Hypervisor error: npf".into();
    let expecting = story(vec![step("a"), killed]);
    assert_eq!(judge(&expecting, &["a", line]), Verdict::Pass);
    let other = ["a", "Hypervisor error: something else"];
    assert_eq!(
        judge(&expecting, &other),
        Verdict::GuestKilled {
            exit: "something else".into()
        }
    );
}

#[test]
fn an_optional_step_may_be_missing_but_not_late() {
    let mut maybe = step("maybe");
    maybe.optional = true;
    maybe.unique = true;
    let story = story(vec![step("a"), maybe, step("b")]);
    assert_eq!(judge(&story, &["a", "b"]), Verdict::Pass);
    assert_eq!(judge(&story, &["a", "maybe", "b"]), Verdict::Pass);
    assert!(matches!(
        judge(&story, &["a", "b", "maybe"]),
        Verdict::Diverged { .. }
    ));
}

#[test]
fn a_counted_step_takes_exactly_its_number_of_lines() {
    let mut thrice = step("t");
    (thrice.count, thrice.unique) = (3, true);
    let story = story(vec![thrice, step("b")]);
    assert_eq!(judge(&story, &["t", "x", "t", "t", "b"]), Verdict::Pass);
    assert!(matches!(
        judge(&story, &["t", "t", "b"]),
        Verdict::MissingMarker { .. }
    ));
    assert!(matches!(
        judge(&story, &["t", "t", "t", "t", "b"]),
        Verdict::Diverged { .. }
    ));
}

#[test]
fn the_whole_story_with_the_wrong_end_fails() {
    let story = story(vec![step("a")]);
    for end in [
        MachineEnd::Reported {
            kind: EndKind::Reset,
            reason: "guest-reset".into(),
        },
        MachineEnd::Unreported {
            status: "QEMU exited with status 0".into(),
        },
    ] {
        let expected = EndKind::Shutdown;
        let verdict = judge_end(&story, &["a"], end.clone());
        assert_eq!(
            verdict,
            Verdict::EarlyExit {
                status: end,
                expected
            }
        );
    }
    assert_eq!(
        judge_end(&story, &["a"], MachineEnd::NotRecorded),
        Verdict::Pass
    );
}

#[test]
fn a_timeout_names_the_awaited_step() {
    let story = story(vec![step("a")]);
    let mut judge = Judge::new(&story, None);
    let timeout = Event::Timeout {
        clock: Clock::Run,
        after: 4.0,
        silent_for: 2.5,
    };
    let at = |step: &str| {
        ControlFlow::Break(Verdict::Timeout {
            clock: Clock::Run,
            after: 4.0,
            step: step.into(),
            silent_for: 2.5,
        })
    };
    assert_eq!(judge.feed(&timeout), at("a"));
    assert_eq!(judge.feed(&Event::line("a")), ControlFlow::Continue(()));
    assert_eq!(judge.feed(&timeout), at(AT_THE_END));
}

#[test]
fn a_step_that_says_something_else_is_named_at_once() {
    let mut magic = step("magic: pfld");
    magic.near = Some("^magic:".into());
    let story = story(vec![step("a"), magic, step("b")]);
    let verdict = judge(&story, &["a", "magic: dlfp", "b"]);
    let (line, belongs_to) = ("magic: dlfp".into(), "magic: pfld".to_owned());
    let awaited = Some(belongs_to.clone());
    assert_eq!(
        verdict,
        Verdict::Diverged {
            line,
            belongs_to,
            awaited
        }
    );
    assert_eq!(judge(&story, &["a", "magic: pfld", "b"]), Verdict::Pass);
}

fn forbidding(forbidden: Forbidden) -> Story {
    let steps = vec![step("a"), step("b")];
    Story::new(steps, vec![forbidden], EndKind::Shutdown).unwrap()
}

fn is_forbidden(story: &Story, lines: &[&str]) -> bool {
    match judge(story, lines) {
        Verdict::ForbiddenOutput { .. } => true,
        Verdict::Pass => false,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_exception_to_what_is_forbidden_is_allowed() {
    let story = forbidding(Forbidden {
        except: Some("0 errors$".into()),
        ..Forbidden::new("errors?")
    });
    assert!(!is_forbidden(&story, &["a", "done, 0 errors", "b"]));
    assert!(is_forbidden(&story, &["a", "done, 1 error", "b"]));
}

#[test]
fn a_line_can_be_forbidden_until_a_step_and_from_a_step_on() {
    let until = forbidding(Forbidden {
        until: Some("a".into()),
        ..Forbidden::new("bad")
    });
    assert!(is_forbidden(&until, &["bad", "a", "b"]));
    assert!(!is_forbidden(&until, &["a", "bad", "b", "bad"]));
    let from = forbidding(Forbidden {
        from: Some("a".into()),
        ..Forbidden::new("bad")
    });
    assert!(!is_forbidden(&from, &["bad", "a", "b"]));
    assert!(is_forbidden(&from, &["a", "bad", "b"]));
    assert!(is_forbidden(&from, &["a", "b", "bad"]));
}

#[test]
fn of_a_hypervisor_that_need_not_report_a_report_has_to_be_whole_all_the_same() {
    let mut spec = story(vec![step("a")]).spec().clone();
    spec.hv.lines = crate::judge::Lines::IfAny;
    let story = Story::of(spec).unwrap();
    let judge = |lines: &[&str]| {
        let mut judge = Judge::new(&story, Some("abc"));
        let lines = lines.iter().map(|line| Event::line(*line));
        let mut events = lines.chain([Event::End(shutdown())]);
        let verdict = events.find_map(|event| judge.feed(&event).break_value());
        verdict.expect("an end always gives a verdict")
    };
    assert_eq!(judge(&["a"]), Verdict::Pass);
    let forged = judge(&["@hv forged 0 start", "a"]);
    assert!(matches!(forged, Verdict::BrokenReport { .. }), "{forged:?}");
    let cut = judge(&["@hv abc 0 start arch=riscv64", "a"]);
    assert!(matches!(cut, Verdict::BrokenReport { .. }), "{cut:?}");
}

#[test]
fn the_cause_is_a_line_that_nobody_awaited() {
    let mut killed = step("killed");
    killed.pattern = "^Hypervisor error: as it should$".into();
    let story = story(vec![step("a"), killed, step("b")]);
    let cause = |lines: &[&str]| {
        let mut judge = Judge::new(&story, None);
        for line in lines {
            let _ = judge.feed(&Event::line(*line));
        }
        judge.cause().map(|cause| cause.line.clone())
    };
    assert_eq!(cause(&["a", "Hypervisor error: as it should", "b"]), None);
    let panic = "the guest panicked at src/main.rs:1:1";
    assert_eq!(cause(&["a", panic]).as_deref(), Some(panic));
    let mut judge = Judge::new(&story, None);
    let _ = judge.feed(&Event::Partial { text: panic.into() });
    assert_eq!(judge.cause().map(|cause| &*cause.line), Some(panic));
}
