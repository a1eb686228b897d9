use super::*;
use std::path::Path;

const NONCE: &str = "abc";

fn follow(events: &[(u64, Event<'_>)]) -> (Seen, Vec<String>) {
    let step = |name: &str, line: &str, t: f64| {
        serde_json::from_value(serde_json::json!({"step": name, "line": line, "t": t})).unwrap()
    };
    let steps = [
        step("enter", "Entering", 0.0002),
        step("hello", "Hello", 0.0003),
    ];
    let wanted = Wanted {
        nonce: NONCE,
        steps: &steps,
        by: &|name| (name == "hello").then_some("guest"),
        cause: Some("panicked"),
        expected: None,
        room: Room::of_a_run(),
    };
    let mut follower = Follower::new(wanted, Placing::default());
    let (mut texts, mut page) = (Texts::default(), Page::new("harness", Path::new(".")));
    for (at, event) in events {
        follower.event(Duration::from_micros(*at), event, &mut texts, &mut page);
    }
    let seen = follower.finish();
    (seen, texts.list())
}

fn run() -> Vec<(u64, Event<'static>)> {
    let firmware = Event::Firmware {
        text: "OpenSBI".into(),
    };
    vec![
        (50, firmware),
        (100, Event::line("Hypervisor ...")),
        (110, Event::line("@hv abc 0 start arch=riscv64 mode=vs")),
        (
            120,
            Event::line("@hv abc 1 load path=/sbin/g bytes=1 gpa=0x0"),
        ),
        (200, Event::line("Entering VM run loop...")),
        (210, Event::line("@hv abc 2 enter pc=0x0")),
        (220, Event::line("@hv abd 2 enter pc=0x0")),
        (250, Event::note("typed", "abc")),
        (300, Event::line("Hello")),
        (310, Event::line("panicked at a.rs:1:1:")),
        (400, Event::line("@hv abc 3 host canary=intact pages=0")),
        (
            410,
            Event::line("@hv abc 4 end outcome=shutdown exits=0 npf=0 hypercalls=0"),
        ),
        (500, Event::note("qemu", "gone")),
    ]
}

#[test]
fn the_report_tells_which_program_ran_when() {
    let (seen, texts) = follow(&run());
    let phases = seen.timeline.phases.iter();
    let phases: Vec<_> = phases
        .map(|phase| (phase.who, phase.from, phase.to))
        .collect();
    assert_eq!(
        phases,
        [
            ("firmware", 0, 100),
            ("hypervisor", 100, 210),
            ("guest", 210, 400),
            ("hypervisor", 400, 500)
        ]
    );
    let guest = seen.timeline.phases[2].what.unwrap();
    assert_eq!(texts[guest], "/sbin/g");
}

#[test]
fn without_a_report_nobody_knows_who_ran() {
    let lines = [(10, Event::line("a")), (20, Event::line("@hv x 0 start"))];
    let (seen, _) = follow(&lines);
    let phases = seen.timeline.phases.iter();
    let phases: Vec<_> = phases
        .map(|phase| (phase.who, phase.from, phase.to))
        .collect();
    assert_eq!(phases, [("start", 0, 10), ("machine", 10, 20)]);
}

#[test]
fn each_line_has_its_source_and_only_the_nonce_makes_it_the_hypervisors() {
    let (seen, _) = follow(&run());
    let mut texts = Texts::default();
    let log = seen.lines.finish(10_000, &mut texts);
    assert_eq!(log.sources, "fchhchckcchhn");
    let texts = texts.list();
    assert_eq!(texts[log.texts[5]], "@hv 2 enter pc=0x0");
    assert_eq!(texts[log.texts[6]], "@hv abd 2 enter pc=0x0");
}

#[test]
fn steps_keystrokes_and_the_cause_have_their_lines() {
    let (seen, texts) = follow(&run());
    let steps = seen.timeline.steps.iter();
    let steps: Vec<_> = steps
        .map(|s| (&*texts[s.name], s.by, s.at, s.line))
        .collect();
    assert_eq!(
        steps,
        [
            ("enter", None, 200, Some(4)),
            ("hello", Some("guest"), 300, Some(8))
        ]
    );
    assert_eq!(seen.timeline.typed, [(250, Some(7))]);
    assert_eq!(seen.cause, Some(9));
}
