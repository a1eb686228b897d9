//! The audit, the fourth account: what the machine itself held while the guest ran.
//!
//! Nothing that a hypervisor prints can show that its guest is confined; the machine's own state can.
//! While the machine stands still, somebody reads the processor's registers and its physical memory
//! ([`Machine`]); [`take`] turns these into most of a [`Snapshot`]: every mapping of the second stage,
//! walked as the hardware walks it, the ports and model-specific registers that are open, the registers
//! that confine. [`Expected::breaches`] holds a snapshot against what was declared: whatever is possible
//! for the guest and was not declared is a [`Breach`].
//!
//! A snapshot is an event of the run, so a recorded run gets the verdict that the live one got.
//!
//! Nothing here is shared with the hypervisor of this workspace: its mistakes would be made twice.

mod aarch64;
mod access;
mod bits;
mod breach;
mod expected;
mod memory;
mod regions;
mod riscv64;
mod rules;
mod shown;
mod snapshot;
mod table;
#[cfg(test)]
mod testing;
mod walk;
mod x86_64;

pub use access::Access;
pub use bits::{bit_of, bits_of, names_of, parts_of};
pub use breach::{Breach, Owner, Reach};
pub use expected::{Behind, Expected, RegisterRule, Seen, Window};
pub use regions::Regions;
pub use snapshot::{
    Difference, Mapping, Moment, OpenMsrs, Region, RegionKind, Snapshot, Span, Text,
};
pub use table::table;

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Whose memory a mapping of a snapshot leads to; `regions` is the machine's memory map.
pub fn reach(mapping: Mapping, snapshot: &Snapshot, regions: &Regions) -> Reach {
    memory::Memory { snapshot, regions }.reach(mapping)
}

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

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unreadable {}

/// Whose second stage is walked, and by which manual.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Isa {
    /// RISC-V 64 with the H-extension.
    Riscv64,
    /// Arm 64 with EL2.
    Aarch64,
    /// x86-64 with AMD SVM.
    #[serde(rename = "x86_64")]
    X86_64,
}

/// What the reader knows besides what the machine holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hint {
    /// Where the processor stands.
    pub stands: Stands,
    /// Where the VMCB lies (x86_64).
    pub vmcb: Option<u64>,
    /// What an earlier snapshot found. Its tables are walked only where the guest's memory is still its own
    /// ([`Stands::Releasing`]): once that was given back, other things lie there.
    pub root: Option<Root>,
    /// Registers to read besides those that are always read: what a declaration names.
    pub registers: Vec<String>,
}

/// Where the processor stands, which says whose its registers are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Stands {
    /// Right before the instruction that enters the guest (SRET, ERET, VMRUN): what confines the guest is
    /// loaded, or on x86_64 in the VMCB, and the host's own registers are still the host's.
    Entering,
    /// In the guest: what confines it is loaded, but for what the entry has used up, and the registers that
    /// host and guest share are the guest's.
    InGuest,
    /// Before the first instruction of the vector that an exit of a guest comes to, if it was a guest's: nothing
    /// has changed yet of what confined it. [`take`] finds out, and says `InGuest` or `Elsewhere`.
    JustLeft,
    /// Where a guest has ended, and its memory is its own for the last time: its tables are what they were.
    Releasing,
    /// Somewhere else, or nobody knows. The registers count for nothing but to find the tables. [`take`]
    /// finds out whether it is the guest, where the processor's registers tell for certain.
    #[default]
    Elsewhere,
}

impl Stands {
    /// Whether the confining registers are those that the guest runs with.
    pub fn confines(self) -> bool {
        matches!(self, Self::Entering | Self::InGuest)
    }
}

/// Where a second stage starts, and how it is to be walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Root {
    /// The H-extension's.
    Riscv64 {
        /// The register.
        hgatp: u64,
        /// Whether what is executable is readable too (sstatus.MXR of the host's).
        mxr: bool,
    },
    /// Arm's stage 2.
    Aarch64 {
        /// VTTBR_EL2.
        vttbr: u64,
        /// VTCR_EL2.
        vtcr: u64,
    },
    /// AMD's nested tables.
    X86_64 {
        /// N_CR3 of the VMCB.
        n_cr3: u64,
        /// How many levels the host's mode gives them, 4 or 5.
        levels: u8,
        /// Whether bit 63 forbids execution (the host's EFER.NXE); else it is reserved.
        nx: bool,
    },
}

/// What the machine's state says of the guest's confinement. The fields are those of a [`Snapshot`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Walked {
    /// Where the processor stands, by what was known of that and by its registers.
    pub stands: Stands,
    /// The registers that confine.
    pub registers: BTreeMap<String, u64>,
    /// The second stage's format in words; none if there is no second stage.
    pub format: Option<String>,
    /// Where the second stage starts, for the next [`Hint`].
    pub root: Option<Root>,
    /// Every mapping, by guest-physical address, neighbours joined.
    pub mappings: Vec<Mapping>,
    /// Where the tables lie, and on x86_64 the VMCB and its permission maps.
    pub tables: Vec<Span>,
    /// The open I/O ports.
    pub open_ports: Vec<Span>,
    /// The open model-specific registers.
    pub open_msrs: Vec<OpenMsrs>,
    /// What could not be read, in words.
    pub gaps: Vec<String>,
}

/// Reads what confines a guest.
///
/// All of it is bounded: the pages read, the mappings kept, the gaps told. A part that cannot be read is
/// a gap.
///
/// # Errors
///
/// A register cannot be read at all: the machine is gone, or does not answer.
pub fn take(isa: Isa, machine: &mut dyn Machine, hint: &Hint) -> Result<Walked, Unreadable> {
    let mut walked = match isa {
        Isa::Riscv64 => riscv64::take(machine, hint),
        Isa::Aarch64 => aarch64::take(machine, hint),
        Isa::X86_64 => x86_64::take(machine, hint),
    }?;
    for name in &hint.registers {
        if walked.registers.contains_key(name) {
            continue;
        }
        if let Some(value) = machine.register(name)? {
            walked.registers.insert(name.clone(), value);
        }
    }
    Ok(walked)
}

/// Reads registers by name; those that the machine has not got are left out.
fn registers(
    machine: &mut dyn Machine,
    names: &[&str],
) -> Result<BTreeMap<String, u64>, Unreadable> {
    let mut found = BTreeMap::new();
    for name in names {
        if let Some(value) = machine.register(name)? {
            found.insert((*name).to_owned(), value);
        }
    }
    Ok(found)
}

impl Walked {
    /// Takes what a walk has found.
    fn keep(&mut self, found: walk::Found) {
        self.mappings = found.mappings;
        let tables = self.tables.iter().chain(&found.tables);
        self.tables = walk::joined(tables.map(|span| (span.start, span.size)));
        self.gaps.extend(found.gaps);
    }
}
