//! Somebody sits at the machine: at its console, or at a debugger. Then no clock of the run counts, and the machine
//! goes on after the verdict, until it ends or that person leaves.

use super::Session;
use crate::error::Error;
use crate::judge::event::Event;
use crate::machine::keyboard::{Stroke, Typist};
use std::time::Duration;
use tokio::time::Instant;

/// What QEMU says on its stderr when gdb kills the machine (gdbstub, `k` and `vKill`).
const KILLED: &str = "Terminated via GDBstub";

/// Who attends a machine.
#[derive(Debug)]
pub(super) struct Attended {
    typist: Option<Typist>,
    /// Whether there was one from the start.
    typed: bool,
    /// How many bytes the machine did not take in time.
    dropped: usize,
    pub(super) by_gdb: bool,
    /// Whether gdb has killed the machine.
    pub(super) gdb_ended_it: bool,
    since: Instant,
    /// How long a typist was there, once there is none any more.
    pub(super) lasted: Duration,
    /// Whether the person wants the run to end.
    left: bool,
    /// Whether it was told that there is a verdict.
    told: bool,
}

impl Attended {
    pub(super) fn new(typist: Option<Typist>, by_gdb: bool) -> Self {
        Self {
            typed: typist.is_some(),
            typist,
            dropped: 0,
            by_gdb,
            gdb_ended_it: false,
            since: Instant::now(),
            lasted: Duration::ZERO,
            left: false,
            told: false,
        }
    }

    /// Whether somebody is there, and stays.
    pub(super) fn goes_on(&self) -> bool {
        (self.by_gdb || self.typist.is_some()) && !self.left
    }

    /// What the reader of the result is told.
    pub(super) fn notes(&self) -> impl Iterator<Item = String> {
        let text = "somebody sat at the console: no clock ran meanwhile";
        let dropped = format!(
            "{} bytes that were typed were dropped: the machine did not take what came before them",
            self.dropped
        );
        let dropped = (self.dropped > 0).then_some(dropped);
        self.typed
            .then(|| text.to_owned())
            .into_iter()
            .chain(dropped)
    }

    /// Waits for a stroke, or for the typist to go; for ever where there is none. Dropping the future loses nothing.
    pub(super) async fn stroke(&mut self) -> Option<Stroke> {
        match &mut self.typist {
            Some(typist) => typist.next().await,
            None => std::future::pending().await,
        }
    }

    /// A stroke that has come. A machine that prints all the time must not keep it waiting.
    pub(super) fn stroke_at_once(&mut self) -> Option<Stroke> {
        self.typist.as_mut()?.has_come()
    }

    /// Takes a line of QEMU's stderr.
    pub(super) fn heard_of_gdb(&mut self, line: &str) {
        self.gdb_ended_it |= self.by_gdb && line.contains(KILLED);
    }
}

/// The error for a person who left before the machine was there.
pub fn left_early() -> Error {
    Error::infrastructure(
        "whoever sat at the console ended the run before its machine had started",
        "run it again",
    )
}

/// What is judged when whoever debugged the machine has ended it.
pub(super) fn ended_by_gdb() -> Event<'static> {
    Event::Stopped {
        what: "gdb ended the machine before the run was over".into(),
        hint: "run it again; `detach` and `continue` let it come to its end".into(),
    }
}

impl Session<'_, '_> {
    /// Whether the run is not over.
    pub(super) fn goes_on(&self) -> bool {
        self.trial.verdict().is_none() || self.attended.goes_on()
    }

    /// Does what the typist does. There is `room` for so many bytes on the keyboard.
    pub(super) fn stroke(&mut self, stroke: Option<Stroke>, room: usize) {
        match stroke {
            Some(Stroke::Keys(mut keys)) => {
                let room = room.saturating_sub(self.to_type.len());
                self.attended.dropped += keys.len().saturating_sub(room);
                keys.truncate(room);
                if !keys.is_empty() {
                    self.note("typed", keys.escape_ascii().to_string());
                    self.to_type.extend(keys);
                }
            }
            Some(Stroke::Leave) => {
                self.attended.left = true;
                self.half_a_line();
                let what =
                    "whoever sat at the console ended the machine before there was a verdict";
                let hint = "run it again without --shell, or let the machine come to its end";
                self.feed(&Event::Stopped {
                    what: what.into(),
                    hint: hint.into(),
                });
            }
            None => {
                self.attended.typist = None;
                if !self.attended.by_gdb {
                    self.attended.lasted = self.attended.since.elapsed();
                    self.last_step = Instant::now();
                }
            }
        }
    }

    /// Tells the verdict to whoever stays at the machine beyond it, once.
    pub(super) fn tell_whoever_stays(&mut self) {
        let stays = self.attended.goes_on() && self.drained_by.is_none() && !self.attended.told;
        if let Some(verdict) = self.trial.verdict().filter(|_| stays) {
            self.attended.told = true;
            self.observer.goes_on(verdict);
        }
    }
}
