//! Follows the events of a recorded run, and takes down what the page shows of them.

use super::audits;
use super::bounds::Room;
use super::data::{Audit, Page, Phase, Step, Timeline};
use super::exits::Placing;
use super::log::{Lines, Source};
use super::texts::Texts;
use crate::judge::audit::{Expected, Regions};
use crate::judge::event::Event;
use crate::judge::hvlog::{Heard, HvEvent, Listener, MARK};
use crate::judge::trial::StepReached;
use std::time::Duration;

/// What is looked for while a run is followed.
pub struct Wanted<'a> {
    /// The nonce of the hypervisor's report.
    pub nonce: &'a str,
    /// The steps that were reached.
    pub steps: &'a [StepReached],
    /// Who prints the step of a name.
    pub by: &'a dyn Fn(&str) -> Option<&'static str>,
    /// The beginning of the line that is the likely cause.
    pub cause: Option<&'a str>,
    /// What was declared of the machine.
    pub expected: Option<&'a Expected>,
    /// How much of it there is room for.
    pub room: Room,
}

/// What was seen of a run.
#[derive(Debug, Default)]
pub struct Seen {
    /// The lines.
    pub lines: Lines,
    /// The run in time.
    pub timeline: Timeline,
    /// The audits.
    pub audits: Vec<Audit>,
    /// How many more there were.
    pub audits_left_out: usize,
    /// The number of the line that is the likely cause.
    pub cause: Option<usize>,
}

/// Follows a run.
pub struct Follower<'a> {
    wanted: Wanted<'a>,
    listener: Listener,
    placing: Placing,
    regions: Regions,
    /// What runs, since when.
    phase: Option<Phase>,
    /// The path of the guest that was loaded last.
    loaded: Option<String>,
    has_report: bool,
    seen: Seen,
}

impl<'a> Follower<'a> {
    /// Before the first event.
    pub fn new(wanted: Wanted<'a>, placing: Placing) -> Self {
        Self {
            listener: Listener::new(wanted.nonce),
            wanted,
            placing,
            regions: Regions::default(),
            phase: None,
            loaded: None,
            has_report: false,
            seen: Seen::default(),
        }
    }

    /// Takes an event.
    pub fn event(&mut self, at: Duration, event: &Event<'_>, texts: &mut Texts, page: &mut Page) {
        let at = u64::try_from(at.as_micros()).unwrap_or(u64::MAX);
        self.seen.timeline.end = at.max(self.seen.timeline.end);
        let note = match event {
            Event::Line { text } => return self.console(at, text, texts),
            Event::Firmware { text } => {
                self.runs(0, "firmware", None);
                self.seen.lines.push(Some(at), Source::Firmware, text);
                return;
            }
            Event::Partial { text } => {
                self.console(at, text, texts);
                "the line above has no end: it is shown and was not judged".to_owned()
            }
            Event::Audit(snapshot) => {
                if let crate::judge::audit::Moment::Exits { count } = snapshot.at {
                    let exits = self.placing.counted(at, count);
                    self.exits(&exits);
                }
                if !snapshot.regions.is_empty() {
                    self.regions = Regions::new(snapshot.regions.clone());
                }
                let line = audits::in_words(snapshot, self.wanted.expected, &self.regions);
                let line = self.seen.lines.push(Some(at), Source::Audit, &line);
                let expected = self.wanted.expected;
                let is_breached = audits::is_breached(snapshot, expected, &self.regions);
                if is_breached {
                    self.seen.lines.pin();
                }
                if self.seen.audits.len() >= self.wanted.room.audits(is_breached) {
                    self.seen.audits_left_out += 1;
                    return;
                }
                let audit = audits::of(snapshot, expected, &self.regions, texts, page);
                let line = Some(line);
                self.seen.audits.push(Audit { at, line, ..audit });
                return;
            }
            Event::Note { from, text } if from == "typed" => {
                let line = self.seen.lines.push(Some(at), Source::Typed, text);
                self.seen.timeline.typed.push((at, Some(line)));
                return;
            }
            Event::Note { from, text } => format!("{from}: {text}"),
            Event::Witness(account) => format!(
                "QEMU's log: {} page faults, {} calls, {} other exits of the guest",
                account.npf, account.hypercall, account.other
            ),
            Event::Flood { limit } => format!("the console printed more than {limit} bytes"),
            Event::ExitFlood { limit } => format!("QEMU logged more than {limit} bytes"),
            Event::Timeout {
                clock,
                after,
                silent_for,
            } => format!(
                "the {clock} clock ran out after {after} s; the last step was {silent_for:.1} s ago"
            ),
            Event::Stopped { what, hint } => format!("{what}; what to do: {hint}"),
            Event::End(end) => {
                let exits = self.placing.finish(at);
                self.exits(&exits);
                format!("end of the machine: {end}")
            }
        };
        let line = self.seen.lines.push(Some(at), Source::Harness, &note);
        if matches!(
            event,
            Event::Timeout { .. } | Event::End(_) | Event::Stopped { .. }
        ) {
            self.seen.timeline.marks.push((at, Some(line)));
        }
    }

    /// After the last event.
    pub fn finish(mut self) -> Seen {
        let end = self.seen.timeline.end;
        let exits = self.placing.finish(end);
        self.exits(&exits);
        if self.placing.not_kept > 0 {
            let told = format!(
                "[... {} bytes of QEMU's log were not kept, and the exits in them are missing here ...]",
                self.placing.not_kept
            );
            self.exits(&[told]);
        }
        self.runs_until(end);
        let timeline = &mut self.seen.timeline;
        timeline.exits = std::mem::take(&mut self.placing.segments);
        timeline.not_kept = self.placing.not_kept;
        if self.has_report {
            let phases = timeline.phases.iter_mut();
            let unnamed = phases.filter(|phase| phase.who == "machine");
            unnamed.for_each(|phase| phase.who = "hypervisor");
        }
        self.seen
    }

    fn console(&mut self, at: u64, text: &str, texts: &mut Texts) {
        if self.phase.is_none() {
            self.runs(0, "start", None); // nobody knows who ran before the first line
        }
        if self
            .phase
            .as_ref()
            .is_some_and(|phase| ["start", "firmware"].contains(&phase.who))
        {
            self.runs(at, "machine", None);
        }
        let mut source = Source::Console;
        let mut said = text.to_owned();
        match self.listener.line(text) {
            Heard::Nothing | Heard::Forged => {}
            heard => {
                source = Source::Report;
                self.has_report = true;
                said = said.replacen(&format!("{MARK}{} ", self.wanted.nonce), MARK, 1);
                if let Heard::Event(event) = heard {
                    self.report(at, &event, texts);
                }
            }
        }
        let line = self.seen.lines.push(Some(at), source, &said);
        let is_cause = |cause: &str| !cause.is_empty() && text.starts_with(cause);
        if self.seen.cause.is_none() && self.wanted.cause.is_some_and(is_cause) {
            self.seen.cause = Some(line);
            self.seen.lines.pin();
        }
        self.steps(at, text, line, texts);
    }

    /// An event of the hypervisor's report tells what runs, and ties QEMU's log to the run.
    fn report(&mut self, at: u64, event: &HvEvent, texts: &mut Texts) {
        let exits = match event {
            HvEvent::Load(said) => {
                self.loaded = said.get("path").map(str::to_owned);
                return;
            }
            HvEvent::Enter(_) => {
                let is_shown = self.seen.timeline.phases.len() < self.wanted.room.marks;
                let path = self.loaded.take().filter(|_| is_shown);
                let what = path.map(|path| texts.line(&path));
                self.runs(at, "guest", what);
                return self.placing.entered(at);
            }
            HvEvent::Exit {
                fault: Some(fault), ..
            } => self.placing.fault(at, fault),
            HvEvent::Host(_) => return self.runs(at, "hypervisor", None),
            HvEvent::End(end) => {
                self.runs(at, "hypervisor", None);
                self.placing.ended(at, end)
            }
            _ => return,
        };
        self.exits(&exits);
    }

    fn exits(&mut self, lines: &[String]) {
        for line in lines {
            self.seen.lines.push(None, Source::Qemu, line);
        }
    }

    /// The steps that this line reached.
    fn steps(&mut self, at: u64, text: &str, line: usize, texts: &mut Texts) {
        let timeline = &mut self.seen.timeline;
        while let Some(step) = self.wanted.steps.get(timeline.steps.len())
            && micros(step.t) == at
            && text.starts_with(&step.line)
        {
            timeline.steps.push(Step {
                name: texts.line(&step.step),
                by: (self.wanted.by)(&step.step),
                at,
                line: Some(line),
            });
        }
    }

    fn runs(&mut self, at: u64, who: &'static str, what: Option<usize>) {
        if self
            .phase
            .as_ref()
            .is_some_and(|phase| phase.who == who && what.is_none())
        {
            return;
        }
        self.runs_until(at);
        self.phase = Some(Phase {
            who,
            from: at,
            to: at,
            what,
        });
    }

    fn runs_until(&mut self, at: u64) {
        if let Some(phase) = self.phase.take() {
            self.seen.timeline.phases.push(Phase { to: at, ..phase });
        }
    }
}

/// Seconds in whole microseconds.
pub fn micros(seconds: f64) -> u64 {
    (seconds * 1e6).round() as u64
}

#[cfg(test)]
mod tests;
