//! What the second stage of translation is told: a mapping with its permissions, and its end. Formats
//! of entries and tables are behind it, the guest's memory map is in front of it.

use crate::{
    error::Error,
    memory::addr::{Gpa, Hpa},
    vm::exit::Access,
};

/// The accesses that a window permits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permits {
    /// Loads and stores, or loads only.
    pub write: bool,
    /// Instruction fetches.
    pub execute: bool,
}

impl Permits {
    /// Loads only: a flash device.
    pub const READ: Self = Self {
        write: false,
        execute: false,
    };
    /// Everything: RAM.
    pub const ALL: Self = Self {
        write: true,
        execute: true,
    };

    /// Whether `access` is among them.
    pub const fn allow(self, access: Access) -> bool {
        match access {
            Access::Read => true,
            Access::Write => self.write,
            Access::Execute => self.execute,
        }
    }
}

/// What kind of memory a mapping leads to; it decides on caching and ordering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Ordinary memory.
    Normal,
    /// Registers of a device, or a flash chip.
    Device,
}

/// The second stage of translation: from guest-physical to host-physical addresses.
pub trait Translation {
    /// Maps `size` bytes at `gpa` to `hpa`. All three are multiples of [`PAGE`](crate::memory::addr::PAGE); nothing in the
    /// range is mapped yet.
    fn map(
        &mut self,
        gpa: Gpa,
        hpa: Hpa,
        size: u64,
        permits: Permits,
        kind: Kind,
    ) -> Result<(), MapError>;

    /// Takes away the mappings of `size` bytes at `gpa`, all of which are there, whole blocks where
    /// they were mapped as blocks; the TLBs have forgotten them when this returns.
    fn unmap(&mut self, gpa: Gpa, size: u64) -> Result<(), MapError>;
}

/// Why a mapping could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapError {
    /// No memory for a table.
    OutOfMemory,
    /// The guest-physical address is beyond what the tables can express, or the host's beyond 64 bits.
    OutOfRange,
    /// An address or the size is not a multiple of the page size, or the range is mapped already.
    Misuse,
}

impl From<MapError> for Error {
    fn from(error: MapError) -> Self {
        match error {
            MapError::OutOfMemory => Self::OutOfMemory {
                purpose: "page tables",
            },
            MapError::OutOfRange => Self::Layout("a window is beyond the reach of the tables"),
            MapError::Misuse => Self::Layout("a window is mapped twice or not page-aligned"),
        }
    }
}
