//! The lines of several tasks.

use super::*;
use crate::judge::{By, Course, StorySpec, Strand};

fn counting(name: &str, last: u64) -> Strand {
    Strand {
        name: name.into(),
        by: Some(By::Guest),
        course: Course::Sequence {
            pattern: format!(r"^{name} (\d+)$"),
            first: 0,
            last,
        },
        overlaps: Vec::new(),
    }
}

fn talking(name: &str, steps: &[&str]) -> Strand {
    let steps = steps.iter().map(|said| Step {
        unique: true,
        ..Step::new(*said, format!("^{name}: {said}$"))
    });
    Strand {
        course: Course::Steps(steps.collect()),
        ..counting(name, 0)
    }
}

/// Two strands between a step `start` and one `end`, before which both have to be complete.
fn interwoven(strands: [Strand; 2]) -> Story {
    let mut end = step("end");
    end.after = strands.iter().map(|strand| strand.name.clone()).collect();
    let mut spec = story(vec![step("start"), end]).spec().clone();
    spec.strands = strands.into();
    assert_eq!(spec.objection(), None);
    Story::of(spec).unwrap()
}

fn broken(strand: &str, because: &str, line: Option<&str>) -> Verdict {
    Verdict::StrandBroken {
        strand: strand.into(),
        because: because.into(),
        line: line.map(Into::into),
    }
}

#[test]
fn strands_are_judged_in_their_own_order_each() {
    let story = interwoven([counting("w", 2), talking("v", &["hello", "bye"])]);
    for lines in [
        ["start", "w 0", "w 1", "w 2", "v: hello", "v: bye", "end"],
        ["start", "v: hello", "w 0", "w 1", "v: bye", "w 2", "end"],
        // A strand may begin before the step does that comes before it in the file.
        ["w 0", "v: hello", "start", "w 1", "w 2", "v: bye", "end"],
    ] {
        assert_eq!(judge(&story, &lines), Verdict::Pass, "{lines:?}");
    }
    let verdict = judge(&story, &["start", "w 0", "w 2"]);
    assert_eq!(verdict, broken("w", "1 was due", Some("w 2")));
    let verdict = judge(&story, &["start", "w 0", "w 0"]);
    assert_eq!(verdict, broken("w", "1 was due", Some("w 0")));
    let verdict = judge(&story, &["w 0", "w 1", "w 2", "w 3"]);
    assert_eq!(verdict, broken("w", "it was complete", Some("w 3")));
    let verdict = judge(&story, &["start", "v: bye"]);
    let because = "hello was due, and a line of `bye` came";
    assert_eq!(verdict, broken("v", because, Some("v: bye")));
    let verdict = judge(&story, &["start", "w 99999999999999999999999"]);
    assert_eq!(
        verdict,
        broken("w", "0 was due", Some("w 99999999999999999999999"))
    );
}

#[test]
fn a_strand_that_is_not_complete_fails_the_run() {
    let story = interwoven([counting("w", 2), talking("v", &["hello"])]);
    let verdict = judge(&story, &["start", "v: hello", "w 0", "end"]);
    let because = "step `end` came when 1 was still due";
    assert_eq!(verdict, broken("w", because, Some("end")));
    let verdict = judge(&story, &["start", "v: hello", "w 0"]);
    assert_eq!(
        verdict,
        broken("w", "the machine ended when 1 was due", None)
    );
    let mut judge = Judge::new(&story, None);
    for line in ["start", "w 0"] {
        assert!(judge.feed(&Event::line(line)).is_continue());
    }
    let timeout = Event::Timeout {
        clock: Clock::Run,
        after: 4.0,
        silent_for: 2.5,
    };
    let ControlFlow::Break(Verdict::Timeout { step, .. }) = judge.feed(&timeout) else {
        panic!("a timeout ends a run");
    };
    assert_eq!(step, "w");
    let standing = judge.strands();
    let due: Vec<_> = standing.iter().map(|s| s.due.as_deref()).collect();
    assert_eq!(due, [Some("1"), Some("hello")]);
    assert_eq!((standing[0].reached, standing[0].total), (1, 3));
    assert_eq!(standing[0].last_line.as_deref(), Some("w 0"));
}

#[test]
fn strands_that_have_to_overlap_must_interrupt_each_other() {
    let mut other = counting("v", 1);
    other.overlaps = vec!["w".into()];
    let story = interwoven([counting("w", 1), other]);
    let passing = [
        ["w 0", "v 0", "w 1", "v 1"],
        ["w 0", "v 0", "v 1", "w 1"],
        ["v 0", "w 0", "w 1", "v 1"],
    ];
    for [a, b, c, d] in passing {
        assert_eq!(judge(&story, &["start", a, b, c, d, "end"]), Verdict::Pass);
    }
    for [a, b, c, d] in [["w 0", "w 1", "v 0", "v 1"], ["v 0", "v 1", "w 0", "w 1"]] {
        let verdict = judge(&story, &["start", a, b, c, d, "end"]);
        assert!(matches!(verdict, Verdict::StrandBroken { line: None, .. }));
        assert_eq!(story.blame(&verdict), Blame::Guest);
    }
}

#[test]
fn a_sequence_up_to_the_largest_number_is_complete_there() {
    let mut last = counting("w", u64::MAX);
    let Course::Sequence { first, .. } = &mut last.course else {
        panic!("it counts")
    };
    *first = u64::MAX;
    let story = interwoven([last, counting("v", 0)]);
    let line = format!("w {}", u64::MAX);
    let lines = ["start", &line, "v 0", "end"];
    assert_eq!(judge(&story, &lines), Verdict::Pass);
    let verdict = judge(&story, &["start", &line, &line]);
    assert_eq!(verdict, broken("w", "it was complete", Some(&line)));
}

#[test]
fn a_plan_of_anybodys_making_whose_strands_prove_nothing_is_refused() {
    let good = interwoven([counting("w", 1), counting("v", 1)]);
    let objection = |change: &dyn Fn(&mut StorySpec)| {
        let mut spec = good.spec().clone();
        change(&mut spec);
        spec.objection().expect("it is wrong")
    };
    let course = |pattern: &str, first, last| Course::Sequence {
        pattern: pattern.into(),
        first,
        last,
    };
    let said = objection(&|spec| spec.strands[0].course = course("(.)", 2, 1));
    assert!(said.contains("holds no number"), "{said}");
    let said = objection(&|spec| spec.strands[0].course = course("x", 0, 1));
    assert!(said.contains("one capture group"), "{said}");
    let said = objection(&|spec| spec.strands[0].course = course("(.*)", 0, 1));
    assert!(said.contains("any line"), "{said}");
    let said = objection(&|spec| spec.strands[0].course = Course::Steps(Vec::new()));
    assert!(said.contains("no step that must happen"), "{said}");
    let said = objection(&|spec| spec.strands[0].name = "end".into());
    assert!(said.contains("no name of its own"), "{said}");
    let said = objection(&|spec| spec.strands[0].overlaps = vec!["w".into()]);
    assert!(said.contains("no other strand"), "{said}");
    let said = objection(&|spec| spec.steps[0].after = vec!["x".into()]);
    assert!(said.contains("no such strand"), "{said}");
    let said = objection(&|spec| spec.forbidden[0].until = Some("x".into()));
    assert!(said.contains("no such step"), "{said}");
}

mod interleaved {
    use super::*;
    use proptest::prelude::*;

    /// The lines of some tasks in an order that keeps each task's own; which task goes on next is chosen.
    fn interleave(tasks: [&[&'static str]; 3], choices: &[usize]) -> Vec<&'static str> {
        let mut rest = tasks;
        let mut lines = Vec::new();
        let mut choices = choices.iter().cycle();
        while rest.iter().any(|task| !task.is_empty()) {
            let ready = rest.iter_mut().filter(|task| !task.is_empty());
            let mut ready: Vec<_> = ready.collect();
            let nth = choices.next().copied().unwrap_or_default() % ready.len();
            let (line, behind) = ready[nth].split_first().expect("it is not empty");
            lines.push(*line);
            *ready[nth] = behind;
        }
        lines
    }

    proptest! {
        /// Good strands pass, and a strand that is wrong fails for the same reason, however they are
        /// interleaved.
        #[test]
        fn the_verdict_depends_on_each_strands_own_order_alone(
            choices in prop::collection::vec(0_usize..3, 1..40),
            wrong in any::<bool>(),
        ) {
            let story = interwoven([counting("w", 3), talking("v", &["hello", "there", "bye"])]);
            let w: &[&str] = if wrong { &["w 0", "w 2"] } else { &["w 0", "w 1", "w 2", "w 3"] };
            let v = ["v: hello", "v: there", "v: bye"];
            let chatter = ["x", "v", "w", "Hypervisor ok!"];
            let mut lines = vec!["start"];
            lines.extend(interleave([w, &v, &chatter], &choices));
            lines.push("end");
            let expected = match wrong {
                true => broken("w", "1 was due", Some("w 2")),
                false => Verdict::Pass,
            };
            prop_assert_eq!(judge(&story, &lines), expected, "{:?}", lines);
        }
    }
}
