//! What the judge is told, in the order in which it happened.
//!
//! A run is a list of these; the verdict is a function of the list and of nothing else. The same
//! list, one JSON object a line, is `events.jsonl` in the run's directory.

use crate::judge::verdict::{Clock, MachineEnd};
use crate::judge::witness::Account;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event<'a> {
    /// A console line, normalised.
    Line {
        /// Its text.
        text: Cow<'a, str>,
    },
    /// A line of the machine's firmware, which is not judged.
    Firmware {
        /// Its text.
        text: Cow<'a, str>,
    },
    /// What stood on the console without a line's end when a clock ran out, or when QEMU went
    /// without its machine having ended. It is shown, and never judged: the rest of the line may
    /// have been anything.
    Partial {
        /// Its text, normalised.
        text: Cow<'a, str>,
    },
    /// A clock ran out.
    Timeout {
        /// Which one.
        clock: Clock,
        /// How many seconds it had.
        after: f64,
        /// Seconds since the last step was reached.
        silent_for: f64,
    },
    /// The console printed more than it may.
    Flood {
        /// The limit, in bytes.
        limit: u64,
    },
    /// What QEMU itself logged of the guest's exits: up to QEMU's end, or up to here, where it can no
    /// longer be what was to be logged.
    Witness(Account),
    /// QEMU logged more than it may.
    ExitFlood {
        /// The limit, in bytes.
        limit: u64,
    },
    /// The machine is gone; nothing comes after this.
    End(MachineEnd),
    /// The set-up kept the machine from being judged.
    Stopped {
        /// What went wrong.
        what: String,
        /// What to do about it.
        hint: String,
    },
    /// Something said about the run that the judge does not use, such as a line of QEMU's stderr.
    Note {
        /// Who says it.
        from: Cow<'a, str>,
        /// What.
        text: Cow<'a, str>,
    },
}

impl<'a> Event<'a> {
    /// A console line.
    pub fn line(text: impl Into<Cow<'a, str>>) -> Self {
        Event::Line { text: text.into() }
    }

    /// A remark.
    pub fn note(from: &'a str, text: impl Into<Cow<'a, str>>) -> Self {
        Event::Note {
            from: from.into(),
            text: text.into(),
        }
    }
}

/// An event with its time, as it stands in `events.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record<'a> {
    /// Seconds since the machine was set going.
    pub t: f64,
    /// The event.
    #[serde(flatten)]
    pub event: Event<'a>,
}
