//! Every line the hypervisor prints: those for people, and, where the disk holds a nonce, those
//! for a judge (`@hv <nonce> <seq> …`), which no guest can forge as it cannot read the disk.

use alloc::{string::String, vec::Vec};
use core::fmt::{self, Display, Write};

use crate::{
    error::Error,
    vm::exit::{Exit, Fault, Outcome, Overrun, Reason, Refusal},
};

/// The version of the event lines (`harness/docs/report.md`). It grows with a change that a judge of the
/// one before would misunderstand.
pub const VERSION: u32 = 1;

/// Where lines go.
pub trait Console {
    /// Writes bytes as they are; a line ends with `\n`.
    fn write(&mut self, bytes: &[u8]);
}

/// A guest's line longer than this is broken into several, so that a guest without newlines costs
/// no more memory.
const LINE_LIMIT: usize = 1024;

/// After so many pages were mapped for a guest, the lines for people about it stop: a guest that sweeps a
/// large window would hide everything else. Event lines go on.
const MAP_LINES: u64 = 16;

/// What was counted while the guest ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All exits but the host's own interrupts, which come when they like.
    pub exits: u64,
    /// Nested page faults.
    pub faults: u64,
    /// Hypercalls.
    pub calls: u64,
    /// Pages mapped on faults.
    pub mapped: u64,
    /// Bytes of the guest's that reached the console, or wait there for the end of their line.
    pub bytes: u64,
}

impl Counts {
    /// What brings a guest's story on: bytes that reach the console and pages that get mapped. Only
    /// whether it has grown matters.
    pub fn progress(&self) -> u64 {
        self.bytes + self.mapped
    }
}

/// How an architecture speaks of the guest's memory before the guest runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryWords {
    /// `Pre-allocating 16 MB guest RAM at 0x80000000...`
    Megabytes,
    /// `Pre-allocating 2048 KB guest RAM at GPA 0x0...`
    Kilobytes,
    /// Nothing before, but the pages of the image and the place of the stack after it is loaded.
    Pages {
        /// First address of the stack.
        stack: u64,
        /// First address behind the stack.
        stack_end: u64,
    },
}

/// The printer. Lines of the hypervisor and of the guest never mix within a line.
pub struct Events<C> {
    console: C,
    nonce: Option<String>,
    sequence: u64,
    guest_line: Vec<u8>,
    counts: Counts,
}

impl<C: Console> Events<C> {
    /// A printer onto `console`, with event lines if there is a `nonce`.
    pub fn new(console: C, nonce: Option<String>) -> Self {
        Self {
            console,
            nonce,
            sequence: 0,
            guest_line: Vec::new(),
            counts: Counts::default(),
        }
    }

    /// What was counted so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The console, when nothing more is to be printed.
    pub fn into_console(self) -> C {
        self.console
    }

    /// A guest is about to be made; what was counted of an earlier one goes.
    pub fn started(&mut self, arch: &str, mode: &str) {
        self.counts = Counts::default();
        self.event(format_args!(
            "start version={VERSION} arch={arch} mode={mode}"
        ));
    }

    /// RAM of `size` bytes is about to be taken for the guest at `gpa`.
    pub fn allocating(&mut self, words: MemoryWords, gpa: u64, size: u64) {
        match words {
            MemoryWords::Megabytes => {
                let size = size >> 20;
                self.line(format_args!(
                    "Pre-allocating {size} MB guest RAM at {gpa:#x}..."
                ));
            }
            MemoryWords::Kilobytes => {
                let size = size >> 10;
                self.line(format_args!(
                    "Pre-allocating {size} KB guest RAM at GPA {gpa:#x}..."
                ));
            }
            MemoryWords::Pages { .. } => {}
        }
    }

    /// The guest's image at `path` is about to be loaded.
    pub fn loading(&mut self, path: &str) {
        self.line(format_args!("app: {path}"));
    }

    /// `len` bytes of it were loaded to `gpa`.
    pub fn loaded(&mut self, words: MemoryWords, path: &str, len: usize, gpa: u64) {
        match words {
            MemoryWords::Pages { stack, stack_end } => {
                let pages = len.div_ceil(crate::memory::pages::PAGE as usize);
                self.line(format_args!(
                    "Loaded {len} bytes ({pages} pages) from {path}"
                ));
                self.line(format_args!("Guest stack: {stack:#x} - {stack_end:#x}"));
            }
            _ => self.line(format_args!("Loaded {len} bytes from {path}")),
        }
        self.event(format_args!("load path={path} bytes={len} gpa={gpa:#x}"));
    }

    /// The guest is about to run, at `pc`.
    pub fn entering(&mut self, pc: u64) {
        self.line(format_args!("Entering VM run loop..."));
        self.event(format_args!("enter pc={pc:#x}"));
    }

    /// An exit came.
    pub fn count(&mut self, exit: &Exit) {
        match exit {
            Exit::HostInterrupt => return,
            Exit::Fault(_) => self.counts.faults += 1,
            Exit::Call(_) | Exit::RefusedCall(_) => self.counts.calls += 1,
            Exit::Idle | Exit::Refused(_) | Exit::Emulated | Exit::Other(_) => {}
        }
        self.counts.exits += 1;
    }

    /// A fault was resolved by mapping a page of `window`.
    pub fn mapped(&mut self, fault: &Fault, window: &str) {
        let (gpa, access) = (fault.gpa, fault.access.name());
        self.counts.mapped += 1;
        if self.counts.mapped <= MAP_LINES {
            self.line(format_args!(
                "VM exit: nested page fault at {gpa:#010X} ({access}): mapped {window}"
            ));
        } else if self.counts.mapped == MAP_LINES + 1 {
            self.line(format_args!("VM exit: (further mappings are not shown)"));
        }
        self.event(format_args!(
            "exit kind=npf gpa={gpa:#x} access={access} action=map window={window}"
        ));
    }

    /// The guest asked for its end by a call that has a name.
    pub fn shutdown_call(&mut self, announce: Option<&str>) {
        self.finish_guest_line();
        if let Some(call) = announce {
            self.line(format_args!("Guest: {call}"));
        }
    }

    /// The guest printed `bytes`.
    pub fn guest_bytes(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            match byte {
                // The console puts one before each `\n` by itself.
                b'\r' => continue,
                b'\n' => self.end_guest_line(),
                _ => {
                    self.guest_line.push(byte);
                    if self.guest_line.len() == LINE_LIMIT {
                        self.end_guest_line();
                    }
                }
            }
            self.counts.bytes += 1;
        }
    }

    /// The guest ended.
    pub fn ended(&mut self, outcome: &Outcome) {
        self.finish_guest_line();
        let Counts {
            exits,
            faults,
            calls,
            ..
        } = self.counts;
        match outcome {
            Outcome::Shutdown => self.line(format_args!("Shutdown vm normally!")),
            Outcome::Killed { reason, pc } => {
                self.line(format_args!("Hypervisor error: {reason}, guest pc {pc:#x}"));
            }
        }
        let what = End(outcome);
        self.event(format_args!(
            "end {what} exits={exits} npf={faults} hypercalls={calls}"
        ));
    }

    /// The state of the host after a guest: whether its canary is intact, and the pages that guests
    /// hold (none, once they have ended) and have held at most.
    pub fn host(&mut self, canary_intact: bool, held: u64, most: u64) {
        let canary = if canary_intact { "intact" } else { "dead" };
        self.event(format_args!(
            "host canary={canary} pages={held} most={most}"
        ));
        if !canary_intact {
            self.line(format_args!(
                "Hypervisor error: a guest has written to host memory"
            ));
        }
    }

    /// All guests have ended as they should. Success is claimed here and nowhere else.
    pub fn ok(&mut self) {
        self.line(format_args!("Hypervisor ok!"));
    }

    /// No guest ran.
    pub fn failed(&mut self, error: &Error) {
        self.line(format_args!("Hypervisor error: {error}"));
        self.event(format_args!("end outcome=error exits=0 npf=0 hypercalls=0"));
    }

    /// Prints a line of the hypervisor's own.
    pub fn line(&mut self, text: fmt::Arguments<'_>) {
        let mut line = String::new();
        // Writing to a String does not fail.
        let _ = writeln!(line, "{text}");
        self.console.write(line.as_bytes());
    }

    fn event(&mut self, text: fmt::Arguments<'_>) {
        let Some(nonce) = &self.nonce else { return };
        let mut line = String::new();
        let _ = writeln!(line, "@hv {nonce} {} {text}", self.sequence);
        self.sequence += 1;
        self.console.write(line.as_bytes());
    }

    fn end_guest_line(&mut self) {
        self.guest_line.push(b'\n');
        self.console.write(&self.guest_line);
        self.guest_line.clear();
    }

    fn finish_guest_line(&mut self) {
        if !self.guest_line.is_empty() {
            self.end_guest_line();
        }
    }
}

/// The words of an `end` event.
struct End<'a>(&'a Outcome);

impl Display for End<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Outcome::Killed { reason, pc } = self.0 else {
            return f.write_str("outcome=shutdown");
        };
        f.write_str("outcome=killed ")?;
        match reason {
            Reason::Fault(fault, refusal) => {
                let kind = if fault.during_walk { "npf-walk" } else { "npf" };
                let (gpa, access) = (fault.gpa, fault.access.name());
                let why = refusal.word();
                write!(f, "kind={kind} gpa={gpa:#x} access={access} why={why}")?;
            }
            Reason::Idle => f.write_str("kind=idle")?,
            Reason::ReportedFailure => f.write_str("kind=reported-failure")?,
            Reason::Overrun(over) => {
                write!(
                    f,
                    "kind=overrun budget={} limit={}",
                    over.budget, over.limit
                )?;
            }
            Reason::Other(other) => write!(
                f,
                "kind=other class={} code={:#x} info={:#x}",
                other.class, other.code, other.info
            )?,
        }
        write!(f, " pc={pc:#x}")
    }
}

impl Refusal {
    const fn word(self) -> &'static str {
        match self {
            Self::Undeclared => "undeclared",
            Self::Forbidden(_) => "forbidden",
            Self::NoProgress(_) => "no-progress",
            Self::OutOfMemory => "out-of-memory",
        }
    }
}

impl Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(fault, refusal) => {
                let (gpa, access) = (fault.gpa, fault.access.name());
                let walk = if fault.during_walk {
                    " while walking the guest's tables"
                } else {
                    ""
                };
                write!(
                    f,
                    "nested page fault at {gpa:#010X} ({access}){walk}: {refusal}"
                )
            }
            Self::Idle => {
                f.write_str("the guest waits for an interrupt, and nothing is there to raise one")
            }
            Self::Overrun(Overrun { budget, limit }) => {
                write!(f, "the guest went over its budget {budget}={limit}")
            }
            Self::ReportedFailure => f.write_str("the guest shut down and reported a failure"),
            Self::Other(other) => write!(
                f,
                "unhandled exit: {} (code {:#x}, info {:#x})",
                other.class, other.code, other.info
            ),
        }
    }
}

impl Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Undeclared => f.write_str("no window is declared there"),
            Self::Forbidden(window) => write!(f, "{window} does not permit it"),
            Self::NoProgress(window) => write!(f, "{window} is mapped there already (no progress)"),
            Self::OutOfMemory => f.write_str("the hypervisor is out of memory"),
        }
    }
}
