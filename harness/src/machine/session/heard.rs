//! Turns what comes from a machine into events, and limits how much of it is read.

use super::{Ended, Session};
use crate::judge::event::Event;
use crate::judge::lines;
use crate::judge::observer::Observer as _;
use crate::judge::verdict::{EndKind, MachineEnd};
use crate::machine::process::Typed;
use crate::machine::qmp::QmpEvent;
use crate::records;
use rustix::process::Signal;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use tokio::time::Instant;

/// How much a console may print. More is a failure of its own, and would fill the user's disk. A line
/// counts as this many bytes more, which is its cost in the records.
const CONSOLE_LIMIT: u64 = 64 << 20;
const LINE_COST: u64 = 64;

/// How much QEMU may log of the guest's exits. A guest that traps again and again takes about ten
/// seconds to reach this; a Linux that boots and ends logs less than a hundredth of it.
pub const LOG_LIMIT: u64 = 256 << 20;

/// How much of QEMU's stderr is kept.
const STDERR_LIMIT: usize = 1 << 20;

/// The signals by which a process dies through its own doing. Any other signal was sent by a user, or
/// by the kernel when it ran out of memory.
const OWN_DEATHS: [Signal; 7] = [
    Signal::ILL,
    Signal::TRAP,
    Signal::ABORT,
    Signal::BUS,
    Signal::FPE,
    Signal::SEGV,
    Signal::SYS,
];

impl Session<'_, '_> {
    pub(super) fn console(&mut self, bytes: &[u8]) {
        let lines = memchr::memchr_iter(b'\n', bytes).count() as u64;
        self.console_bytes += bytes.len() as u64 + LINE_COST * lines;
        self.observer.console(bytes);
        if self.console_bytes <= CONSOLE_LIMIT || self.trial.verdict().is_none() {
            self.dir.console(bytes);
        }
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

    /// Takes a line. Returns whether more are wanted.
    pub(super) fn line(&mut self, line: &str) -> bool {
        if self.trial.verdict().is_none() && self.firmware.takes(line) {
            self.feed(&Event::Firmware { text: line.into() });
        } else if self.trial.verdict().is_none() {
            self.feed(&Event::line(line));
        }
        self.trial.verdict().is_none()
    }

    /// Takes a part of QEMU's log, and checks whether the log can still become what is expected.
    pub(super) fn logged(&mut self, bytes: &[u8]) {
        let Some(mut log) = self.log.take() else {
            return;
        };
        self.log_bytes += bytes.len() as u64;
        self.dir.witness(bytes);
        log.push(bytes);
        self.tell_of_exits(bytes, log.so_far());
        let flood = self.log_bytes > LOG_LIMIT;
        if flood || self.trial.is_refuted_by(log.so_far()) {
            self.feed(&Event::Witness(log.so_far().clone()));
        }
        if flood {
            self.feed(&Event::ExitFlood { limit: LOG_LIMIT });
        }
        self.log = Some(log);
    }

    pub(super) fn qmp(&mut self, event: &QmpEvent) {
        if self.attended.by_gdb && ["STOP", "RESUME"].contains(&event.name.as_str()) {
            return; // of the debugger's making, and there may be very many
        }
        if let Some(audit) = &mut self.audit
            && ["STOP", "RESUME"].contains(&event.name.as_str())
        {
            audit.goes = true;
            return; // of the auditor's making
        }
        self.note("qmp", format!("{} {}", event.name, event.data));
        let reason = event.reason().to_owned();
        let kind = match (event.name.as_str(), reason.as_str()) {
            ("SHUTDOWN", "guest-shutdown") => EndKind::Shutdown,
            ("SHUTDOWN", "guest-reset") => EndKind::Reset,
            ("SHUTDOWN", "guest-panic") => EndKind::Panic,
            ("SHUTDOWN", other) => {
                let status = format!("QEMU shut the machine down ({other})");
                self.reported.get_or_insert(if other.starts_with("host-") {
                    Ended::FromOutside(format!("{status}: the machine did not ask for that"))
                } else {
                    Ended::Reported(MachineEnd::Unreported { status })
                });
                return;
            }
            ("RESET", _) if event.data["guest"] == true => EndKind::Reset,
            ("GUEST_PANICKED", _) => EndKind::Panic,
            ("BLOCK_IO_ERROR", _) => return self.disk_failed(event),
            _ => return,
        };
        self.reported
            .get_or_insert(Ended::Reported(MachineEnd::Reported { kind, reason }));
    }

    /// A file behind one of the machine's disks failed, however the machine handles that: most likely
    /// there is no room for what the guest wrote.
    fn disk_failed(&mut self, event: &QmpEvent) {
        let why = event.reason();
        let what = format!("QEMU cannot use the file behind the machine's disk: {why}");
        let hint = records::ROOM.to_owned();
        self.feed(&Event::Stopped { what, hint });
    }

    pub(super) fn gone(&mut self, status: io::Result<ExitStatus>) {
        let signal = status.as_ref().ok().and_then(ExitStatus::signal);
        let own = |signal| OWN_DEATHS.iter().any(|own| own.as_raw() == signal);
        let status = status.map_or_else(|e| e.to_string(), |status| status.to_string());
        self.note("qemu", format!("ended: {status}"));
        let text = format!("QEMU ended ({status})");
        self.gone = Some(match signal {
            Some(signal) if !own(signal) => Ended::FromOutside(format!(
                "{text}: a signal that the harness did not send killed it"
            )),
            _ => Ended::Gone(text),
        });
    }

    pub(super) fn stderr(&mut self, bytes: &[u8]) {
        let room = STDERR_LIMIT - self.stderr_bytes;
        let kept = &bytes[..bytes.len().min(room)];
        self.stderr_bytes += kept.len();
        self.dir.stderr(kept);
        for line in kept.split(|&b| b == b'\n').filter(|line| !line.is_empty()) {
            let line = lines::normalise(line);
            self.attended.heard_of_gdb(&line);
            self.note("qemu", line.into_owned());
        }
    }

    pub(super) fn note(&mut self, from: &str, text: String) {
        self.feed(&Event::note(from, text));
        self.dir.flush();
    }

    pub(super) fn feed(&mut self, event: &Event<'_>) {
        if self.trial.verdict().is_some() {
            return; // the records end with what was decided on
        }
        let at = self.started.elapsed();
        self.dir.event(at, event);
        self.observer.event(at, event);
        let before = self.trial.steps().len();
        if self.trial.feed(at, event) {
            self.last_step = Instant::now();
            let new = &self.trial.steps()[before..];
            new.iter().for_each(|step| self.observer.step(step));
            if let Some(audit) = &self.audit {
                new.iter().for_each(|step| audit.teller.step(&step.step));
            }
            let due = |typed: &&Typed| new.iter().any(|step| step.step == typed.after);
            let typed = self.typed;
            let due: Vec<_> = typed.iter().filter(due).collect();
            for typed in due {
                self.to_type.extend(typed.text.as_bytes());
                self.note("typed", typed.text.escape_debug().to_string());
            }
        }
        if self.trial.verdict().is_some() {
            self.decided = Some(Instant::now());
        }
        self.tell_whoever_stays();
    }
}
