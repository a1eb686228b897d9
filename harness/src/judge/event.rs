//! What the judge is told, in the order in which it happened.
//!
//! A run is a list of these; the verdict is a function of the list and of nothing else. The same
//! list, one JSON object a line, is `events.jsonl` in the run's directory.

use crate::judge::audit::{Moment, Snapshot};
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
    /// What the machine held at some moment.
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

    /// The same, of somebody else's making, with nothing in its texts that a terminal acts on. What the
    /// harness itself writes down is so already.
    pub fn made_safe(self) -> Self {
        let safe = |text: Cow<'a, str>| match normalise(text.as_bytes()) {
            Cow::Borrowed(same) if same.len() == text.len() => text,
            safe => Cow::Owned(safe.into_owned()),
        };
        let owned = |text: String| safe(Cow::Owned(text)).into_owned();
        // These may have several lines.
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
            Self::Audit(mut snapshot) => {
                let Snapshot {
                    at,
                    registers,
                    format,
                    texts,
                    regions,
                    gaps,
                    ..
                } = &mut *snapshot;
                if let Moment::Symbol { name, .. } | Moment::Step { name } = at {
                    *name = owned(std::mem::take(name));
                }
                let names = std::mem::take(registers).into_iter();
                *registers = names.map(|(name, value)| (owned(name), value)).collect();
                let texts = texts.iter_mut().map(|text| &mut text.of);
                let regions = regions.iter_mut().map(|region| &mut region.name);
                for text in texts.chain(regions).chain(gaps).chain(format) {
                    *text = owned(std::mem::take(text));
                }
                Self::Audit(snapshot)
            }
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

/// An event with its time, as it stands in `events.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record<'a> {
    /// Seconds since the machine was set going.
    pub t: f64,
    /// The event.
    #[serde(flatten)]
    pub event: Event<'a>,
}
