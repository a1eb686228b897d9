//! The hypervisor's report about itself: lines `@hv <nonce> <number> <kind> key=value …`.
//!
//! The nonce is on the run's disk, which no guest can read. So a line with another one is a forgery:
//! it is counted, and believed in nothing. A line with the right one is the hypervisor's, and has to
//! fit in: numbered 0, 1, 2, …, in the order `start`, `load`, `enter`, `exit`…, `host`, `end`, of which
//! none may be missing of a guest that was entered. Where guests run one after another, the order begins
//! again with each.

pub mod console;
mod listener;

pub use listener::{Forged, GuestLog, Heard, Listener, Totals};

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// The beginning of an event line.
pub const MARK: &str = "@hv ";

/// The latest version of the report that this harness understands (`docs/report.md`).
pub const VERSION: u64 = 1;

/// How many faults are kept to be compared individually; all are counted.
pub const FAULTS_KEPT: usize = 4096;

/// The kind of a memory access.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// A load.
    Read,
    /// A store.
    Write,
    /// An instruction fetch.
    Execute,
}

impl Access {
    /// Parses the name of an access.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "read" => Some(Self::Read),
            "write" => Some(Self::Write),
            "execute" => Some(Self::Execute),
            _ => None,
        }
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Execute => "execute",
        })
    }
}

/// A nested page fault, as the hypervisor saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// The guest-physical address.
    pub gpa: u64,
    /// The access that the guest tried.
    pub access: Access,
    /// Whether the CPU made the access itself, while it walked the guest's own tables.
    pub during_walk: bool,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x} ({})", self.gpa, self.access)
    }
}

/// The `key=value` words of a line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fields(BTreeMap<String, String>);

impl Fields {
    fn parse(words: &str) -> Result<Self, String> {
        let mut fields = Self::default();
        for word in words.split_ascii_whitespace() {
            let (key, value) = word
                .split_once('=')
                .ok_or_else(|| format!("`{word}` is not key=value"))?;
            if fields.0.insert(key.into(), value.into()).is_some() {
                return Err(format!("`{key}` is there twice"));
            }
        }
        Ok(fields)
    }

    /// A field's value.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    fn word(&self, key: &str) -> Result<&str, String> {
        self.get(key)
            .ok_or_else(|| format!("it has no word `{key}`"))
    }

    fn number(&self, key: &str) -> Result<u64, String> {
        self.get(key)
            .and_then(number)
            .ok_or_else(|| format!("it has no number `{key}`"))
    }

    fn fault(&self) -> Result<Option<Fault>, String> {
        let during_walk = match self.get("kind") {
            Some("npf") => false,
            Some("npf-walk") => true,
            _ => return Ok(None),
        };
        let access = self.get("access").and_then(Access::parse);
        Ok(Some(Fault {
            gpa: self.number("gpa")?,
            access: access.ok_or("it has no `access`")?,
            during_walk,
        }))
    }

    /// Sets a field.
    pub fn insert(&mut self, key: &str, value: &str) {
        self.0.insert(key.into(), value.into());
    }

    /// Whether all of `expected` is here too. Numbers are compared as numbers; an expected value may be
    /// a choice, such as `shutdown|killed`.
    pub fn agree_with(&self, expected: &Fields) -> bool {
        expected.0.iter().all(|(key, expected)| {
            self.get(key)
                .is_some_and(|found| expected.split('|').any(|expected| same(found, expected)))
        })
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(String, String)> for Fields {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(fields: I) -> Self {
        Self(fields.into_iter().collect())
    }
}

impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self.0.iter().map(|(k, v)| format!("{k}={v}")).collect();
        f.write_str(&words.join(" "))
    }
}

fn same(found: &str, expected: &str) -> bool {
    let numbers = number(found).zip(number(expected));
    numbers.map_or(found == expected, |(a, b)| a == b)
}

/// Parses a number as the hypervisor or a machine file writes it: decimal, or hexadecimal after `0x`.
pub fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// The summary with which the hypervisor ends its report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuestEnd {
    /// All its words.
    pub said: Fields,
    /// Exits of the guest, without those for the host's own interrupts.
    pub exits: u64,
    /// Nested page faults among them, but for the accesses to devices.
    pub npf: u64,
    /// Accesses to devices that the hypervisor emulates among them, each of which is a nested page fault too.
    pub mmio: u64,
    /// Hypercalls among them.
    pub hypercalls: u64,
    /// The page fault that ended the guest, if one did.
    pub fault: Option<Fault>,
}

impl GuestEnd {
    fn new(said: Fields) -> Result<Self, String> {
        let fault = match said.get("outcome") {
            Some("killed") => said.fault()?,
            Some(_) => None,
            None => return Err("it has no `outcome`".into()),
        };
        Ok(Self {
            exits: said.number("exits")?,
            npf: said.number("npf")?,
            mmio: match said.get("mmio") {
                Some(_) => said.number("mmio")?,
                None => 0,
            },
            hypercalls: said.number("hypercalls")?,
            fault,
            said,
        })
    }

    /// How the guest ended: `shutdown`, `killed`, or `error` if none ran.
    pub fn outcome(&self) -> &str {
        self.said.get("outcome").unwrap_or_default()
    }
}

/// An event that the hypervisor reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HvEvent {
    /// It starts: on which architecture, and how it will run its guest.
    Start(Fields),
    /// The guest's image is in the guest's memory.
    Load(Fields),
    /// The guest is about to run.
    Enter(Fields),
    /// An exit that matters.
    Exit {
        /// All its words.
        said: Fields,
        /// The nested page fault that was handled, if it was for one.
        fault: Option<Fault>,
    },
    /// The state of the host after the guest.
    Host(Fields),
    /// The guest has ended.
    End(GuestEnd),
    /// An event that this harness does not know.
    Other,
}

impl HvEvent {
    /// Parses the part of a line after its number.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (kind, words) = text.split_once(' ').unwrap_or((text, ""));
        let fields = Fields::parse(words)?;
        Ok(match kind {
            "start" => Self::Start(fields),
            "load" => Self::Load(fields),
            "enter" => Self::Enter(fields),
            "exit" => Self::Exit {
                fault: fields.fault()?,
                said: fields,
            },
            "host" => Self::Host(fields),
            "end" => Self::End(GuestEnd::new(fields)?),
            _ => Self::Other,
        })
    }
}

#[cfg(test)]
mod tests;
