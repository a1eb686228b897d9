//! The judge: a state machine over [events](crate::judge::event), without a clock or a machine.

use super::audit::{Regions, Seen, Snapshot};
use super::cause::{Cause, Suspects};
use super::event::Event;
use super::hvlog::console::{KILLED, printed_load};
use super::hvlog::{Heard, HvEvent, Listener};
use super::results::{CaseOutcome, CaseResult, Results};
use super::spec::{By, Lines, Step, Strand};
use super::story::Story;
use super::strands::{self, Standing, Strands};
use super::verdict::Verdict;
use super::witness::Account;
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use std::time::Duration;

/// The name that reports use instead of a step once all steps have been reached.
pub const AT_THE_END: &str = "end of the machine";

/// A step that was reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reached {
    /// The step's name.
    pub step: String,
    /// The line that completed it.
    pub line: String,
}

/// Follows one console through a story. Its memory is bounded by the story, and by how much of the
/// report and of the faults is kept.
#[derive(Debug)]
pub struct Judge<'s> {
    story: &'s Story,
    /// The awaited step, and how many of its lines have come.
    next: usize,
    seen: u64,
    reached: Vec<Reached>,
    /// How many lines of the guest's the steps have taken.
    guest_lines: u64,
    strands: Strands<'s>,
    results: Results<'s>,
    suspects: Suspects,
    hypervisor: Listener,
    /// The last error of the hypervisor's, in its words.
    error: Option<String>,
    /// The end of a guest, if there is one: a hypervisor that need not report may say next that none ran.
    killed: Option<String>,
    witness: Option<Account>,
    /// The machine's memory map, and what was looked at.
    regions: Regions,
    audited: Seen,
}

impl<'s> Judge<'s> {
    /// At the start of a story. Without the run's nonce, genuine lines of the hypervisor's report
    /// cannot be told from forged ones, so the report is left out.
    pub fn new(story: &'s Story, nonce: Option<&str>) -> Self {
        Self {
            story,
            next: 0,
            seen: 0,
            reached: Vec::new(),
            guest_lines: 0,
            strands: Strands::new(story),
            results: Results::new(story),
            suspects: Suspects::default(),
            hypervisor: nonce.map_or_else(Listener::default, Listener::new),
            error: None,
            killed: None,
            witness: None,
            regions: Regions::default(),
            audited: Seen::default(),
        }
    }

    /// What the hypervisor has reported so far.
    pub fn hypervisor(&self) -> &Listener {
        &self.hypervisor
    }

    /// What QEMU logged, once that is known.
    pub fn witness(&self) -> Option<&Account> {
        self.witness.as_ref()
    }

    /// The steps reached so far.
    pub fn reached(&self) -> &[Reached] {
        &self.reached
    }

    /// The state of each strand.
    pub fn strands(&self) -> Vec<Standing> {
        self.strands.standing()
    }

    /// The result of each case so far.
    pub fn results(&self) -> &[CaseOutcome] {
        self.results.found()
    }

    /// How often the story has moved on: by a step, by a line of a strand, or by a result.
    pub fn progress(&self) -> u64 {
        self.reached.len() as u64 + self.strands.lines() + self.results.lines()
    }

    /// The line so far that looks most like the cause of a failure.
    pub fn cause(&self) -> Option<&Cause> {
        self.suspects.first()
    }

    /// The line so far that tells most of a failure and that the scenario has nothing to say about, and the
    /// pattern by which it would forbid it.
    pub fn unforbidden(&self) -> Option<(&Cause, &'static str)> {
        let mut grave = self.suspects.grave();
        grave.find(|(cause, _)| !self.story.has_a_rule_for(&cause.line))
    }

    /// The step awaited: the first that has to come. None when only the end is awaited.
    pub fn awaited(&self) -> Option<&'s Step> {
        self.story.steps()[self.next..]
            .iter()
            .find(|step| !step.optional)
    }

    /// What the story is waiting for: a strand, if it must be complete before the next step or if all
    /// steps were reached; otherwise the step.
    fn awaited_name(&self) -> &'s str {
        if let Some((strand, _)) = self.blocking() {
            return &strand.name;
        }
        self.awaited().map_or(AT_THE_END, |step| &step.name)
    }

    /// The strand that must go on before any step may come, and the line due in it.
    fn blocking(&self) -> Option<(&'s Strand, String)> {
        let after = self.awaited().map(|step| step.after.as_slice());
        self.strands.incomplete(after)
    }

    /// The time limit for the next line of the story, if there is one.
    pub fn within(&self) -> Option<Duration> {
        self.story.steps().get(self.next)?.within
    }

    /// Takes an event. Breaks with the verdict as soon as it is certain.
    pub fn feed(&mut self, event: &Event<'_>) -> ControlFlow<Verdict> {
        let tells = matches!(
            event,
            Event::Line { .. } | Event::Timeout { .. } | Event::Flood { .. } | Event::End(_)
        );
        match self.killed.take_if(|_| tells) {
            Some(exit) => ControlFlow::Break(self.killed_or_own(event, exit)),
            None => self.take_event(event),
        }
    }

    fn take_event(&mut self, event: &Event<'_>) -> ControlFlow<Verdict> {
        match event {
            Event::Line { text } => self.line(text),
            Event::Timeout {
                clock,
                after,
                silent_for,
            } => ControlFlow::Break(Verdict::Timeout {
                clock: *clock,
                after: *after,
                step: self.awaited_name().to_owned(),
                silent_for: *silent_for,
            }),
            Event::Flood { limit } => ControlFlow::Break(Verdict::ForbiddenOutput {
                line: "(not shown)".into(),
                rule: format!("a console may print {} MiB", limit >> 20),
            }),
            Event::Audit(snapshot) => self.audit(snapshot),
            Event::Witness(account) => {
                self.witness = Some(account.clone());
                match self.surplus(account) {
                    because if because.is_empty() => ControlFlow::Continue(()),
                    because => ControlFlow::Break(Verdict::WitnessDisagrees { because }),
                }
            }
            Event::ExitFlood { limit } => ControlFlow::Break(Verdict::ExitFlood {
                limit: *limit,
                exits: self.witness.as_ref().map_or(0, Account::exits),
            }),
            Event::End(end) => ControlFlow::Break(self.end(end)),
            Event::Stopped { what, hint } => ControlFlow::Break(Verdict::Infrastructure {
                what: what.clone(),
                hint: hint.clone(),
            }),
            Event::Partial { text } => {
                self.look(text);
                ControlFlow::Continue(())
            }
            Event::Firmware { .. } | Event::Note { .. } => ControlFlow::Continue(()),
        }
    }

    /// What was seen of the machine itself.
    pub fn audited(&self) -> &Seen {
        &self.audited
    }

    fn audit(&mut self, snapshot: &Snapshot) -> ControlFlow<Verdict> {
        self.audited.note(snapshot);
        if !snapshot.regions.is_empty() {
            self.regions = Regions::new(snapshot.regions.clone());
        }
        let Some(expected) = &self.story.spec().audit else {
            return ControlFlow::Continue(());
        };
        let breaches = expected.breaches(snapshot, &self.regions);
        if breaches.is_empty() {
            return ControlFlow::Continue(());
        }
        ControlFlow::Break(Verdict::IsolationBroken {
            at: snapshot.at.clone(),
            breaches,
        })
    }

    /// Whether what QEMU has logged so far cannot become what was to be logged any more.
    pub fn is_refuted_by(&self, account: &Account) -> bool {
        !self.surplus(account).is_empty()
    }

    /// The exits of which there are more than the scenario allows, and those that are nobody's.
    fn surplus(&self, account: &Account) -> Vec<String> {
        let spec = self.story.spec();
        let Some(expected) = &spec.witness else {
            return Vec::new();
        };
        let mut found = expected.surplus(account);
        found.extend(spec.known.strangers(expected.pc, account));
        found
    }

    fn line(&mut self, line: &str) -> ControlFlow<Verdict> {
        match self.hypervisor.line(line) {
            Heard::Event(event) => return self.event(&event),
            Heard::Broken(because) => {
                return ControlFlow::Break(Verdict::BrokenReport { because });
            }
            Heard::Nothing | Heard::Forged => {}
        }
        if let Some(error) = line.strip_prefix(KILLED) {
            self.error = Some(error.into());
        }
        let story = self.story;
        let Some(matches) = story.matches(line, self.next) else {
            self.look(line);
            return ControlFlow::Continue(());
        };
        // An awaited line may come, even if such lines are forbidden at any other point.
        let steps = story.steps();
        let due = strands::taker(steps, self.next, |step| matches.matched(step));
        let early = due.and_then(|index| {
            let after = &steps[index].after;
            Some((index, self.strands.incomplete(Some(after))?))
        });
        match (due, &early) {
            (Some(index), None) => {
                self.take(index, line);
                let load = printed_load(line);
                let because = load.and_then(|load| story.spec().known.objection_to_line(&load));
                return match because {
                    Some(because) => ControlFlow::Break(Verdict::BrokenReport { because }),
                    None => ControlFlow::Continue(()),
                };
            }
            _ if self.strands.take(line, &matches) => return ControlFlow::Continue(()),
            _ if self.takes_results() && self.results.take(line, &matches) => {
                return ControlFlow::Continue(());
            }
            _ => {}
        }
        self.look(line);
        if let Some(own) = self.own_error(line) {
            return ControlFlow::Break(own);
        }
        if let Some((index, (strand, due))) = early {
            let step = &steps[index].name;
            return ControlFlow::Break(Verdict::StrandBroken {
                strand: strand.name.clone(),
                because: format!("step `{step}` came when {due} was still due"),
                line: Some(line.into()),
            });
        }
        if let Some(forbidden) = story.forbids(&matches, self.next) {
            return ControlFlow::Break(Verdict::ForbiddenOutput {
                line: line.into(),
                rule: forbidden.pattern.clone(),
            });
        }
        let stray = self.strands.stray(line, &matches);
        if let Some(stray) = stray.or_else(|| self.results.stray(line, &matches)) {
            return ControlFlow::Break(stray);
        }
        if let Some(step) = story.stray(&matches) {
            return ControlFlow::Break(Verdict::Diverged {
                line: line.into(),
                belongs_to: step.name.clone(),
                awaited: self.awaited().map(|step| step.name.clone()),
            });
        }
        let report = &self.hypervisor;
        match line.strip_prefix(KILLED) {
            // If this is the expected end, the hypervisor's report says whether it came.
            Some(exit) if !story.spec().hv.may_be_killed() => {
                let may_report = story.spec().hv.lines == Lines::IfAny && report.can_tell();
                if may_report && report.events() == 0 {
                    self.killed = Some(exit.into());
                    return ControlFlow::Continue(());
                }
                ControlFlow::Break(Verdict::GuestKilled { exit: exit.into() })
            }
            _ => ControlFlow::Continue(()),
        }
    }

    /// Whether the line of a case may come: until the last step that must.
    fn takes_results(&self) -> bool {
        let must = |step: &Step| !step.optional;
        self.awaited().is_some() || !self.story.steps().iter().any(must)
    }

    /// How many lines of the guest's the story has taken.
    fn guest_lines(&self) -> u64 {
        let results = &self.story.spec().results;
        let of_guest = |result: &CaseResult| result.by == Some(By::Guest);
        let results = results.iter().zip(self.results.found());
        let results = results.filter(|(result, found)| of_guest(result) && found.line.is_some());
        self.guest_lines + self.strands.lines_of_a_guest() + results.count() as u64
    }

    /// Compares what the hypervisor reports with what is known.
    fn event(&mut self, event: &HvEvent) -> ControlFlow<Verdict> {
        let ended = self.hypervisor.totals().guests;
        if let HvEvent::End(end) = event
            && let error = self.error.take()
            && self.story.spec().hv.is_own_error(end, ended)
        {
            let error = error.unwrap_or_else(|| "it does not say why".into());
            return ControlFlow::Break(Verdict::HypervisorError { error });
        }
        match self.story.spec().objection_to_event(event, ended) {
            Some(because) => ControlFlow::Break(Verdict::BrokenReport { because }),
            None => ControlFlow::Continue(()),
        }
    }

    /// Looks at a line that nothing awaited for signs of a failure.
    fn look(&mut self, line: &str) {
        let is_the_end = line.starts_with(KILLED) && self.story.spec().hv.may_be_killed();
        if !is_the_end {
            self.suspects.look(line, &self.hypervisor);
        }
    }

    fn take(&mut self, index: usize, line: &str) {
        if index != self.next {
            (self.next, self.seen) = (index, 0);
        }
        self.seen += 1;
        let step = &self.story.steps()[index];
        self.guest_lines += u64::from(step.by == Some(By::Guest));
        if self.seen == step.count {
            self.reached.push(Reached {
                step: step.name.clone(),
                line: line.into(),
            });
            (self.next, self.seen) = (index + 1, 0);
        }
    }
}

mod ending;
mod own_errors;
#[cfg(test)]
mod tests;
