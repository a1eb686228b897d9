//! What an audit keeps of a machine.

use super::Access;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// When a snapshot was taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "when", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Moment {
    /// A processor was about to execute the instruction at a symbol of the hypervisor's: the world switch
    /// into a guest, or the point at which a guest's memory is about to be given back.
    Symbol {
        /// Its name.
        name: String,
        /// How often a processor had been stopped there, this time included.
        nth: u64,
    },
    /// QEMU had just logged so many exits of the guest.
    Exits {
        /// How many.
        count: u64,
    },
    /// A step of the story had come.
    Step {
        /// Its name.
        name: String,
    },
    /// So much time had gone by.
    Time {
        /// Seconds since the machine was set going.
        seconds: f64,
    },
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Symbol { name, nth } => write!(f, "at {name}, time {nth}"),
            Self::Exits { count: 1 } => f.write_str("after the first exit"),
            Self::Exits { count } => write!(f, "after {count} exits"),
            Self::Step { name } => write!(f, "at the step `{name}`"),
            Self::Time { seconds } => write!(f, "after {seconds:.3} s"),
        }
    }
}

/// A run of guest-physical addresses that the second stage maps to host-physical ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mapping {
    /// Where it starts for the guest.
    pub gpa: u64,
    /// Where it starts in the machine.
    pub hpa: u64,
    /// Its size in bytes.
    pub size: u64,
    /// What the guest may do there.
    pub access: Access,
}

impl Mapping {
    /// Its guest-physical addresses.
    pub fn guest(&self) -> Span {
        Span::new(self.gpa, self.size)
    }

    /// Its host-physical addresses.
    pub fn host(&self) -> Span {
        Span::new(self.hpa, self.size)
    }

    /// The part of it that has these guest-physical addresses, all of which it must have.
    #[must_use]
    pub fn at_guest(&self, guest: Span) -> Self {
        let hpa = self.hpa.saturating_add(guest.start - self.gpa);
        Self {
            gpa: guest.start,
            hpa,
            size: guest.size,
            access: self.access,
        }
    }

    /// The part of it that has these host-physical addresses, all of which it must have.
    #[must_use]
    pub fn at_host(&self, host: Span) -> Self {
        let gpa = self.gpa.saturating_add(host.start - self.hpa);
        self.at_guest(Span::new(gpa, host.size))
    }
}

/// Addresses from the first up to, and without, the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The first.
    pub start: u64,
    /// How many bytes, ports or registers.
    pub size: u64,
}

impl Span {
    /// So many from the first on; what would go past the last address there is, is cut off.
    pub fn new(start: u64, size: u64) -> Self {
        let size = size.min(u64::MAX - start);
        Self { start, size }
    }

    /// From the first up to, and without, the end; empty if the end is not behind the start.
    pub fn between(start: u64, end: u64) -> Self {
        Self::new(start, end.saturating_sub(start))
    }

    /// The first address behind it.
    pub fn end(self) -> u64 {
        self.start.saturating_add(self.size)
    }

    /// Whether nothing is in it.
    pub fn is_empty(self) -> bool {
        self.size == 0
    }

    /// What is in both of them; none if that is nothing.
    pub fn shared(self, other: Self) -> Option<Self> {
        let (start, end) = (self.start.max(other.start), self.end().min(other.end()));
        (start < end).then(|| Self::between(start, end))
    }

    /// What is in this and in none of the others, in order.
    pub fn without(self, others: impl IntoIterator<Item = Self>) -> Vec<Self> {
        let mut others: Vec<_> = others.into_iter().collect();
        others.sort_by_key(|other| other.start);
        let (mut left, mut start) = (Vec::new(), self.start);
        for other in others {
            if let Some(shared) = self.shared(other) {
                left.push(Self::between(start, shared.start));
                start = start.max(shared.end());
            }
        }
        left.push(Self::between(start, self.end()));
        left.retain(|span| !span.is_empty());
        left
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}..{:#x}", self.start, self.end())
    }
}

/// A model-specific register that the guest reaches without an exit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenMsrs {
    /// The registers.
    pub span: Span,
    /// RDMSR or WRMSR.
    pub access: Access,
}

/// A program's text as it was found in memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// Of which program: `hypervisor`, or the guest's name.
    pub of: String,
    /// Where it lies in the machine.
    pub hpa: u64,
    /// How many bytes were compared with what was loaded.
    pub size: u64,
    /// The first bytes that differ; none if nothing does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub differs: Option<Difference>,
}

/// A byte that is not what was loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Where it is in the machine.
    pub hpa: u64,
    /// Where the program has been linked to.
    pub address: u64,
    /// What was loaded.
    pub loaded: u8,
    /// What is there.
    pub found: u8,
}

/// A part of the machine's physical address space, as QEMU has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Region {
    /// Where it is.
    pub span: Span,
    /// Whether it is RAM, ROM (a flash that is read is one) or a device's.
    pub kind: RegionKind,
    /// QEMU's name for it.
    pub name: String,
    /// Where it starts in the memory behind it, in bytes.
    #[serde(default)]
    pub offset: u64,
}

/// What a [`Region`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RegionKind {
    /// Memory.
    Ram,
    /// Memory that is only read, such as a flash.
    Rom,
    /// A device's registers.
    Device,
}

/// What the machine held.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// When.
    pub at: Moment,
    /// Whether the registers are those that the guest runs with ([`Stands::confines`](super::Stands));
    /// elsewhere only the tables and texts count.
    pub at_entry: bool,
    /// Whether the processor stood in the guest, so that the entry has used up what is for it alone
    /// ([`Stands::InGuest`](super::Stands)).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_guest: bool,
    /// The registers (x86_64: and fields of the VMCB) that confine, by the manuals' names.
    pub registers: BTreeMap<String, u64>,
    /// The second stage's format in words, such as `Sv39x4`; none if there is no second stage.
    pub format: Option<String>,
    /// Every mapping, by guest-physical address, neighbours joined.
    pub mappings: Vec<Mapping>,
    /// Where the second stage's tables lie, and on x86_64 the VMCB and its permission maps.
    pub tables: Vec<Span>,
    /// The I/O ports that are open to the guest (x86_64).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open_ports: Vec<Span>,
    /// The MSRs that are open to the guest (x86_64).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open_msrs: Vec<OpenMsrs>,
    /// Where the hypervisor's image lies in the machine, its text, data and stacks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub image: Vec<Span>,
    /// The programs' text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub texts: Vec<Text>,
    /// The machine's memory map; only in the first snapshot of a run, and where it has changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub regions: Vec<Region>,
    /// What kept parts of this from being read, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<String>,
    /// How long the machine stood still, in milliseconds.
    pub took_ms: f64,
}
