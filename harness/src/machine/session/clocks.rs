//! A session's clocks: which runs out first, what happens then, and what none of them counts.

use super::Session;
use crate::judge::event::Event;
use crate::judge::verdict::Clock;
use std::time::Duration;
use tokio::time::Instant;

impl Session<'_, '_> {
    /// Takes the time in which the harness itself was stopped off the clocks.
    pub(super) fn look_at_the_pulse(&mut self) {
        let Some(lost) = self.pulse.look() else {
            return;
        };
        self.stopped += lost;
        self.last_step += lost;
        if let Some(drained_by) = &mut self.drained_by {
            *drained_by += lost;
        }
        let lost = lost.as_secs_f64();
        let text = format!("the harness was stopped for {lost:.1} s, which no clock counts");
        self.note("harness", text);
    }

    /// The clock that runs out first, and when; none while somebody attends the machine. After the machine has
    /// ended, only the time that it may take to close its connections counts.
    pub(super) fn next_clock(&self) -> Option<(Option<Clock>, Instant)> {
        if let Some(drained_by) = self.drained_by {
            return Some((None, drained_by));
        }
        if self.attended.goes_on() {
            return None;
        }
        let since_step = |clock, span: Option<Duration>| Some((clock, self.last_step + span?));
        let run = self.started + self.stopped + self.attended.lasted + self.limits.timeout;
        let (clock, due) = [
            since_step(Clock::Step, self.trial.within()),
            since_step(Clock::Silence, self.limits.silence),
        ]
        .into_iter()
        .flatten()
        .fold((Clock::Run, run), |first, other| {
            if other.1 < first.1 { other } else { first }
        });
        Some((Some(clock), due))
    }

    /// A clock has run out. The error is QEMU's, for not letting the machine run.
    pub(super) fn timeout(&mut self, clock: Clock) -> Result<(), String> {
        if self.never_went() {
            return Err("its machine did not go when gdb told it to".into());
        }
        self.look_for_the_auditor();
        let within = self.trial.within().unwrap_or_default();
        self.half_a_line();
        let after = match clock {
            Clock::Run => self.limits.timeout,
            Clock::Step => within,
            Clock::Silence => self.limits.silence.unwrap_or_default(),
        };
        let silent_for = (self.last_step.elapsed().as_secs_f64() * 1e3).round() / 1e3;
        self.feed(&Event::Timeout {
            clock,
            after: after.as_secs_f64(),
            silent_for,
        });
        Ok(())
    }
}
