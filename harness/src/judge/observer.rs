//! Follows a run: its records, the console on a terminal, a progress bar, another project's test.

use super::event::Event;
use super::trial::StepReached;
use super::verdict::Verdict;
use std::path::Path;
use std::time::Duration;

/// Sees the events of a run as they happen, in the order in which they are judged.
///
/// It is called between two reads from the machine, so its work costs the run time: hand longer work
/// over, for example through a channel. A closure that takes an event is an observer.
///
/// ```
/// use harness::{Event, Request};
///
/// let (lines, seen) = std::sync::mpsc::channel();
/// let request = Request::new("smoke").machine("riscv64").observe(move |_at, event: &Event<'_>| {
///     if let Event::Line { text } = event {
///         let _ = lines.send(text.to_string());
///     }
/// });
/// # drop(request);
/// # assert!(seen.recv().is_err());
/// ```
pub trait Observer {
    /// The machine is about to be started. By default this does nothing.
    fn begins(&mut self, run: &Beginning<'_>) {
        let _ = run;
    }

    /// Something happened. `at` is the time since the machine started.
    fn event(&mut self, at: Duration, event: &Event<'_>);

    /// The event before reached a step of the story. By default this does nothing.
    fn step(&mut self, step: &StepReached) {
        let _ = step;
    }

    /// The console printed these bytes, which are as the machine sent them: unsafe to show, and cut anywhere. By
    /// default this does nothing.
    fn console(&mut self, bytes: &[u8]) {
        let _ = bytes;
    }

    /// The machine waits for gdb, which is started by this line for a shell. By default this does nothing.
    fn waits_for_gdb(&mut self, command: &str) {
        let _ = command;
    }

    /// There is a verdict, and the machine goes on because somebody sits at it. By default this does nothing.
    fn goes_on(&mut self, verdict: &Verdict) {
        let _ = verdict;
    }
}

/// A run that is about to begin.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Beginning<'a> {
    /// The scenario's name.
    pub scenario: &'a str,
    /// How many steps its story has.
    pub steps: usize,
    /// The nonce of the hypervisor's own event lines: `@hv <nonce> …`.
    pub nonce: &'a str,
    /// Where the run's records are.
    pub records: &'a Path,
}

impl<F: FnMut(Duration, &Event<'_>)> Observer for F {
    fn event(&mut self, at: Duration, event: &Event<'_>) {
        self(at, event);
    }
}

/// Several observers, called in turn.
impl Observer for Vec<Box<dyn Observer + Send>> {
    fn begins(&mut self, run: &Beginning<'_>) {
        self.iter_mut().for_each(|observer| observer.begins(run));
    }

    fn event(&mut self, at: Duration, event: &Event<'_>) {
        self.iter_mut()
            .for_each(|observer| observer.event(at, event));
    }

    fn step(&mut self, step: &StepReached) {
        self.iter_mut().for_each(|observer| observer.step(step));
    }

    fn console(&mut self, bytes: &[u8]) {
        self.iter_mut().for_each(|observer| observer.console(bytes));
    }

    fn waits_for_gdb(&mut self, command: &str) {
        let all = self.iter_mut();
        all.for_each(|observer| observer.waits_for_gdb(command));
    }

    fn goes_on(&mut self, verdict: &Verdict) {
        self.iter_mut()
            .for_each(|observer| observer.goes_on(verdict));
    }
}
