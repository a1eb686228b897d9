//! A live run: QEMU on one side, the judge on the other, and the three clocks between them.
//!
//! This is the only place where time passes. What happens is turned into [events](Event), each of
//! which is recorded and judged; the run is over when there is a verdict.

use super::process::{Launch, Qemu};
use super::qmp::{Message, QmpEvent};
use super::{registers, start};
use crate::error::Error;
use crate::judge::event::Event;
use crate::judge::firmware_lines::FirmwareFilter;
use crate::judge::lines::{self, LineAssembler};
use crate::judge::trial::Trial;
use crate::judge::verdict::{Clock, EndKind, MachineEnd, Verdict};
use crate::judge::witness::{self, Account};
use crate::records::{self, RunDir};
use std::path::Path;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::time::{Instant, sleep_until};

/// How long a machine that has ended may take to let go of its connections.
const DRAIN: Duration = Duration::from_millis(250);

/// How much a console may print. More is a fault of its own, and would fill the user's disk. A line
/// counts as so many bytes more, which is what it costs in the records.
const CONSOLE_LIMIT: u64 = 64 << 20;
const LINE_COST: u64 = 64;

/// How much of QEMU's stderr is kept.
const STDERR_LIMIT: usize = 1 << 20;

/// What a run is bounded by.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The whole run.
    pub timeout: Duration,
    /// The time without a step.
    pub silence: Option<Duration>,
}

/// What is known of a run besides its trial.
#[derive(Debug)]
pub struct Finished<'s> {
    /// The trial, with its verdict.
    pub trial: Trial<'s>,
    /// QEMU's version.
    pub qemu: String,
    /// From the machine's start to the verdict.
    pub duration: Duration,
    /// The processors' registers in QEMU's words, as often as it told them, when a clock ran out.
    pub registers: Vec<String>,
}

/// Boots a machine and follows it to a verdict. QEMU is gone when this returns.
pub async fn run<'s>(
    launch: &Launch,
    trial: Trial<'s>,
    limits: Limits,
    dir: &mut RunDir,
    live: &mut dyn FnMut(&str),
) -> Result<Finished<'s>, Error> {
    let (mut qemu, version) = start::start(launch, limits.timeout).await?;
    let now = Instant::now();
    let mut session = Session {
        trial,
        dir,
        live,
        limits,
        started: now,
        last_step: now,
        assembler: LineAssembler::default(),
        firmware: FirmwareFilter::new(launch.firmware.clone()),
        console_bytes: 0,
        stderr_bytes: 0,
        end: None,
        exited: None,
    };
    // From here on everything QEMU says is listened to at once. Its answer to `cont` in particular
    // may come after so much output that QEMU would stand still if nobody took that.
    let going = qemu.qmp.send("cont", serde_json::Value::Null).await;
    let going = going.map_err(|error| error.to_string());
    let refused = match going {
        Ok(()) => session.follow(&mut qemu, launch).await.err(),
        Err(error) => Some(error),
    };
    if let Some(problem) = refused {
        return Err(start::not_started(qemu, launch, &problem).await);
    }
    let duration = session.started.elapsed();
    let registers = match session.trial.verdict() {
        Some(Verdict::Timeout { .. }) => registers::registers(&mut qemu).await,
        _ => Vec::new(),
    };
    if !registers.is_empty() {
        session
            .dir
            .write(records::REGISTERS, registers.concat().replace('\r', ""));
    }
    qemu.stop().await;
    session.dir.flush();
    Ok(Finished {
        trial: session.trial,
        qemu: version,
        duration,
        registers,
    })
}

struct Session<'s, 'r> {
    trial: Trial<'s>,
    dir: &'r mut RunDir,
    live: &'r mut dyn FnMut(&str),
    limits: Limits,
    started: Instant,
    last_step: Instant,
    assembler: LineAssembler,
    firmware: FirmwareFilter,
    console_bytes: u64,
    stderr_bytes: usize,
    /// How the machine ended, as far as QEMU has said.
    end: Option<MachineEnd>,
    /// How QEMU's process ended.
    exited: Option<String>,
}

/// The sources of events that have not dried up.
#[derive(Clone, Copy)]
struct Open {
    serial: bool,
    qmp: bool,
    stderr: bool,
    process: bool,
}

impl Session<'_, '_> {
    /// Listens until there is a verdict. The error is QEMU's, for not letting the machine run.
    async fn follow(&mut self, qemu: &mut Qemu, launch: &Launch) -> Result<(), String> {
        let mut open = Open {
            serial: true,
            qmp: true,
            stderr: true,
            process: true,
        };
        let mut buffer = vec![0; 64 << 10];
        let mut errors = vec![0; 4 << 10];
        // Set once the machine has ended: what it printed before that may still be on its way.
        let mut drained_by: Option<Instant> = None;
        while self.trial.verdict().is_none() {
            if !open.process && !open.serial && !open.qmp && !open.stderr {
                break;
            }
            let (clock, due) = self.next_clock();
            tokio::select! {
                () = sleep_until(drained_by.unwrap_or(due)) => match drained_by {
                    Some(_) => break,
                    None => self.timeout(clock),
                },
                read = qemu.serial.read(&mut buffer), if open.serial => match read {
                    Ok(length @ 1..) => self.console(&buffer[..length]),
                    _ => open.serial = false,
                },
                message = qemu.qmp.next(), if open.qmp => match message {
                    Ok(Message::Event(event)) => self.qmp(&event),
                    Ok(Message::Return(_)) => {}
                    Ok(Message::Refused(description)) => return Err(description),
                    Err(_) => open.qmp = false,
                },
                read = qemu.stderr.read(&mut errors), if open.stderr => match read {
                    Ok(length @ 1..) => self.stderr(&errors[..length]),
                    _ => open.stderr = false,
                },
                status = qemu.child.wait(), if open.process => {
                    open.process = false;
                    let status = status.map_or_else(|e| e.to_string(), |status| status.to_string());
                    self.note("qemu", format!("ended: {status}"));
                    self.exited = Some(format!("QEMU ended ({status})"));
                }
            }
            if (self.end.is_some() || self.exited.is_some()) && drained_by.is_none() {
                drained_by = Some(Instant::now() + DRAIN);
            }
        }
        self.rest_of_the_console();
        if let Some(format) = launch.witness
            && self.trial.verdict().is_none()
        {
            qemu.stop().await; // its log is complete when it has gone
            self.witness(format, &launch.folder.join(witness::FILE));
        }
        self.conclude();
        Ok(())
    }

    /// Hands over what came without a line's end.
    fn rest_of_the_console(&mut self) {
        let mut assembler = std::mem::take(&mut self.assembler);
        assembler.finish(|line| self.line(&line));
    }

    /// Hands over what QEMU logged.
    fn witness(&mut self, format: witness::Format, log: &Path) {
        let account = std::fs::File::open(log).and_then(|file| Account::read(format, file));
        self.feed(&match account {
            Ok(account) => Event::Witness(account),
            Err(error) => Event::Stopped {
                what: format!("QEMU's own log {} cannot be read: {error}", log.display()),
                hint: "check [witness] in the machine file, and that the disk is not full".into(),
            },
        });
    }

    /// Hands over the machine's end.
    fn conclude(&mut self) {
        // What QEMU reported counts; that its process is gone says nothing of the machine.
        let unreported = self
            .exited
            .take()
            .map(|status| MachineEnd::Unreported { status });
        if let Some(end) = self.end.take().or(unreported) {
            self.feed(&Event::End(end));
        }
    }

    /// The clock that runs out first, and when.
    fn next_clock(&self) -> (Clock, Instant) {
        let since_step = |clock, span: Option<Duration>| Some((clock, self.last_step + span?));
        [
            since_step(Clock::Step, self.trial.within()),
            since_step(Clock::Silence, self.limits.silence),
        ]
        .into_iter()
        .flatten()
        .fold(
            (Clock::Run, self.started + self.limits.timeout),
            |first, other| {
                if other.1 < first.1 { other } else { first }
            },
        )
    }

    fn timeout(&mut self, clock: Clock) {
        let within = self.trial.within().unwrap_or_default();
        // What came without a line's end may be the very prompt that the machine waits at.
        self.rest_of_the_console();
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
    }

    fn console(&mut self, bytes: &[u8]) {
        let lines = memchr::memchr_iter(b'\n', bytes).count() as u64;
        self.console_bytes += bytes.len() as u64 + LINE_COST * lines;
        self.dir.console(bytes);
        let mut assembler = std::mem::take(&mut self.assembler);
        assembler.push(bytes, |line| self.line(&line));
        self.assembler = assembler;
        if self.console_bytes > CONSOLE_LIMIT {
            self.feed(&Event::Flood {
                limit: CONSOLE_LIMIT,
            });
        }
        self.dir.flush();
    }

    /// Takes a line; says whether more are wanted.
    fn line(&mut self, line: &str) -> bool {
        if self.trial.verdict().is_none() && self.firmware.takes(line) {
            self.feed(&Event::Firmware { text: line.into() });
        } else if self.trial.verdict().is_none() {
            (self.live)(line);
            self.feed(&Event::line(line));
        }
        self.trial.verdict().is_none()
    }

    fn qmp(&mut self, event: &QmpEvent) {
        self.note("qmp", format!("{} {}", event.name, event.data));
        let reason = event.reason().to_owned();
        let kind = match (event.name.as_str(), reason.as_str()) {
            ("SHUTDOWN", "guest-shutdown") => EndKind::Shutdown,
            ("SHUTDOWN", "guest-reset") => EndKind::Reset,
            ("SHUTDOWN", "guest-panic") => EndKind::Panic,
            ("SHUTDOWN", other) => {
                let status = format!("QEMU shut the machine down ({other})");
                self.end.get_or_insert(MachineEnd::Unreported { status });
                return;
            }
            ("RESET", _) if event.data["guest"] == true => EndKind::Reset,
            ("GUEST_PANICKED", _) => EndKind::Panic,
            _ => return,
        };
        self.end
            .get_or_insert(MachineEnd::Reported { kind, reason });
    }

    fn stderr(&mut self, bytes: &[u8]) {
        let room = STDERR_LIMIT - self.stderr_bytes;
        let kept = &bytes[..bytes.len().min(room)];
        self.stderr_bytes += kept.len();
        self.dir.stderr(kept);
        for line in kept.split(|&b| b == b'\n').filter(|line| !line.is_empty()) {
            self.note("qemu", lines::normalise(line).into_owned());
        }
    }

    fn note(&mut self, from: &str, text: String) {
        self.feed(&Event::note(from, text));
        self.dir.flush();
    }

    fn feed(&mut self, event: &Event<'_>) {
        let at = self.started.elapsed();
        self.dir.event(at, event);
        if self.trial.feed(at, event) {
            self.last_step = Instant::now();
        }
    }
}
