//! The events that the judge gets, in the order in which they happened.
//!
//! A run is a list of events, and the verdict depends on that list alone. `events.jsonl` in the run's
//! directory holds the same list, one JSON object per line.

use crate::judge::audit::Snapshot;
use crate::judge::lines::normalise;
use crate::judge::verdict::{Clock, MachineEnd};
use crate::judge::witness::Account;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[non_exhaustive]
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
    /// Text on the console without a line's end, when a clock ran out or QEMU went before its machine
    /// had ended. It is shown but never judged: the rest of the line may have been anything.
    Partial {
        /// Its text, normalised.
        text: Cow<'a, str>,
    },
    /// A clock ran out.
    Timeout {
        /// Which one.
        clock: Clock,
        /// The clock's limit, in seconds.
        after: f64,
        /// Seconds since the last step was reached.
        silent_for: f64,
    },
    /// The console printed more than it may.
    Flood {
        /// The limit, in bytes.
        limit: u64,
    },
    /// What QEMU logged of the guest's exits: up to QEMU's end, or up to the point where the log could
    /// no longer become what the scenario expects.
    Witness(Account),
    /// QEMU logged more than it may.
    ExitFlood {
        /// The limit, in bytes.
        limit: u64,
    },
    /// What the machine held at a moment of the run.
    Audit(Box<Snapshot>),
    /// The machine is gone; nothing comes after this.
    End(MachineEnd),
    /// The set-up kept the machine from being judged.
    Stopped {
        /// What went wrong.
        what: String,
        /// What to do about it.
        hint: String,
    },
    /// A remark about the run that the judge does not use, such as a line of QEMU's stderr.
    Note {
        /// Who says it.
        from: Cow<'a, str>,
        /// What it says.
        text: Cow<'a, str>,
    },
}

impl<'a> Event<'a> {
    /// A console line.
    pub fn line(text: impl Into<Cow<'a, str>>) -> Self {
        Event::Line { text: text.into() }
    }

    /// The same event with texts that are safe for a terminal, for events from somebody else's records.
    /// The harness writes only safe texts itself.
    pub fn made_safe(self) -> Self {
        let safe = |text: Cow<'a, str>| match normalise(text.as_bytes()) {
            Cow::Borrowed(same) if same.len() == text.len() => text,
            safe => Cow::Owned(safe.into_owned()),
        };
        let owned = |text: String| safe(Cow::Owned(text)).into_owned();
        // These texts may have several lines.
        let lines = |text: String| {
            let lines = text.split('\n').map(|line| normalise(line.as_bytes()));
            lines.collect::<Vec<_>>().join("\n")
        };
        match self {
            Self::Line { text } => Self::Line { text: safe(text) },
            Self::Firmware { text } => Self::Firmware { text: safe(text) },
            Self::Partial { text } => Self::Partial { text: safe(text) },
            Self::Note { from, text } => Self::Note {
                from: safe(from),
                text: safe(text),
            },
            Self::End(MachineEnd::Reported { kind, reason }) => Self::End(MachineEnd::Reported {
                kind,
                reason: owned(reason),
            }),
            Self::End(MachineEnd::Unreported { status }) => Self::End(MachineEnd::Unreported {
                status: owned(status),
            }),
            Self::Stopped { what, hint } => Self::Stopped {
                what: lines(what),
                hint: lines(hint),
            },
            Self::Audit(snapshot) => Self::Audit(Box::new(snapshot.made_safe())),
            Self::Timeout { .. }
            | Self::Flood { .. }
            | Self::ExitFlood { .. }
            | Self::Witness(_)
            | Self::End(MachineEnd::NotRecorded) => self,
        }
    }

    /// A remark.
    pub fn note(from: &'a str, text: impl Into<Cow<'a, str>>) -> Self {
        Event::Note {
            from: from.into(),
            text: text.into(),
        }
    }
}

/// An event with its time, as one line of `events.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record<'a> {
    /// Seconds since the machine started.
    pub t: f64,
    /// The event.
    #[serde(flatten)]
    pub event: Event<'a>,
}
