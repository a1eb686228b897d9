//! What the hypervisor's own report has to say.

use super::super::hvlog::{Fields, GuestEnd, GuestLog, Listener};
use super::super::verdict::{EndKind, Verdict};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The outcome of a guest that never ran.
const ERROR: &str = "error";

/// Whether a report of the hypervisor is required. In a record: `true`, `false`, `"if-any"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lines {
    /// It is required, and must be correct.
    Required,
    /// If there is a line of one, a complete one is required: somebody else's hypervisor may report
    /// nothing.
    IfAny,
    /// It is ignored.
    Ignored,
}

impl Serialize for Lines {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Required => to.serialize_bool(true),
            Self::Ignored => to.serialize_bool(false),
            Self::IfAny => to.serialize_str("if-any"),
        }
    }
}

impl<'de> Deserialize<'de> for Lines {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Raw {
            Sure(bool),
            Word(String),
        }
        match Raw::deserialize(from)? {
            Raw::Sure(true) => Ok(Self::Required),
            Raw::Sure(false) => Ok(Self::Ignored),
            Raw::Word(word) if word == "if-any" => Ok(Self::IfAny),
            Raw::Word(word) => Err(de::Error::custom(format!(
                "`{word}` is not true, false or \"if-any\""
            ))),
        }
    }
}

/// What the hypervisor's own report must say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HvExpected {
    /// Whether a report is required.
    pub lines: Lines,
    /// How many guests it must cover.
    pub guests: u64,
    /// Words that every `start` must contain.
    pub start: Fields,
    /// Words that the `end` of the first guest, the second, … must contain; the last entry also applies
    /// to all further guests. If there are none, no end is required.
    pub ends: Vec<Fields>,
}

impl HvExpected {
    /// A report of one guest that ends like the machine: if the machine is switched off, the guest
    /// asked for it.
    pub fn of(end: EndKind) -> Self {
        let shutdown = || [("outcome".to_owned(), "shutdown".to_owned())];
        Self {
            lines: Lines::Required,
            guests: 1,
            start: Fields::default(),
            ends: match end {
                EndKind::Shutdown => vec![shutdown().into_iter().collect()],
                EndKind::Reset | EndKind::Panic => Vec::new(),
            },
        }
    }

    /// Whether the hypervisor may end a guest.
    pub fn may_be_killed(&self) -> bool {
        let mut outcomes = self.ends.iter().map(|end| end.get("outcome"));
        outcomes.any(|outcome| outcome.is_some_and(|outcome| outcome != "shutdown"))
    }

    /// Whether an end, which is that of guest number `nth`, is an error of the hypervisor's that nobody
    /// expects. Guests are counted from 1.
    pub(in crate::judge) fn is_own_error(&self, end: &GuestEnd, nth: u64) -> bool {
        let nth = usize::try_from(nth.saturating_sub(1)).unwrap_or(usize::MAX);
        let expected = self.ends.get(nth).or(self.ends.last());
        let outcome = expected.and_then(|end| end.get("outcome"));
        let expects_it = outcome.is_some_and(|outcome| outcome.split('|').any(|one| one == ERROR));
        self.lines != Lines::Ignored && end.outcome() == ERROR && !expects_it
    }

    /// The objections to a pass in a report.
    pub(in crate::judge) fn objection(&self, report: &Listener) -> Option<Verdict> {
        let asked = match self.lines {
            Lines::Required => report.can_tell(),
            // Even if all lines are forged: somebody wants a report to be believed.
            Lines::IfAny => report.can_tell() && report.has_any_line(),
            Lines::Ignored => false,
        };
        if !asked {
            return None;
        }
        let totals = report.totals();
        let missing = totals.guests != self.guests;
        if missing && !self.ends.is_empty() {
            return Some(Verdict::BrokenReport {
                because: format!(
                    "it reports the end of {} guests instead of {} (in {} event lines)",
                    totals.guests,
                    self.guests,
                    report.events()
                ),
            });
        }
        let mut guests = report.guests().iter().enumerate();
        guests.find_map(|(nth, guest)| self.objection_to(nth, guest))
    }

    fn objection_to(&self, nth: usize, guest: &GuestLog) -> Option<Verdict> {
        let expected = self.ends.get(nth).or(self.ends.last())?;
        let said = &guest.end.as_ref()?.said;
        if said.agree_with(expected) {
            return None;
        }
        let which = match self.guests {
            1 => String::new(),
            _ => format!("guest {}: ", nth + 1),
        };
        Some(Verdict::WrongEnd {
            expected: format!("{which}{expected}"),
            said: said.to_string(),
        })
    }
}
