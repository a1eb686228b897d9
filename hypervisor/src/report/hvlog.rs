//! The lines for a judge: `@hv <nonce> <seq> <what>`. No guest can forge them, because it cannot read
//! the disk that holds the nonce; and no line can be lost unnoticed, because they are numbered.

use alloc::string::String;
use core::fmt::{self, Display, Write};

use crate::vm::exit::{Outcome, Reason, Refusal};

/// Numbers the lines and adds the nonce. Without a nonce there are no lines.
pub(super) struct Log {
    nonce: Option<String>,
    sequence: u64,
}

impl Log {
    /// A log with `nonce`.
    pub const fn new(nonce: Option<String>) -> Self {
        Self { nonce, sequence: 0 }
    }

    /// The next complete line, if there is a nonce.
    pub fn line(&mut self, text: fmt::Arguments<'_>) -> Option<String> {
        let nonce = self.nonce.as_ref()?;
        let mut line = String::new();
        // Writing to a String does not fail.
        let _ = writeln!(line, "@hv {nonce} {} {text}", self.sequence);
        self.sequence += 1;
        Some(line)
    }
}

/// The words of an `end` event.
pub(super) struct End<'a>(pub &'a Outcome);

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
