//! The audit, the fourth account: what the machine itself held while the guest ran.
//!
//! Nothing that a hypervisor prints can show that its guest is confined; the machine's own state can.
//! While the machine stands still, somebody reads the processor's registers and its physical memory
//! ([`Machine`]); [`take`] turns these into a [`Snapshot`]: every mapping of the second stage, walked as
//! the hardware walks it, the ports and model-specific registers that are open, the registers that
//! confine, the text of the programs. [`Expected::breaches`] holds a snapshot against what was declared:
//! whatever is possible for the guest and was not declared is a [`Breach`].
//!
//! A snapshot is an event of the run, so a recorded run gets the verdict that the live one got.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// The machine that is read, standing still.
pub trait Machine {
    /// Reads physical memory. What is no memory, or a device's, cannot be read.
    fn read(&mut self, hpa: u64, into: &mut [u8]) -> Result<(), Unreadable>;

    /// A register, by the name that QEMU's gdb stub has for it, such as `hgatp` or `VTTBR_EL2`; none if
    /// the machine has no such register.
    fn register(&mut self, name: &str) -> Result<Option<u64>, Unreadable>;
}

/// Why a machine could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable(pub String);

/// When a snapshot was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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

/// What may be done at an address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Access {
    /// Loads.
    pub read: bool,
    /// Stores.
    pub write: bool,
    /// Instruction fetches, at any of the guest's privilege levels.
    pub execute: bool,
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

/// Addresses from the first up to, and without, the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The first.
    pub start: u64,
    /// How many bytes, ports or registers.
    pub size: u64,
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
    /// Whether it was taken at the world switch into a guest, where the confining registers are the
    /// guest's; elsewhere only the tables and texts count.
    pub at_entry: bool,
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
