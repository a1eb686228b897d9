//! Every line that the hypervisor prints: those for people (`console`), and, if the disk holds a nonce,
//! those for a judge (`hvlog`); and the counts that go into them (`counts`).

mod console;
mod counts;
mod hvlog;

use alloc::string::String;
use core::fmt;

use crate::{
    devices::Terminal,
    error::Error,
    memory::addr::{Gpa, Gva, PAGE},
    vm::exit::{Exit, Fault, Outcome},
};

pub use console::{Console, MemoryWords};
pub use counts::Counts;

use console::Printer;
use hvlog::{End, Log};

/// The version of the event lines (`harness/docs/report.md`). It goes up with each change that a judge
/// of the version before would misunderstand.
pub const VERSION: u32 = 1;

/// After this many pages were mapped for a guest, the lines for people about it stop: a guest that
/// sweeps a large window would hide everything else. Event lines go on.
const MAP_LINES: u64 = 16;

/// The printer. Lines of the hypervisor and of the guest never mix within a line.
pub struct Events<C> {
    printer: Printer<C>,
    log: Log,
    counts: Counts,
    /// The guests that have ended.
    guests: u64,
}

impl<C: Console> Events<C> {
    /// A printer to `console`, with event lines if there is a `nonce`.
    pub fn new(console: C, nonce: Option<String>) -> Self {
        Self {
            printer: Printer::new(console),
            log: Log::new(nonce),
            counts: Counts::default(),
            guests: 0,
        }
    }

    /// The counts so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Returns the console, when nothing more will be printed.
    pub fn into_console(self) -> C {
        self.printer.into_console()
    }

    /// A guest is about to be made; the counts start again.
    pub fn started(&mut self, arch: &str, mode: &str) {
        self.counts = Counts::default();
        self.event(format_args!(
            "start version={VERSION} arch={arch} mode={mode}"
        ));
    }

    /// RAM of `size` bytes is about to be taken for the guest at `gpa`.
    pub fn allocating(&mut self, words: MemoryWords, gpa: Gpa, size: u64) {
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

    /// `len` bytes of the image were loaded to `gpa`.
    pub fn loaded(&mut self, words: MemoryWords, path: &str, len: usize, gpa: Gpa) {
        match words {
            MemoryWords::Pages { stack, stack_end } => {
                let pages = len.div_ceil(PAGE as usize);
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
    pub fn entering(&mut self, pc: Gva) {
        self.line(format_args!("Entering VM run loop..."));
        self.event(format_args!("enter pc={pc:#x}"));
    }

    /// The guest was entered, and left by its first call, so many times in so many nanoseconds.
    pub fn measured(&mut self, times: u64, nanos: u64) {
        self.line(format_args!("BENCH floor entry {times} {nanos} 1000000000"));
    }

    /// An exit came.
    pub fn count(&mut self, exit: &Exit) {
        self.counts.exit(exit);
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
        self.printer.finish_guest_line();
        if let Some(call) = announce {
            self.line(format_args!("Guest: {call}"));
        }
    }

    /// The guest printed `bytes`.
    pub fn guest_bytes(&mut self, bytes: &[u8]) {
        self.counts.bytes += self.printer.guest_bytes(bytes);
    }

    /// Takes what was typed for the guest into `bytes`; returns how many bytes that is.
    pub fn typed(&mut self, bytes: &mut [u8]) -> usize {
        self.printer.typed(bytes)
    }

    /// The guest ended.
    pub fn ended(&mut self, outcome: &Outcome) {
        self.guests += 1;
        self.printer.finish_guest_line();
        let Counts {
            exits,
            faults,
            mmio,
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
        match mmio {
            0 => self.event(format_args!(
                "end {what} exits={exits} npf={faults} hypercalls={calls}"
            )),
            _ => self.event(format_args!(
                "end {what} exits={exits} npf={faults} mmio={mmio} hypercalls={calls}"
            )),
        }
    }

    /// The state of the host after a guest: whether its canary is intact, the pages that guests still
    /// hold (none, once they have ended), and the most that they have held.
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

    /// All guests have ended as they should. Only this function claims success, and only if a guest has
    /// run.
    pub fn ok(&mut self) {
        if self.guests > 0 {
            self.line(format_args!("Hypervisor ok!"));
        }
    }

    /// No guest ran.
    pub fn failed(&mut self, error: &Error) {
        self.line(format_args!("Hypervisor error: {error}"));
        self.event(format_args!("end outcome=error exits=0 npf=0 hypercalls=0"));
    }

    /// Prints a line of the hypervisor.
    pub fn line(&mut self, text: fmt::Arguments<'_>) {
        self.printer.line(text);
    }

    fn event(&mut self, text: fmt::Arguments<'_>) {
        if let Some(line) = self.log.line(text) {
            self.printer.whole(&line);
        }
    }
}

/// The terminal of the guest that runs, for its devices.
impl<C: Console> Terminal for Events<C> {
    fn put(&mut self, byte: u8) {
        self.guest_bytes(&[byte]);
    }

    fn get(&mut self) -> Option<u8> {
        let mut byte = [0];
        (self.typed(&mut byte) == 1).then_some(byte[0])
    }
}
