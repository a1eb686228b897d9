//! A live run: QEMU on one side, the judge on the other, and the three clocks between them.
//!
//! This is the only place where time passes. Everything that happens becomes an [event](Event), which
//! is recorded and judged; the run is over when there is a verdict.
//!
//! A clock can run out only after everything that had arrived by then was read, and it does not count
//! time in which the harness itself was stopped.

mod attended;
mod audited;
mod clocks;
mod heard;

pub use attended::left_early;

use super::keyboard::Typist;
use super::process::{Came, Launch, Qemu, Typed};
use super::pulse::Pulse;
use super::qmp::Message;
use super::registers;
use super::start::{self, Started};
use crate::config::accel::Accelerator;
use crate::error::Error;
use crate::judge::event::Event;
use crate::judge::firmware_lines::FirmwareFilter;
use crate::judge::lines::LineAssembler;
use crate::judge::observer::Observer;
use crate::judge::trial::Trial;
use crate::judge::verdict::{MachineEnd, Verdict};
use crate::judge::witness::Reader;
use crate::records::{self, RunDir};
use attended::Attended;
use audited::Audited;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// How long a machine that has ended may take to close its connections.
const DRAIN: Duration = Duration::from_millis(250);

/// How many pieces to read at most after a clock has run out: more than the connections hold.
const PIECES: usize = 1024;

/// The limits of a run.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// For the whole run.
    pub timeout: Duration,
    /// For the time without a step.
    pub silence: Option<Duration>,
}

/// The outcome of a run, besides its trial.
#[derive(Debug)]
pub struct Finished<'s> {
    /// The trial, with its verdict.
    pub trial: Trial<'s>,
    /// QEMU's version.
    pub qemu: String,
    /// What its machine ran with, if QEMU has said so.
    pub accelerator: Option<Accelerator>,
    /// The time from the machine's start to the verdict.
    pub duration: Duration,
    /// The processors' registers as QEMU printed them after a clock ran out, sample by sample.
    pub registers: Vec<String>,
    /// Further remarks for the user.
    pub notes: Vec<String>,
}

/// Boots a machine and follows it to a verdict. Each event goes to the records in `dir`, and then to
/// `observer`. QEMU is gone when this returns.
pub async fn run<'s>(
    launch: &Launch,
    trial: Trial<'s>,
    limits: Limits,
    dir: &mut RunDir,
    observer: &mut dyn Observer,
) -> Result<Finished<'s>, Error> {
    let started = start::start(launch, limits.timeout).await?;
    go(started, launch, trial, limits, None, dir, observer).await
}

/// Starts the machine of a prepared QEMU, and follows it as [`run`] does. A typist may sit at its console.
pub async fn go<'s>(
    started: Started,
    launch: &Launch,
    trial: Trial<'s>,
    limits: Limits,
    typist: Option<Typist>,
    dir: &mut RunDir,
    observer: &mut dyn Observer,
) -> Result<Finished<'s>, Error> {
    let Started {
        mut qemu,
        version,
        accelerator,
        said,
    } = started;
    let now = Instant::now();
    let mut session = Session {
        trial,
        dir,
        observer,
        limits,
        started: now,
        pulse: Pulse::new(),
        stopped: Duration::ZERO,
        last_step: now,
        decided: None,
        attended: Attended::new(typist, launch.gdb.is_some()),
        typed: &launch.typed,
        to_type: Vec::new(),
        assembler: LineAssembler::default(),
        firmware: FirmwareFilter::new(launch.firmware.clone()),
        console_bytes: 0,
        stderr_bytes: 0,
        log: launch.witness.map(Reader::new),
        log_bytes: 0,
        audit: qemu
            .auditor
            .as_ref()
            .map(|auditor| Audited::new(auditor.teller())),
        reported: None,
        gone: None,
        drained_by: None,
    };
    session.stderr(&said);
    // From here on everything QEMU says is listened to at once. Its answer to `cont` in particular
    // may come after so much output that QEMU would stand still if nobody took that.
    let going = match (&mut qemu.auditor, &launch.gdb) {
        // The stub tells of no stop of a machine that it has not set going itself.
        (Some(auditor), _) => {
            auditor.go();
            Ok(())
        }
        // Whoever debugs it sets it going.
        (None, Some(command)) => {
            session.observer.waits_for_gdb(command);
            Ok(())
        }
        (None, None) => session.set_going(&mut qemu).await,
    };
    let refused = match going {
        Ok(()) => session.follow(&mut qemu).await.err(),
        Err(error) => Some(error),
    };
    if let Some(problem) = refused {
        return Err(start::not_started(qemu, said, launch, &problem).await);
    }
    let decided = session.decided.unwrap_or_else(Instant::now);
    let duration = decided - session.started;
    qemu.auditor = None; // so that nobody else sets the machine going
    let registers = match session.trial.verdict() {
        Some(Verdict::Timeout { .. }) => registers::registers(&mut qemu).await,
        _ => Vec::new(),
    };
    qemu.stop(|_| {}).await;
    launch.clean_up();
    session.finish(version, accelerator, duration, registers)
}

struct Session<'s, 'r> {
    trial: Trial<'s>,
    dir: &'r mut RunDir,
    observer: &'r mut dyn Observer,
    limits: Limits,
    started: Instant,
    pulse: Pulse,
    /// How long the harness itself was stopped; no clock counts this time.
    stopped: Duration,
    last_step: Instant,
    /// When the verdict fell. The machine may go on after it.
    decided: Option<Instant>,
    /// Who sits at the machine, if somebody does.
    attended: Attended,
    /// What is to be typed after which step, and what of that is due.
    typed: &'r [Typed],
    to_type: Vec<u8>,
    assembler: LineAssembler,
    firmware: FirmwareFilter,
    console_bytes: u64,
    stderr_bytes: usize,
    /// Reads QEMU's log, if there is one.
    log: Option<Reader>,
    log_bytes: u64,
    /// What is known of the auditor, if there is one.
    audit: Option<Audited>,
    /// How the machine ended, as QEMU has said.
    reported: Option<Ended>,
    /// How QEMU's process ended.
    gone: Option<Ended>,
    /// Set once the machine has ended: some of its output may still be on its way.
    drained_by: Option<Instant>,
}

/// How a machine ended.
#[derive(Debug)]
enum Ended {
    /// By itself, as QEMU reported it.
    Reported(MachineEnd),
    /// With QEMU's process, which ended by itself.
    Gone(String),
    /// Somebody else ended it, or QEMU.
    FromOutside(String),
    /// Whoever debugged it had gdb end it.
    ByGdb,
}

impl Session<'_, '_> {
    /// Follows the machine until there is a verdict. The error is QEMU's refusal to start the machine.
    async fn follow(&mut self, qemu: &mut Qemu) -> Result<(), String> {
        while self.goes_on() && !qemu.is_over() {
            self.look_at_the_pulse();
            self.let_go(qemu).await;
            self.ask_whether_it_lives(qemu).await;
            if let Some(stroke) = self.attended.stroke_at_once() {
                self.stroke(Some(stroke), qemu.keyboard.room());
            }
            qemu.keyboard.queue(&std::mem::take(&mut self.to_type));
            let is_due =
                |next: Option<(_, Instant)>| next.is_some_and(|(_, due)| due <= Instant::now());
            let next = self.next_clock();
            if !is_due(next) {
                let pulse = self.pulse.due();
                let until = next.map_or(pulse, |(_, due)| due.min(pulse));
                let room = qemu.keyboard.room();
                tokio::select! {
                    biased;
                    came = qemu.next() => self.take(came)?,
                    stroke = self.attended.stroke() => self.stroke(stroke, room),
                    () = sleep_until(until) => {}
                }
                continue;
            }
            // Everything that has arrived by now came before the clock ran out.
            self.take_what_is_there(qemu).await?;
            let next = self.next_clock();
            match next.filter(|_| is_due(next)) {
                Some((Some(clock), _)) if self.trial.verdict().is_none() => self.timeout(clock)?,
                Some((None, _)) => break,
                _ => {}
            }
        }
        if self.trial.verdict().is_none() {
            self.conclude(qemu).await;
        }
        Ok(())
    }

    /// Reads everything that is available without waiting.
    async fn take_what_is_there(&mut self, qemu: &mut Qemu) -> Result<(), String> {
        let mut looked_again = false;
        for _ in 0..PIECES {
            tokio::select! {
                biased;
                came = qemu.next() => {
                    self.take(came)?;
                    looked_again = false;
                }
                () = std::future::ready(()) => {
                    if looked_again || !self.goes_on() {
                        return Ok(());
                    }
                    // The runtime polls the connections when this task yields.
                    tokio::task::yield_now().await;
                    looked_again = true;
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, came: Came<'_>) -> Result<(), String> {
        match came {
            Came::Console(bytes) => self.console(bytes),
            Came::Pressed => {}
            Came::Stderr(bytes) => self.stderr(bytes),
            Came::Log(bytes) => self.logged(bytes),
            Came::Audit(heard) => self.audited(heard),
            Came::Message(Ok(Message::Event(event))) => self.qmp(&event),
            Came::Message(Ok(Message::Refused(description))) => return self.refused(description),
            Came::Message(Ok(Message::Return(answer))) => self.answered(&answer),
            Came::Message(Err(_)) => {}
            Came::Gone(status) => self.gone(status),
        }
        let ended = self.reported.is_some() || self.gone.is_some();
        if ended && self.drained_by.is_none() {
            self.drained_by = Some(Instant::now() + DRAIN);
        }
        if let Some(trouble) = self.dir.trouble() {
            // Without its records, nobody could judge this run again.
            let (what, hint) = (trouble.to_owned(), records::ROOM.to_owned());
            self.feed(&Event::Stopped { what, hint });
        }
        Ok(())
    }

    /// Handles the end of the machine: reads the rest of the output.
    async fn conclude(&mut self, qemu: &mut Qemu) {
        // QEMU's report counts; the end of its process says nothing about the machine.
        let ended = self.reported.take().or(self.gone.take());
        // QEMU reports that its guest asked for it.
        let ended = if self.attended.gdb_ended_it {
            Some(Ended::ByGdb)
        } else {
            ended
        };
        match &ended {
            // The machine has printed everything.
            Some(Ended::Reported(_)) => self.rest_of_the_console(),
            _ => self.half_a_line(),
        }
        if self.log.is_some() {
            // The log is complete when QEMU has gone.
            qemu.stop(|bytes| self.logged(bytes)).await;
        }
        // What was read before the machine ended counts.
        while let Some(heard) = qemu.auditor.as_mut().and_then(|auditor| auditor.said()) {
            self.audited(heard);
        }
        self.look_for_the_auditor();
        if let Some(log) = self.log.take() {
            self.feed(&Event::Witness(log.finish()));
        }
        match ended {
            Some(Ended::Reported(end)) => self.feed(&Event::End(end)),
            Some(Ended::Gone(status)) => self.feed(&Event::End(MachineEnd::Unreported { status })),
            Some(Ended::FromOutside(what)) => self.feed(&Event::Stopped {
                what,
                hint: "find out who did: the kernel does when memory runs out (dmesg), as do \
                       limits of a container or a batch system"
                    .into(),
            }),
            Some(Ended::ByGdb) => self.feed(&attended::ended_by_gdb()),
            None => {}
        }
    }

    /// Judges what came without a line's end.
    fn rest_of_the_console(&mut self) {
        let mut assembler = std::mem::take(&mut self.assembler);
        assembler.finish(|line| self.line(&line));
    }

    /// Shows what came without a line's end, such as the prompt at which the machine waits.
    fn half_a_line(&mut self) {
        let mut assembler = std::mem::take(&mut self.assembler);
        assembler.finish(|line| {
            self.feed(&Event::Partial {
                text: line.as_ref().into(),
            });
            true
        });
    }
}

impl<'s> Session<'s, '_> {
    fn finish(
        self,
        qemu: String,
        accelerator: Option<Accelerator>,
        duration: Duration,
        registers: Vec<String>,
    ) -> Result<Finished<'s>, Error> {
        if !registers.is_empty() {
            let text = registers.concat().replace('\r', "");
            self.dir.write(records::REGISTERS, text);
        }
        self.dir.flush();
        if let (Some(Verdict::Pass), Some(trouble)) = (self.trial.verdict(), self.dir.trouble()) {
            return Err(Error::infrastructure(trouble, records::ROOM));
        }
        let stopped = (self.stopped > Duration::ZERO).then(|| {
            let seconds = self.stopped.as_secs_f64();
            format!("the harness itself was stopped for {seconds:.1} s, which no clock counted")
        });
        Ok(Finished {
            trial: self.trial,
            qemu,
            accelerator,
            duration,
            registers,
            notes: stopped.into_iter().chain(self.attended.notes()).collect(),
        })
    }
}

#[cfg(test)]
mod scripted;
#[cfg(test)]
mod tests;
