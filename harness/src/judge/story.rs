//! What a run has to tell: the steps, what must not come, and how it has to end.

use super::accounts;
use super::hvlog::console::KILLED;
use super::hvlog::{Fields, Guest, Listener};
use super::patterns::{Matches, Patterns};
use super::verdict::{EndKind, Fault, Verdict};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Who prints a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// The guest.
    Guest,
    /// The hypervisor.
    Hypervisor,
}

/// A line, or several, that must come next.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Step {
    /// Its name in reports.
    pub name: String,
    /// The regular expression its lines match.
    pub pattern: String,
    /// What such a line looks like even when it says something else. A line that matches this but
    /// not the pattern is the step gone wrong.
    pub near: Option<String>,
    /// Who prints it.
    pub by: Option<By>,
    /// Whether such a line at any other point is wrong.
    pub unique: bool,
    /// Whether the story may go on without it.
    pub optional: bool,
    /// How many such lines it takes.
    pub count: u64,
    /// How long it may take, from the step before.
    pub within: Option<Duration>,
}

/// A line that must not come.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Forbidden {
    /// The regular expression it matches.
    pub pattern: String,
    /// Whose fault it is.
    pub by: Option<By>,
}

/// What the hypervisor's own report has to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HvExpected {
    /// Whether there has to be one. A kernel that is not ours has none.
    pub lines: bool,
    /// How many guests it has to be of.
    pub guests: u64,
    /// Words that have to be in every `start`.
    pub start: Fields,
    /// Words that have to be in the `end` of the first guest, the second, …; the last of these is
    /// for all guests after it. Where there are none, no end has to come.
    pub ends: Vec<Fields>,
}

impl HvExpected {
    /// A report on one guest that ends as the machine does: a machine that is switched off had a
    /// guest that asked for it.
    pub fn of(end: EndKind) -> Self {
        let shutdown = || [("outcome".to_owned(), "shutdown".to_owned())];
        Self {
            lines: true,
            guests: 1,
            start: Fields::default(),
            ends: match end {
                EndKind::Shutdown => vec![shutdown().into_iter().collect()],
                EndKind::Reset | EndKind::Panic => Vec::new(),
            },
        }
    }

    /// Whether a guest may be ended by the hypervisor.
    pub fn may_be_killed(&self) -> bool {
        let outcomes = self.ends.iter().map(|end| end.get("outcome"));
        { outcomes }.any(|outcome| outcome.is_some_and(|outcome| outcome != "shutdown"))
    }

    /// What a report has against a pass.
    pub(super) fn objection(&self, report: &Listener) -> Option<Verdict> {
        let totals = report.totals();
        let missing = totals.guests != self.guests;
        if missing && !self.ends.is_empty() {
            return Some(Verdict::BrokenReport {
                because: format!(
                    "it tells of the end of {} guests, not of {} (and has {} event lines)",
                    totals.guests,
                    self.guests,
                    report.events()
                ),
            });
        }
        let guests = report.guests().iter().enumerate();
        { guests }.find_map(|(nth, guest)| self.objection_to(nth, guest))
    }

    fn objection_to(&self, nth: usize, guest: &Guest) -> Option<Verdict> {
        if !guest.start.agree_with(&self.start) {
            let (said, expected) = (&guest.start, &self.start);
            return Some(Verdict::BrokenReport {
                because: format!("it starts with `{said}` instead of `{expected}`"),
            });
        }
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

/// A story as it is written down with a run's records.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Plan {
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// What must not come.
    pub forbidden: Vec<Forbidden>,
    /// How the machine has to end.
    pub end: EndKind,
    /// What the hypervisor has to report.
    pub hv: HvExpected,
    /// What QEMU has to have logged; none if it is not asked.
    pub witness: Option<accounts::Expected>,
}

impl Plan {
    /// What keeps a plan, which may be of anybody's making, from proving anything; none if it is fit
    /// to judge by.
    pub fn objection(&self) -> Option<String> {
        if self.steps.iter().all(|step| step.optional) {
            return Some("it has no step that must happen: every run would pass".into());
        }
        for (nth, step) in self.steps.iter().enumerate() {
            let name = &step.name;
            let same = |other: &Step| other.name == *name;
            if name.trim().is_empty() || self.steps[..nth].iter().any(same) {
                return Some(format!("step {} has no name of its own", nth + 1));
            }
            if step.count == 0 {
                return Some(format!("step `{name}` happens 0 times"));
            }
            match regex::Regex::new(&step.pattern) {
                Ok(pattern) if pattern.is_match("") => {
                    return Some(format!("step `{name}` is any line, even an empty one"));
                }
                Ok(_) => {}
                Err(error) => return Some(format!("step `{name}`: {error}")),
            }
        }
        None
    }
}

/// What a console has to tell.
#[derive(Debug)]
pub struct Story {
    plan: Plan,
    /// All patterns at once: the steps', the forbidden ones, [`KILLED`] at the line's start, and
    /// those of `near`.
    pub(super) patterns: Patterns,
    /// The steps that the patterns of `near` belong to.
    near: Vec<usize>,
}

impl Story {
    /// Makes a story of valid patterns, whose hypervisor reports the usual end and whose witness is
    /// not asked; the error is that they are too large together.
    pub fn new(
        steps: Vec<Step>,
        forbidden: Vec<Forbidden>,
        end: EndKind,
    ) -> Result<Self, regex::Error> {
        Self::of(Plan {
            steps,
            forbidden,
            end,
            hv: HvExpected::of(end),
            witness: None,
        })
    }

    /// Makes a story of a plan with valid patterns; the error is that they are too large together.
    pub fn of(plan: Plan) -> Result<Self, regex::Error> {
        let killed = format!("^{}", regex::escape(KILLED));
        let Plan {
            steps, forbidden, ..
        } = &plan;
        let patterns: Vec<_> = steps
            .iter()
            .map(|step| step.pattern.as_str())
            .chain(forbidden.iter().map(|forbidden| forbidden.pattern.as_str()))
            .chain([killed.as_str()])
            .chain(steps.iter().filter_map(|step| step.near.as_deref()))
            .collect();
        let patterns = Patterns::new(&patterns)?;
        let near = (0..steps.len())
            .filter(|&i| steps[i].near.is_some())
            .collect();
        Ok(Self {
            plan,
            patterns,
            near,
        })
    }

    /// The story as it can be written down.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The steps, in order.
    pub fn steps(&self) -> &[Step] {
        &self.plan.steps
    }

    /// What must not come.
    pub fn forbidden(&self) -> &[Forbidden] {
        &self.plan.forbidden
    }

    /// How the machine has to end.
    pub fn end(&self) -> EndKind {
        self.plan.end
    }

    /// The step that a line, which is not its turn's, belongs to in a way that must not be.
    pub(super) fn stray(&self, matches: &Matches) -> Option<&Step> {
        let near_from = self.steps().len() + self.forbidden().len() + 1;
        let unique =
            (0..self.steps().len()).filter(|&i| self.steps()[i].unique && matches.matched(i));
        let near = self.near.iter().enumerate().filter_map(|(nth, &step)| {
            (matches.matched(near_from + nth) && !matches.matched(step)).then_some(step)
        });
        unique.chain(near).next().map(|step| &self.steps()[step])
    }

    /// Whose business a verdict is, as far as the console tells.
    pub fn fault(&self, verdict: &Verdict) -> Fault {
        let owner = |by: Option<By>| match by {
            Some(By::Guest) => Fault::Guest,
            Some(By::Hypervisor) => Fault::Hypervisor,
            None => Fault::GuestOrHypervisor,
        };
        let step = |name: &str| {
            owner(
                self.steps()
                    .iter()
                    .find(|s| s.name == name)
                    .and_then(|s| s.by),
            )
        };
        match verdict {
            Verdict::Pass => Fault::Nobody,
            Verdict::MissingMarker { next, .. } => step(next),
            Verdict::Diverged {
                belongs_to,
                awaited,
                ..
            } => match awaited {
                Some(awaited) if step(awaited) != step(belongs_to) => Fault::GuestOrHypervisor,
                _ => step(belongs_to),
            },
            Verdict::ForbiddenOutput { rule, .. } => owner(
                self.forbidden()
                    .iter()
                    .find(|f| &f.pattern == rule)
                    .and_then(|f| f.by),
            ),
            Verdict::GuestKilled { .. } => Fault::Guest,
            // Also of a QEMU that crashed: what it ran made it.
            Verdict::EarlyExit { .. } | Verdict::ExitFlood { .. } => Fault::GuestOrHypervisor,
            Verdict::Timeout { step: name, .. } => step(name),
            Verdict::WrongEnd { .. } => Fault::GuestOrHypervisor,
            Verdict::BrokenReport { .. } | Verdict::WitnessDisagrees { .. } => Fault::Hypervisor,
            Verdict::Infrastructure { .. } => Fault::Setup,
        }
    }
}
