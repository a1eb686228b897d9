//! The interface to the second stage of translation: mapping with permissions, and unmapping. It hides
//! the formats of entries and tables from the guest's memory map.

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

    /// Whether `access` is permitted.
    pub const fn allow(self, access: Access) -> bool {
        match access {
            Access::Read => true,
            Access::Write => self.write,
            Access::Execute => self.execute,
        }
    }
}

/// The kind of memory behind a mapping; it decides caching and ordering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Ordinary memory.
    Normal,
    /// Registers of a device, or a flash chip.
    Device,
}

/// The second stage of translation: from guest-physical to host-physical addresses.
pub trait Translation {
    /// Maps `size` bytes at `gpa` to `hpa`. All three are multiples of
    /// [`PAGE`](crate::memory::addr::PAGE), and nothing in the range is mapped yet.
    fn map(
        &mut self,
        gpa: Gpa,
        hpa: Hpa,
        size: u64,
        permits: Permits,
        kind: Kind,
    ) -> Result<(), MapError>;

    /// Removes the mappings of `size` bytes at `gpa`. All of them must exist, and blocks are removed as
    /// a whole. The TLBs have dropped them when this returns.
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
