//! One console on trial: the judge, and what a report needs besides the verdict.

use crate::judge::audit::Seen;
use crate::judge::event::{Event, Record};
use crate::judge::hvlog::Listener;
use crate::judge::lines::LineAssembler;
use crate::judge::results::CaseOutcome;
use crate::judge::verdict::{MachineEnd, Verdict};
use crate::judge::witness::Account;
use crate::judge::{Cause, Judge, Standing, Step, Story};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::io::{self, BufRead, Read};
use std::ops::ControlFlow;
use std::time::Duration;

/// How many of the last console lines a report shows, and how much of each.
const LAST_LINES: usize = 12;
const SHOWN: usize = 240;

/// The longest line of `events.jsonl` that is read. A console line has at most 64 KiB, and each byte
/// may take six in JSON; QEMU's log is longer, but also bounded.
const RECORD_LIMIT: u64 = 4 << 20;

/// A step that was reached, and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StepReached {
    /// The step's name.
    pub step: String,
    /// The line that completed it.
    pub line: String,
    /// Seconds since the machine started.
    pub t: f64,
}

/// The state of a trial.
#[derive(Debug)]
pub struct Trial<'s> {
    judge: Judge<'s>,
    steps: Vec<StepReached>,
    last_lines: VecDeque<String>,
    end: Option<MachineEnd>,
    reset: Option<Duration>,
    verdict: Option<Verdict>,
    progress: u64,
}

impl<'s> Trial<'s> {
    /// At the start of a story, for a console about which nothing else is known.
    pub fn new(story: &'s Story) -> Self {
        Self::of(story, None)
    }

    /// At the start of a run whose disk holds that nonce.
    pub fn of_run(story: &'s Story, nonce: &str) -> Self {
        Self::of(story, Some(nonce))
    }

    fn of(story: &'s Story, nonce: Option<&str>) -> Self {
        Self {
            judge: Judge::new(story, nonce),
            steps: Vec::new(),
            last_lines: VecDeque::new(),
            end: None,
            reset: None,
            verdict: None,
            progress: 0,
        }
    }

    /// Takes an event. Returns whether it moved the story on: by a step, a line of a strand, or
    /// a result.
    /// Nothing counts after the verdict.
    pub fn feed(&mut self, at: Duration, event: &Event<'_>) -> bool {
        if self.verdict.is_some() {
            return false;
        }
        match event {
            Event::Line { text } | Event::Partial { text } => self.remember(text),
            Event::End(end) => self.end = Some(end.clone()),
            Event::Note { from, text } if from == "qmp" && is_reset(text) => {
                self.reset.get_or_insert(at);
            }
            _ => {}
        }
        if let ControlFlow::Break(verdict) = self.judge.feed(event) {
            self.verdict = Some(verdict);
        }
        let reached = self.judge.reached();
        for new in &reached[self.steps.len()..] {
            let t = (at.as_secs_f64() * 1e6).round() / 1e6;
            self.steps.push(StepReached {
                step: new.step.clone(),
                line: cut(&new.line),
                t,
            });
        }
        let moved = self.judge.progress() > self.progress;
        self.progress = self.judge.progress();
        moved
    }

    fn remember(&mut self, line: &str) {
        // Reuses the memory of the oldest line: a console may have very many lines.
        let mut slot = match self.last_lines.len() {
            LAST_LINES => self.last_lines.pop_front().unwrap_or_default(),
            _ => String::new(),
        };
        slot.clear();
        slot.push_str(beginning(line));
        self.last_lines.push_back(slot);
    }

    /// The verdict, once there is one.
    pub fn verdict(&self) -> Option<&Verdict> {
        self.verdict.as_ref()
    }

    /// The awaited step, if the story is waiting for a step.
    pub fn awaited(&self) -> Option<&'s Step> {
        self.judge.awaited()
    }

    /// The time limit for the next line of the story, if there is one.
    pub fn within(&self) -> Option<Duration> {
        self.judge.within()
    }

    /// Whether QEMU's log so far can no longer become what the scenario expects.
    pub fn is_refuted_by(&self, account: &Account) -> bool {
        self.judge.is_refuted_by(account)
    }

    /// The steps reached.
    pub fn steps(&self) -> &[StepReached] {
        &self.steps
    }

    /// The state of each strand.
    pub fn strands(&self) -> Vec<Standing> {
        self.judge.strands()
    }

    /// The result of each case so far.
    pub fn results(&self) -> &[CaseOutcome] {
        self.judge.results()
    }

    /// The line that looks most like the cause of a failure.
    pub fn cause(&self) -> Option<&Cause> {
        self.judge.cause()
    }

    /// A line that tells of a failure and that the scenario neither awaits nor forbids, and the pattern
    /// by which it would be forbidden.
    pub fn unforbidden(&self) -> Option<(&Cause, &'static str)> {
        self.judge.unforbidden()
    }

    /// What the hypervisor has reported.
    pub fn hypervisor(&self) -> &Listener {
        self.judge.hypervisor()
    }

    /// What was seen of the machine itself.
    pub fn audited(&self) -> &Seen {
        self.judge.audited()
    }

    /// What QEMU logged, if it was asked.
    pub fn witness(&self) -> Option<&Account> {
        self.judge.witness()
    }

    /// The last console lines.
    pub fn last_lines(&self) -> impl Iterator<Item = &str> {
        self.last_lines.iter().map(String::as_str)
    }

    /// When the machine was first reset by what it ran, and started again, if it was.
    pub fn reset_at(&self) -> Option<Duration> {
        self.reset
    }

    /// How the machine ended, if it ended before the verdict.
    pub fn end(&self) -> Option<&MachineEnd> {
        self.end.as_ref()
    }

    /// Judges a recorded console. It does not show how the machine ended, so the verdict leaves that
    /// part out.
    pub fn replay_console(&mut self, mut console: impl Read) -> io::Result<()> {
        let mut assembler = LineAssembler::default();
        let mut buffer = vec![0; 256 << 10];
        loop {
            let length = console.read(&mut buffer)?;
            let mut line = |text: std::borrow::Cow<'_, str>| {
                self.feed(Duration::ZERO, &Event::Line { text });
                self.verdict.is_none()
            };
            if length == 0 {
                assembler.finish(&mut line);
                break;
            }
            assembler.push(&buffer[..length], &mut line);
            if self.verdict.is_some() {
                break;
            }
        }
        self.feed(Duration::ZERO, &Event::End(MachineEnd::NotRecorded));
        Ok(())
    }

    /// Judges a recorded run again, and returns the time at which the record ends. A record that was
    /// cut off, for example by `kill -9` or a full disk, counts up to its last whole line. Anybody may
    /// have written it.
    pub fn replay_events(&mut self, events: impl BufRead) -> io::Result<Duration> {
        each_event(events, |at, event| {
            self.feed(at, event);
        })
    }
}

/// Reads the events of a recorded run, as [`Trial::replay_events`] does; returns the time of the last one.
pub fn each_event(
    mut events: impl BufRead,
    mut take: impl FnMut(Duration, &Event<'_>),
) -> io::Result<Duration> {
    let mut last = Duration::ZERO;
    let mut line = Vec::new();
    loop {
        line.clear();
        let mut rest = events.by_ref().take(RECORD_LIMIT);
        if rest.read_until(b'\n', &mut line)? == 0 {
            return Ok(last);
        }
        if line.len() as u64 == RECORD_LIMIT {
            return Err(io::Error::other(
                "an event is longer than any that is written",
            ));
        }
        match serde_json::from_slice::<Record<'_>>(&line) {
            Ok(record) => {
                last = Duration::from_secs_f64(record.t.clamp(0.0, 1e9));
                take(last, &record.event.made_safe());
            }
            Err(_) if events.fill_buf()?.is_empty() => return Ok(last),
            Err(error) => return Err(io::Error::other(error)),
        }
    }
}

/// Whether a message of QEMU's is that the machine was reset by what it ran. Where QEMU is to end then, it reports a
/// shutdown instead.
fn is_reset(message: &str) -> bool {
    let data = message.strip_prefix("RESET ");
    let data = data.and_then(|data| serde_json::from_str::<serde_json::Value>(data).ok());
    data.is_some_and(|data| data["guest"] == true)
}

fn cut(line: &str) -> String {
    beginning(line).to_owned()
}

fn beginning(line: &str) -> &str {
    if line.len() <= SHOWN {
        return line; // most are, and counting characters takes its time
    }
    line.char_indices()
        .nth(SHOWN)
        .map_or(line, |(at, _)| &line[..at])
}
