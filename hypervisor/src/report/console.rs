//! The lines for people: the hypervisor's and the guest's, which never mix within a line.

use alloc::{string::String, vec::Vec};
use core::fmt::{self, Display, Write};

use crate::{
    memory::addr::Gpa,
    vm::exit::{Overrun, Reason, Refusal},
};

/// Where lines go.
pub trait Console {
    /// Writes bytes as they are; a line ends with `\n`.
    fn write(&mut self, bytes: &[u8]);

    /// Takes what was typed and not yet taken, in order, as much as `bytes` has room for. Returns how many
    /// bytes that is; it never waits.
    fn read(&mut self, bytes: &mut [u8]) -> usize;
}

/// How an architecture's console lines describe the guest's memory before the guest runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryWords {
    /// `Pre-allocating 16 MB guest RAM at 0x80000000...`
    Megabytes,
    /// `Pre-allocating 2048 KB guest RAM at GPA 0x0...`
    Kilobytes,
    /// Nothing before the image is loaded; then the pages of the image and the place of the stack.
    Pages {
        /// First address of the stack.
        stack: Gpa,
        /// First address after the stack.
        stack_end: Gpa,
    },
}

/// A longer line of the guest is broken into several, so that a guest without newlines takes no more
/// memory than this.
const LINE_LIMIT: usize = 1024;

/// Prints whole lines, including the guest's.
pub(super) struct Printer<C> {
    console: C,
    guest_line: Vec<u8>,
}

impl<C: Console> Printer<C> {
    /// A printer to `console`.
    pub const fn new(console: C) -> Self {
        Self {
            console,
            guest_line: Vec::new(),
        }
    }

    /// Returns the console, when nothing more will be printed.
    pub fn into_console(self) -> C {
        self.console
    }

    /// Prints a line of the hypervisor.
    pub fn line(&mut self, text: fmt::Arguments<'_>) {
        let mut line = String::new();
        // Writing to a String does not fail.
        let _ = writeln!(line, "{text}");
        self.whole(&line);
    }

    /// Prints a complete line.
    pub fn whole(&mut self, line: &str) {
        self.console.write(line.as_bytes());
    }

    /// Takes what was typed ([`Console::read`]).
    pub fn typed(&mut self, bytes: &mut [u8]) -> usize {
        self.console.read(bytes)
    }

    /// Takes what the guest printed, and prints the lines that it completes. Returns how many of the
    /// bytes reach the console.
    pub fn guest_bytes(&mut self, bytes: &[u8]) -> u64 {
        let mut reached = 0;
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
            reached += 1;
        }
        reached
    }

    fn end_guest_line(&mut self) {
        self.guest_line.push(b'\n');
        self.console.write(&self.guest_line);
        self.guest_line.clear();
    }

    /// Prints the guest's incomplete line as a line.
    pub fn finish_guest_line(&mut self) {
        if !self.guest_line.is_empty() {
            self.end_guest_line();
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
