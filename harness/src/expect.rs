//! The judge: a state machine over [events](crate::event), with no clock and no machine of its own.

use crate::event::Event;
use crate::verdict::{EndKind, Fault, MachineEnd, Verdict};
use regex::RegexSet;
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use std::time::Duration;

/// How the hypervisor begins the line that reports any end other than the good one.
pub const KILLED: &str = "Hypervisor error: ";

/// What stands for a step's name once all steps have been reached.
pub const AT_THE_END: &str = "end of the machine";

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
#[derive(Debug, Clone)]
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
#[derive(Debug, Clone)]
pub struct Forbidden {
    /// The regular expression it matches.
    pub pattern: String,
    /// Whose fault it is.
    pub by: Option<By>,
}

/// What a console has to tell.
#[derive(Debug)]
pub struct Story {
    steps: Vec<Step>,
    forbidden: Vec<Forbidden>,
    end: EndKind,
    /// All patterns at once: the steps', the forbidden ones, [`KILLED`] at the line's start, and
    /// those of `near`.
    patterns: RegexSet,
    /// The steps that the patterns of `near` belong to.
    near: Vec<usize>,
}

impl Story {
    /// Makes a story of valid patterns; the error is that they are too large together.
    pub fn new(
        steps: Vec<Step>,
        forbidden: Vec<Forbidden>,
        end: EndKind,
    ) -> Result<Self, regex::Error> {
        let killed = format!("^{}", regex::escape(KILLED));
        let patterns = RegexSet::new(
            steps
                .iter()
                .map(|step| &step.pattern)
                .chain(forbidden.iter().map(|forbidden| &forbidden.pattern))
                .chain([&killed])
                .chain(steps.iter().filter_map(|step| step.near.as_ref())),
        )?;
        let near = (0..steps.len())
            .filter(|&i| steps[i].near.is_some())
            .collect();
        Ok(Self {
            steps,
            forbidden,
            end,
            patterns,
            near,
        })
    }

    /// The steps, in order.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// How the machine has to end.
    pub fn end(&self) -> EndKind {
        self.end
    }

    /// The step that a line, which is not its turn's, belongs to in a way that must not be.
    fn stray(&self, matches: &regex::SetMatches) -> Option<&Step> {
        let near_from = self.steps.len() + self.forbidden.len() + 1;
        let unique = (0..self.steps.len()).filter(|&i| self.steps[i].unique && matches.matched(i));
        let near = self.near.iter().enumerate().filter_map(|(nth, &step)| {
            (matches.matched(near_from + nth) && !matches.matched(step)).then_some(step)
        });
        unique.chain(near).next().map(|step| &self.steps[step])
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
                self.steps
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
                self.forbidden
                    .iter()
                    .find(|f| &f.pattern == rule)
                    .and_then(|f| f.by),
            ),
            Verdict::GuestKilled { .. } => Fault::Guest,
            Verdict::EarlyExit {
                status: MachineEnd::Unreported { .. },
                ..
            } => Fault::Machine,
            Verdict::EarlyExit { .. } => Fault::GuestOrHypervisor,
            Verdict::Timeout { step: name, .. } => step(name),
            Verdict::WitnessDisagrees { .. } => Fault::Hypervisor,
            Verdict::Infrastructure { .. } => Fault::Setup,
        }
    }
}

/// A step that was reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reached {
    /// The step's name.
    pub step: String,
    /// The line that completed it.
    pub line: String,
}

/// Follows one console through a story.
#[derive(Debug)]
pub struct Judge<'s> {
    story: &'s Story,
    /// The step awaited, and how many of its lines have come.
    next: usize,
    seen: u64,
    reached: Vec<Reached>,
}

impl<'s> Judge<'s> {
    /// At the start of a story.
    pub fn new(story: &'s Story) -> Self {
        Self {
            story,
            next: 0,
            seen: 0,
            reached: Vec::new(),
        }
    }

    /// The steps reached so far.
    pub fn reached(&self) -> &[Reached] {
        &self.reached
    }

    /// The step awaited: the first that has to come. None when only the end is awaited.
    pub fn awaited(&self) -> Option<&'s Step> {
        self.story.steps[self.next..]
            .iter()
            .find(|step| !step.optional)
    }

    /// The time that the next line of the story may take, if it is bounded.
    pub fn within(&self) -> Option<Duration> {
        self.story.steps.get(self.next)?.within
    }

    /// Takes an event; breaks with the verdict as soon as it is certain.
    pub fn feed(&mut self, event: &Event<'_>) -> ControlFlow<Verdict> {
        match event {
            Event::Line { text } => self.line(text),
            Event::Timeout { clock, silent_for } => ControlFlow::Break(Verdict::Timeout {
                clock: *clock,
                step: self
                    .awaited()
                    .map_or(AT_THE_END, |step| &step.name)
                    .to_owned(),
                silent_for: *silent_for,
            }),
            Event::Flood { limit } => ControlFlow::Break(Verdict::ForbiddenOutput {
                line: "(not shown)".into(),
                rule: format!("a console may print {} MiB", limit >> 20),
            }),
            Event::End(end) => ControlFlow::Break(self.end(end)),
            Event::Note { .. } => ControlFlow::Continue(()),
        }
    }

    fn line(&mut self, line: &str) -> ControlFlow<Verdict> {
        let story = self.story;
        if !story.patterns.is_match(line) {
            return ControlFlow::Continue(());
        }
        let matches = story.patterns.matches(line);
        let steps = story.steps.len();
        for (i, forbidden) in story.forbidden.iter().enumerate() {
            if matches.matched(steps + i) {
                let rule = forbidden.pattern.clone();
                return ControlFlow::Break(Verdict::ForbiddenOutput {
                    line: line.into(),
                    rule,
                });
            }
        }
        if let Some(index) = self.taker(|step| matches.matched(step)) {
            self.take(index, line);
            return ControlFlow::Continue(());
        }
        if let Some(step) = story.stray(&matches) {
            return ControlFlow::Break(Verdict::Diverged {
                line: line.into(),
                belongs_to: step.name.clone(),
                awaited: self.awaited().map(|step| step.name.clone()),
            });
        }
        match line.strip_prefix(KILLED) {
            Some(exit) => ControlFlow::Break(Verdict::GuestKilled { exit: exit.into() }),
            None => ControlFlow::Continue(()),
        }
    }

    /// The step that a line belongs to: the next one, or a later one if all between are optional.
    fn taker(&self, matched: impl Fn(usize) -> bool) -> Option<usize> {
        for (index, step) in self.story.steps.iter().enumerate().skip(self.next) {
            if matched(index) {
                return Some(index);
            }
            if !step.optional {
                return None;
            }
        }
        None
    }

    fn take(&mut self, index: usize, line: &str) {
        if index != self.next {
            (self.next, self.seen) = (index, 0);
        }
        self.seen += 1;
        let step = &self.story.steps[index];
        if self.seen == step.count {
            self.reached.push(Reached {
                step: step.name.clone(),
                line: line.into(),
            });
            (self.next, self.seen) = (index + 1, 0);
        }
    }

    fn end(&self, end: &MachineEnd) -> Verdict {
        let expected = self.story.end;
        match end {
            MachineEnd::Reported { kind, .. } if *kind == expected => {}
            MachineEnd::NotRecorded => {}
            other => {
                return Verdict::EarlyExit {
                    status: other.clone(),
                    expected,
                };
            }
        }
        match self.awaited() {
            None => Verdict::Pass,
            Some(next) => Verdict::MissingMarker {
                last: self.reached.last().map(|reached| reached.step.clone()),
                next: next.name.clone(),
            },
        }
    }
}

#[cfg(test)]
mod tests;
