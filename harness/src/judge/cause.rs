//! Finds the first line of a console that looks like the cause of a failure.
//!
//! It decides nothing: it finds what a reader would search the console for. It keeps the first line of
//! each kind of sign, so its memory is bounded; a line that the story awaited is no sign. A guest can
//! print any such line, but can only say with it that something went wrong.

use super::hvlog::Listener;
use super::verdict::Blame;
use regex::{Regex, RegexSet};
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;

/// How much of a line is kept.
const SHOWN: usize = 240;

/// What a line that reports a failure looks like.
struct Sign {
    pattern: &'static str,
    kind: &'static str,
    /// What a reader should look at, if the line itself names no place.
    look_at: &'static str,
    /// Who is to blame once a guest runs, as far as such a line tells.
    within_a_guest: Blame,
    /// The pattern by which a scenario forbids it; none where a system that works may print it too.
    forbid: Option<&'static str>,
}

const ANY: Blame = Blame::GuestOrHypervisor;

/// The signs, most telling first.
const SIGNS: &[Sign] = &[
    Sign {
        pattern: r"panicked at ",
        kind: "panic",
        look_at: "the place that it names",
        within_a_guest: ANY,
        forbid: Some("panicked at"),
    },
    Sign {
        pattern: r"^Hypervisor error: ",
        kind: "hypervisor-error",
        look_at: "what the guest did there",
        within_a_guest: Blame::Guest,
        forbid: None,
    },
    Sign {
        pattern: r"(?-u:\b)[Kk]ernel (panic|BUG)|(?-u:\b)BUG(?-u:\b)",
        kind: "bug",
        look_at: "the check that failed, and the calls below it",
        within_a_guest: ANY,
        forbid: Some("[Kk]ernel panic|BUG"),
    },
    Sign {
        pattern: r"(?-u:\b)[Aa]ssertion |(?-u:\b)assertion failed",
        kind: "assertion",
        look_at: "the assertion, and what its values came from",
        within_a_guest: ANY,
        forbid: Some("[Aa]ssertion "),
    },
    Sign {
        pattern: r"(?-u:\b)[Uu]nhandled |(?-u:\b)[Uu]nexpected trap",
        kind: "unhandled",
        look_at: "the handler that lacks a case for it, and the address in the line",
        within_a_guest: ANY,
        forbid: None,
    },
    Sign {
        pattern: r"(?-u:\b)([Pp]age|[Tt]riple|[Dd]ouble|[Pp]rotection) [Ff]ault|[Ss]egmentation fault",
        kind: "fault",
        look_at: "the address in the line",
        within_a_guest: ANY,
        forbid: None,
    },
    Sign {
        pattern: r"(?-u:\b)([Ee]xception|EXCEPTION)(?-u:\b)",
        kind: "exception",
        look_at: "the address in the line",
        within_a_guest: ANY,
        forbid: None,
    },
    Sign {
        pattern: r"[Oo]ut of memory|allocation (of .* )?failed",
        kind: "memory",
        look_at: "how much memory the machine has, and what took it",
        within_a_guest: ANY,
        forbid: None,
    },
];

static ANY_SIGN: LazyLock<RegexSet> = LazyLock::new(|| {
    RegexSet::new(SIGNS.iter().map(|sign| sign.pattern)).expect("the table's patterns are right")
});

/// A quick test for all signs: almost no line contains any of these.
static LIKELY: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new("anic|Hypervisor error|BUG|ssertion|nhandled|nexpected trap|ault|xception|XCEPTION|emory|alloc")
        .expect("the pattern is right")
});

/// A place in a source file, as Rust's panics name it.
static PLACE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"[^\s'",:]+\.[a-z]{1,3}:[0-9]+(:[0-9]+)?"#).expect("the pattern is right")
});

/// A line that looks like the cause of a failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// The line, cut if it is very long.
    pub line: String,
    /// The line after it, if the first ends in a colon, as the first line of a Rust panic does.
    pub then: Option<String>,
    /// What kind of sign it is.
    pub kind: String,
    /// Who is probably to blame.
    #[serde(rename = "fault")]
    pub blame: Blame,
    /// What to look at.
    pub look_at: String,
}

/// Keeps the first line of each kind of sign.
#[derive(Debug, Default)]
pub(super) struct Suspects {
    found: [Option<Cause>; SIGNS.len()],
    /// The kind whose next line is still to come.
    open: Option<usize>,
}

impl Suspects {
    /// Looks at a line that the story did not await.
    pub(super) fn look(&mut self, line: &str, report: &Listener) {
        if let Some(cause) = self.open.take().and_then(|nth| self.found[nth].as_mut()) {
            cause.then = Some(beginning(line));
        }
        if self.found[0].is_some() {
            return; // nothing tells more
        }
        if !LIKELY.is_match(line) {
            return;
        }
        let signs = ANY_SIGN.matches(line);
        let Some(nth) = signs.iter().find(|&nth| self.found[nth].is_none()) else {
            return;
        };
        let place = PLACE.find(line).map(|place| place.as_str());
        self.found[nth] = Some(Cause {
            line: beginning(line),
            then: None,
            kind: SIGNS[nth].kind.to_owned(),
            blame: match report.has_entered_a_guest() {
                Some(false) => Blame::Hypervisor,
                Some(true) => SIGNS[nth].within_a_guest,
                None => ANY,
            },
            look_at: beginning(place.unwrap_or(SIGNS[nth].look_at)),
        });
        self.open = line.ends_with(':').then_some(nth);
    }

    /// The most telling suspect.
    pub(super) fn first(&self) -> Option<&Cause> {
        self.found.iter().flatten().next()
    }

    /// Those that no system prints which does as it should, each with the pattern by which a scenario
    /// forbids such a line; the most telling one first.
    pub(super) fn grave(&self) -> impl Iterator<Item = (&Cause, &'static str)> {
        let found = self.found.iter().zip(SIGNS);
        found.filter_map(|(cause, sign)| Some((cause.as_ref()?, sign.forbid?)))
    }
}

fn beginning(line: &str) -> String {
    line.chars().take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &[&str]) -> Option<Cause> {
        of_run(&Listener::default(), lines)
    }

    fn of_run(report: &Listener, lines: &[&str]) -> Option<Cause> {
        let mut suspects = Suspects::default();
        for line in lines {
            suspects.look(line, report);
        }
        suspects.first().cloned()
    }

    #[test]
    fn the_first_line_of_the_most_telling_kind_is_the_cause() {
        let cause = of(&[
            "exception vectors installed",
            "panicked at kernel/src/main.rs:12:5:",
            "no such page",
            "panicked at kernel/src/lib.rs:1:1:",
        ]);
        let cause = cause.unwrap();
        assert_eq!(cause.line, "panicked at kernel/src/main.rs:12:5:");
        assert_eq!(cause.then.as_deref(), Some("no such page"));
        assert_eq!(cause.look_at, "kernel/src/main.rs:12:5");
        assert_eq!(cause.blame, Blame::GuestOrHypervisor);
        assert_eq!(of(&["Unhandled trap", "BUG: x"]).unwrap().kind, "bug");
    }

    #[test]
    fn each_sign_is_known_and_success_is_none() {
        for (line, kind) in [
            ("[0.1] panicked at 'x', src/a.rs:1:2", "panic"),
            (
                "Hypervisor error: no window is declared there",
                "hypervisor-error",
            ),
            ("BUG: scheduling while atomic", "bug"),
            ("Kernel panic - not syncing", "bug"),
            ("assertion `left == right` failed", "assertion"),
            (
                "Unhandled trap Exception(StoreFault) @ 0x80200000",
                "unhandled",
            ),
            ("Load page fault at 0x0", "fault"),
            ("EXCEPTION 13", "exception"),
            ("out of memory", "memory"),
        ] {
            assert_eq!(
                of(&[line]).map(|cause| cause.kind).as_deref(),
                Some(kind),
                "{line}"
            );
        }
        for line in [
            "Hypervisor ok!",
            "DEBUG: x",
            "BUGS",
            "unexceptional",
            "",
            "handled",
        ] {
            assert_eq!(of(&[line]), None, "{line}");
        }
    }

    /// The advice names the line that it is about, and what it warns of is a failure.
    #[test]
    fn a_grave_line_is_forbidden_by_the_pattern_that_comes_with_it() {
        let mut suspects = Suspects::default();
        let lines = [
            "exception vectors installed",
            "assertion `left == right` failed",
            "BUG: scheduling while atomic",
            "panicked at src/main.rs:1:1:",
        ];
        for line in lines {
            suspects.look(line, &Listener::default());
        }
        let grave: Vec<_> = suspects.grave().collect();
        let kinds: Vec<_> = grave.iter().map(|(cause, _)| cause.kind.as_str()).collect();
        assert_eq!(kinds, ["panic", "bug", "assertion"]);
        for (cause, pattern) in grave {
            let forbids = Regex::new(pattern).unwrap();
            assert!(forbids.is_match(&cause.line), "{pattern}: {}", cause.line);
        }
        for line in ["Kernel panic - not syncing", "kernel panic"] {
            let mut suspects = Suspects::default();
            suspects.look(line, &Listener::default());
            let (_, pattern) = suspects.grave().next().unwrap();
            assert!(Regex::new(pattern).unwrap().is_match(line), "{pattern}");
        }
    }

    #[test]
    fn before_a_guest_was_entered_it_is_the_hypervisors() {
        let mut report = Listener::new("abc");
        report.line("@hv abc 0 start arch=riscv64");
        let panic = ["panicked at src/main.rs:1:1:"];
        assert_eq!(of_run(&report, &panic).unwrap().blame, Blame::Hypervisor);
        report.line("@hv abc 1 enter pc=0x0");
        assert_eq!(of_run(&report, &panic).unwrap().blame, ANY);
        let killed = ["Hypervisor error: nested page fault"];
        assert_eq!(of_run(&report, &killed).unwrap().blame, Blame::Guest);
    }

    #[test]
    fn a_line_of_any_length_is_kept_in_part() {
        let long = format!("panicked at {}:", "é".repeat(100_000));
        let cause = of(&[&long, &long]).unwrap();
        assert_eq!(cause.line.chars().count(), SHOWN);
        assert_eq!(cause.then.unwrap().chars().count(), SHOWN);
    }
}
