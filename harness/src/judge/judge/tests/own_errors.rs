//! Errors of the hypervisor, before and while a guest runs.

use super::*;
use crate::judge::Lines;

/// The verdict on the lines of a hypervisor that reports, which are followed by a shutdown.
fn judge_reported(story: &Story, lines: &[&str]) -> Verdict {
    let mut judge = Judge::new(story, Some("abc"));
    let lines = lines.iter().map(|line| Event::line(*line));
    let mut events = lines.chain([Event::End(shutdown())]);
    let verdict = events.find_map(|event| judge.feed(&event).break_value());
    verdict.expect("an end always gives a verdict")
}

/// A story in which the hypervisor is to end so many guests, whatever it says of that.
fn story_of_kills(outcome: &str, guests: u64) -> Story {
    let mut killed = step("killed");
    killed.pattern = "^Hypervisor error: ".into();
    let mut spec = story(vec![step("a"), killed]).spec().clone();
    let end = [("outcome".to_owned(), outcome.to_owned())];
    spec.hv.ends = vec![end.into_iter().collect()];
    spec.hv.guests = guests;
    Story::of(spec).unwrap()
}

#[test]
fn an_error_while_no_guest_runs_is_the_hypervisors_own() {
    const ERROR: &str = "Hypervisor error: there is no mode `xx`; the modes are vs";
    const HOST: &str = "@hv abc 0 host canary=intact pages=0 most=0";
    const START: &str = "@hv abc 0 start arch=riscv64 mode=xx";
    const END: &str = "end outcome=error exits=0 npf=0 hypercalls=0";
    let (first, second) = (format!("@hv abc 0 {END}"), format!("@hv abc 1 {END}"));
    let own = Verdict::HypervisorError {
        error: "there is no mode `xx`; the modes are vs".into(),
    };
    let plain = story(vec![step("a"), step("b")]);
    for story in [
        &plain,
        &story_of_kills("killed", 1),
        &story_of_kills("killed", 1000),
    ] {
        for lines in [
            [ERROR, &first].as_slice(),
            &["a", ERROR, &first],
            &[HOST, ERROR, &second],
            &["a", START, ERROR, &second],
        ] {
            let verdict = judge_reported(story, lines);
            assert_eq!(verdict, own, "{lines:?}");
            assert_eq!(story.blame(&verdict), Blame::Hypervisor);
        }
    }
    let silent = judge_reported(&plain, &["a", &first]);
    let says_nothing = |error: &str| error.contains("does not say");
    assert!(
        matches!(&silent, Verdict::HypervisorError { error } if says_nothing(error)),
        "{silent:?}"
    );
    let expected = story_of_kills("killed|error", 1);
    assert_eq!(
        judge_reported(&expected, &["a", ERROR, &first]),
        Verdict::Pass
    );
}

#[test]
fn an_error_while_a_guest_runs_is_about_the_guest() {
    const ERROR: &str = "Hypervisor error: npf outside";
    let report = [
        "@hv abc 0 start arch=riscv64",
        "@hv abc 1 load path=/g bytes=1 gpa=0",
    ];
    let entered = [&report[..], &["@hv abc 2 enter pc=0", ERROR]].concat();
    let killed = Verdict::GuestKilled {
        exit: "npf outside".into(),
    };
    let mut spec = story(vec![step("a")]).spec().clone();
    for lines in [Lines::Required, Lines::IfAny, Lines::Ignored] {
        spec.hv.lines = lines;
        assert_eq!(
            judge_reported(&Story::of(spec.clone()).unwrap(), &entered),
            killed
        );
        // Who need not report may have one running all the same.
        let verdict = judge_reported(&Story::of(spec.clone()).unwrap(), &[ERROR]);
        assert_eq!(
            verdict == killed,
            lines != Lines::Required,
            "{lines:?}: {verdict:?}"
        );
    }
    // The next one is not entered yet.
    spec.hv.lines = Lines::Required;
    let host = "@hv abc 3 host canary=intact pages=0 most=1";
    let end = "@hv abc 4 end outcome=shutdown exits=1 npf=0 hypercalls=1";
    let next = [
        &entered[..3],
        &[host, end, "@hv abc 5 start arch=riscv64", ERROR],
    ]
    .concat();
    let verdict = judge_reported(&Story::of(spec).unwrap(), &next);
    assert!(
        matches!(verdict, Verdict::HypervisorError { .. }),
        "{verdict:?}"
    );
}

/// The error comes before the first line of the report, so that the next line tells.
#[test]
fn who_need_not_report_may_say_after_the_error_that_no_guest_ran() {
    const ERROR: &str = "Hypervisor error: there is no such word";
    let mut spec = story(vec![step("a")]).spec().clone();
    spec.hv.lines = Lines::IfAny;
    let story = Story::of(spec).unwrap();
    let words = || "there is no such word".to_owned();
    let own = Verdict::HypervisorError { error: words() };
    let killed = Verdict::GuestKilled { exit: words() };
    let end = "@hv abc 0 end outcome=error exits=0 npf=0 hypercalls=0";
    assert_eq!(judge_reported(&story, &["a", ERROR, end]), own);
    let others = [
        &["a", ERROR][..],
        &[ERROR, "Shutdown vm normally!", end],
        &[
            ERROR,
            "@hv 123 0 end outcome=error exits=0 npf=0 hypercalls=0",
            end,
        ],
        &[
            ERROR,
            "@hv abc 0 end outcome=shutdown exits=0 npf=0 hypercalls=0",
        ],
    ];
    for lines in others {
        assert_eq!(judge_reported(&story, lines), killed, "{lines:?}");
    }
}
