use super::console::{PrintedLoad, printed_fault, printed_load};
use super::listener::GUESTS_KEPT;
use super::*;

const GOOD: [&str; 6] = [
    "@hv cafe 0 start arch=riscv64 mode=vs",
    "@hv cafe 1 load path=/sbin/gkernel bytes=106560 gpa=0x80200000",
    "@hv cafe 2 enter pc=0x80200000",
    "@hv cafe 3 exit kind=npf gpa=0x22000000 access=read action=map window=pflash",
    "@hv cafe 4 host canary=intact pages=0 most=4103",
    "@hv cafe 5 end outcome=shutdown exits=31 npf=1 hypercalls=30",
];

/// A listener that has heard some lines, and what the last one was.
fn hear<'a>(lines: impl IntoIterator<Item = &'a str>) -> (Listener, Heard) {
    let mut listener = Listener::new("cafe");
    let mut last = Heard::Nothing;
    for line in lines {
        last = listener.line(line);
    }
    (listener, last)
}

/// What is wrong with the last of some lines, of which the others are right.
#[track_caller]
fn broken(lines: &[&str]) -> String {
    let (last, before) = lines.split_last().unwrap();
    let (mut listener, _) = hear(before.iter().copied());
    match listener.line(last) {
        Heard::Broken(because) => because,
        other => panic!("{last} was taken as {other:?}"),
    }
}

fn is_event(heard: &Heard) -> bool {
    matches!(heard, Heard::Event(_))
}

#[test]
fn a_whole_report_is_understood() {
    let (listener, last) = hear(GOOD);
    assert!(is_event(&last));
    assert_eq!(listener.guests()[0].start.get("mode"), Some("vs"));
    let fault = Fault {
        gpa: 0x2200_0000,
        access: Access::Read,
        during_walk: false,
    };
    assert_eq!(listener.faults(), [fault]);
    let end = listener.end().unwrap();
    assert_eq!(
        (end.outcome(), end.npf, end.hypercalls),
        ("shutdown", 1, 30)
    );
    assert_eq!(listener.forged().count, 0);
}

#[test]
fn a_report_of_a_later_version_is_refused_by_name() {
    for known in ["", " version=1"] {
        let start = format!("@hv cafe 0 start arch=riscv64 mode=vs{known}");
        assert!(is_event(&hear([start.as_str()]).1));
    }
    let later = broken(&["@hv cafe 0 start version=2 arch=riscv64 mode=vs"]);
    assert!(
        later.starts_with("it is of version 2 of the report"),
        "{later}"
    );
    for no_version in ["0", "two", ""] {
        let start = format!("@hv cafe 0 start version={no_version} arch=riscv64");
        assert!(broken(&[start.as_str()]).contains("version"));
    }
}

#[test]
fn a_killed_guest_has_the_fault_that_killed_it() {
    let host = "@hv cafe 3 host canary=intact pages=0 most=4103";
    let end = "@hv cafe 4 end outcome=killed kind=npf gpa=0x23000000 access=write why=undeclared \
               pc=0x80201234 exits=5 npf=1 hypercalls=4";
    let (listener, last) = hear(GOOD[..3].iter().copied().chain([host, end]));
    assert!(is_event(&last));
    assert_eq!(listener.faults().len(), 1);
    let said = &listener.end().unwrap().said;
    let wish = |pairs: &[(&str, &str)]| -> Fields {
        pairs.iter().map(|&(k, v)| (k.into(), v.into())).collect()
    };
    assert!(said.agree_with(&wish(&[("outcome", "killed"), ("gpa", "0x0023000000")])));
    assert!(said.agree_with(&wish(&[("gpa", "587202560"), ("why", "undeclared")])));
    for wrong in [
        ("gpa", "0x23000001"),
        ("access", "read"),
        ("window", "pflash"),
    ] {
        assert!(!said.agree_with(&wish(&[wrong])), "{wrong:?}");
    }
}

#[test]
fn a_stranger_is_counted_and_changes_nothing() {
    for forged in [
        "@hv beef 1 end outcome=shutdown exits=1 npf=0 hypercalls=1",
        "@hv",
        "@hv ",
        "@hv cafebabe 1 load",
        "@hv cafe",
        "@hv CAFE 1 load",
        "@hv  cafe 1 load",
    ] {
        let lines = [&GOOD[..1], &[forged], &GOOD[1..]].concat();
        let (listener, last) = hear(lines);
        assert!(is_event(&last), "after {forged:?}");
        let pretends = u64::from(forged.starts_with(MARK));
        assert_eq!(listener.forged().count, pretends, "{forged:?}");
    }
}

#[test]
fn many_forged_lines_cost_no_more_than_a_few() {
    let forged = format!("@hv beef {}", "\u{e9}".repeat(30_000));
    let mut listener = Listener::new("cafe");
    for _ in 0..1000 {
        assert_eq!(listener.line(&forged), Heard::Forged);
    }
    assert_eq!(listener.forged().count, 1000);
    assert!(listener.forged().lines.concat().len() < 4096);
}

#[test]
fn a_report_with_a_gap_or_a_repetition_is_broken() {
    for (lines, expected) in [
        (vec![GOOD[1]], "event 0 was due, not 1"),
        (vec![GOOD[0], GOOD[2]], "event 1 was due, not 2"),
        (vec![GOOD[0], GOOD[0]], "event 1 was due, not 0"),
        (vec!["@hv cafe x start"], "event 0 was due, not x"),
        (
            vec!["@hv cafe 18446744073709551616 start"],
            "event 0 was due",
        ),
        ([&GOOD[..], &[GOOD[5]]].concat(), "event 6 was due, not 5"),
        (
            [&GOOD[..], &["@hv cafe 6 exit kind=idle"]].concat(),
            "no place for `exit`",
        ),
        (
            vec![GOOD[0], "@hv cafe 1 start arch=x"],
            "no place for `start`",
        ),
        (vec!["@hv cafe 0 enter pc=0x0"], "no place for `enter`"),
        (
            vec![GOOD[0], "@hv cafe 1 exit kind=idle"],
            "no place for `exit`",
        ),
        (
            vec![
                GOOD[0],
                "@hv cafe 1 end outcome=shutdown exits=1 npf=0 hypercalls=1",
            ],
            "no place for `end`",
        ),
    ] {
        let because = broken(&lines);
        assert!(because.contains(expected), "{because}");
    }
}

#[test]
fn a_report_that_does_not_add_up_is_broken() {
    let wrong = |end: &str| broken(&[&GOOD[..5], &[&format!("@hv cafe 5 end {end}")]].concat());
    for (end, expected) in [
        (
            "outcome=shutdown exits=31 npf=2 hypercalls=29",
            "1 page faults were reported, but 2",
        ),
        (
            "outcome=shutdown exits=31 npf=0 hypercalls=31",
            "1 page faults were reported, but 0",
        ),
        (
            "outcome=shutdown exits=30 npf=1 hypercalls=30",
            "fewer exits",
        ),
        (
            "outcome=shutdown exits=1 npf=1 hypercalls=0",
            "never called",
        ),
        (
            "outcome=killed kind=npf gpa=0x0 access=read exits=9 npf=1 hypercalls=8",
            "2 page",
        ),
        ("exits=31 npf=1 hypercalls=30", "no `outcome`"),
        (
            "outcome=shutdown exits=many npf=1 hypercalls=30",
            "no number `exits`",
        ),
        (
            "outcome=shutdown exits=31 exits=31 npf=1 hypercalls=30",
            "`exits` is there twice",
        ),
        (
            "outcome=shutdown exits=31 npf=1 hypercalls",
            "`hypercalls` is not key=value",
        ),
        (
            "outcome=killed kind=npf access=read exits=2 npf=2 hypercalls=0",
            "no number `gpa`",
        ),
    ] {
        let because = wrong(end);
        assert!(because.contains(expected), "{end}: {because}");
    }
}

#[test]
fn a_hypervisor_that_runs_no_guest_may_say_so() {
    let (listener, last) = hear(["@hv cafe 0 end outcome=error exits=0 npf=0 hypercalls=0"]);
    assert!(is_event(&last));
    assert_eq!(listener.end().unwrap().outcome(), "error");
}

#[test]
fn without_a_nonce_nothing_is_told_apart() {
    let mut listener = Listener::default();
    assert_eq!(listener.line(GOOD[5]), Heard::Nothing);
    assert!(!listener.can_tell());
}

#[test]
fn guests_one_after_another_are_counted_together() {
    let (listener, last) = hear(GOOD.into_iter().chain([
        "@hv cafe 6 start arch=riscv64 mode=vs",
        "@hv cafe 7 load path=/sbin/second bytes=1 gpa=0x80200000",
        "@hv cafe 8 enter pc=0x80200000",
        "@hv cafe 9 host canary=intact pages=0 most=4103",
        "@hv cafe 10 end outcome=killed kind=npf gpa=0x0 access=read exits=5 npf=1 hypercalls=4",
    ]));
    assert!(is_event(&last));
    let ends = listener.guests().iter().map(|guest| guest.end.as_ref());
    let outcomes: Vec<_> = ends.map(|end| end.unwrap().outcome()).collect();
    assert_eq!(outcomes, ["shutdown", "killed"]);
    let totals = Totals {
        guests: 2,
        shutdowns: 1,
        exits: 36,
        npf: 2,
        mmio: 0,
        hypercalls: 34,
    };
    assert_eq!(listener.totals(), totals);
}

#[test]
fn a_host_that_was_harmed_is_broken() {
    let host = |words: &str| broken(&[&GOOD[..4], &[&format!("@hv cafe 4 host {words}")]].concat());
    assert!(host("canary=dead pages=0").contains("written to the host's memory"));
    assert!(host("pages=0").contains("written to the host's memory"));
    assert!(host("canary=intact pages=3").contains("3 of the guest's pages"));
}

#[test]
fn very_many_guests_cost_no_more_than_many() {
    let mut listener = Listener::new("cafe");
    for nth in 0..10_000 {
        let end = format!("@hv cafe {nth} end outcome=error exits=0 npf=0 hypercalls=0");
        assert!(is_event(&listener.line(&end)));
    }
    assert_eq!(listener.totals().guests, 10_000);
    assert_eq!(listener.guests().len(), GUESTS_KEPT);
}

#[test]
fn a_line_for_people_tells_its_fault() {
    let told = |gpa, access, during_walk| {
        Some(Fault {
            gpa,
            access,
            during_walk,
        })
    };
    for (line, expected) in [
        (
            "VM exit: nested page fault at 0xFFC00000 (read): mapped pflash",
            told(0xffc0_0000, Access::Read, false),
        ),
        (
            "Hypervisor error: nested page fault at 0x00000000 (execute): no window is declared",
            told(0, Access::Execute, false),
        ),
        (
            "Hypervisor error: nested page fault at 0x1000 (read) while walking the guest's tables: x",
            told(0x1000, Access::Read, true),
        ),
        ("guest: nested page fault at 0x1000 (read)", None),
        ("VM exit: nested page fault at nowhere (read)", None),
        ("Hypervisor error: unhandled exit: msr", None),
    ] {
        assert_eq!(printed_fault(line), expected, "{line}");
    }
}

#[test]
fn nothing_may_be_missing_of_a_guest_that_was_entered() {
    let without = |missing: usize| {
        let rest = GOOD.iter().enumerate().filter(|(nth, _)| *nth != missing);
        let lines = rest.enumerate().map(|(number, (_, line))| {
            let (_, said) = line["@hv cafe ".len()..].split_once(' ').unwrap();
            format!("@hv cafe {number} {said}")
        });
        let lines: Vec<_> = lines.collect();
        broken(&lines.iter().map(String::as_str).collect::<Vec<_>>())
    };
    assert!(without(1).contains("entered, and there is no `load`"));
    let host = without(4);
    assert!(
        host.contains("entered, and there is no `host` between its `enter` and its `end`"),
        "{host}"
    );
}

#[test]
fn a_host_before_the_guest_was_entered_is_none_of_that_guests() {
    let lines = [
        "@hv cafe 0 start arch=riscv64 mode=vs",
        "@hv cafe 1 host canary=intact pages=0 most=0",
        "@hv cafe 2 load path=/sbin/gkernel bytes=106560 gpa=0x80200000",
        "@hv cafe 3 enter pc=0x80200000",
        "@hv cafe 4 end outcome=shutdown exits=30 npf=0 hypercalls=30",
    ];
    assert!(broken(&lines).contains("there is no `host`"));
}

#[test]
fn an_event_without_its_words_is_broken() {
    for (before, event, expected) in [
        (1, "load bytes=1 gpa=0x0", "no word `path`"),
        (1, "load path=/sbin/gkernel gpa=0x0", "no number `bytes`"),
        (1, "load path=/sbin/gkernel bytes=1", "no number `gpa`"),
        (2, "enter", "no number `pc`"),
        (3, "exit kind=npf gpa=0x0 access=read", "no word `action`"),
        (
            3,
            "exit kind=npf gpa=0x0 access=read action=ignored window=nothing",
            "`ignored` is no action",
        ),
        (
            3,
            "exit kind=npf gpa=0x0 access=read action=map",
            "no word `window`",
        ),
    ] {
        let event = format!("@hv cafe {before} {event}");
        let because = broken(&[&GOOD[..before], &[event.as_str()]].concat());
        assert!(because.contains(expected), "{event}: {because}");
    }
}

#[test]
fn a_line_for_people_tells_what_was_loaded() {
    let told = |bytes, pages| {
        Some(PrintedLoad {
            bytes,
            pages,
            path: "/sbin/gkernel",
        })
    };
    for (line, expected) in [
        (
            "Loaded 110656 bytes from /sbin/gkernel",
            told(110_656, None),
        ),
        (
            "Loaded 24576 bytes (6 pages) from /sbin/gkernel",
            told(24_576, Some(6)),
        ),
        ("Loaded 512 bytes", None),
        ("Loaded many bytes from /sbin/gkernel", None),
        ("Loaded 1 bytes (x pages) from /sbin/gkernel", None),
        ("guest: Loaded 1 bytes from /sbin/gkernel", None),
    ] {
        assert_eq!(printed_load(line), expected, "{line}");
    }
}
