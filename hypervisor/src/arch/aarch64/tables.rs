//! The guest's tables: Stage-2, or the host's own format for a guest at EL0.

use core::arch::asm;

use super::{Mode, stage1};
use crate::{
    memory::guest_memory::{Kind, MapError, Permits, Translation},
    memory::stage2,
};

/// Stage-2 of VMSAv8-64 (Arm ARM, D8.3): a 4 KiB granule, 39-bit intermediate physical addresses,
/// so three levels from a root of one page.
pub struct Stage2;

impl Stage2 {
    const VALID: u64 = 1 << 0;
    /// A table, or at the last level a page.
    const TABLE: u64 = 1 << 1;
    /// Normal memory, write-back, inner and outer.
    const NORMAL: u64 = 0b1111 << 2;
    /// Device-nGnRE.
    const DEVICE: u64 = 0b0001 << 2;
    const READ: u64 = 1 << 6;
    const WRITE: u64 = 1 << 7;
    const INNER_SHAREABLE: u64 = 3 << 8;
    const ACCESSED: u64 = 1 << 10;
    const EXECUTE_NEVER: u64 = 1 << 54;
    const ADDRESS: u64 = 0x0000_FFFF_FFFF_F000;
}

impl stage2::Format for Stage2 {
    const LEVELS: u32 = 3;
    const ROOT_EXTRA_BITS: u32 = 0;

    fn leaf(hpa: u64, level: u32, permits: Permits, kind: Kind) -> u64 {
        let mut entry = hpa | Self::VALID | Self::READ | Self::ACCESSED | Self::INNER_SHAREABLE;
        if level == 0 {
            entry |= Self::TABLE;
        }
        if permits.write {
            entry |= Self::WRITE;
        }
        if !permits.execute {
            entry |= Self::EXECUTE_NEVER;
        }
        entry
            | match kind {
                Kind::Normal => Self::NORMAL,
                Kind::Device => Self::DEVICE,
            }
    }

    fn table(hpa: u64) -> u64 {
        hpa | Self::VALID | Self::TABLE
    }

    fn next_table(entry: u64) -> Option<u64> {
        (entry & Self::TABLE != 0).then_some(entry & Self::ADDRESS)
    }

    fn publish() {
        // SAFETY: a barrier: the walker sees the entries before the guest's next access.
        unsafe { asm!("dsb ishst", "isb", options(nostack)) };
    }

    fn invalidate(_gpa: u64) {
        // Stage-2 changes also end the combined entries, so all of this VMID goes (D8.16.4).
        // SAFETY: dropping TLB entries changes no meaning; the barriers order it behind the
        // entry's clearing and before whatever uses the memory next.
        unsafe {
            asm!(
                "dsb ishst",
                "tlbi vmalls12e1is",
                "dsb ish",
                "isb",
                options(nostack)
            );
        }
    }
}

/// The tables of a guest, by mode.
pub enum Tables {
    /// Under VTTBR_EL2.
    El1(stage2::Tables<Stage2>),
    /// Under the host's TTBR0.
    El0(stage1::Tables),
}

impl Tables {
    /// Tables that map nothing.
    pub fn new(mode: Mode) -> Result<Self, MapError> {
        Ok(match mode {
            Mode::El1 => Self::El1(stage2::Tables::new()?),
            Mode::El0 => Self::El0(stage1::Tables::new()?),
        })
    }

    /// The host-physical address of the root.
    pub fn root(&self) -> u64 {
        match self {
            Self::El1(tables) => tables.root(),
            Self::El0(tables) => tables.root(),
        }
    }
}

impl Translation for Tables {
    fn map(
        &mut self,
        gpa: u64,
        hpa: u64,
        size: u64,
        permits: Permits,
        kind: Kind,
    ) -> Result<(), MapError> {
        match self {
            Self::El1(tables) => tables.map(gpa, hpa, size, permits, kind),
            Self::El0(tables) => tables.map(gpa, hpa, size, permits, kind),
        }
    }

    fn unmap(&mut self, gpa: u64, size: u64) -> Result<(), MapError> {
        match self {
            Self::El1(tables) => tables.unmap(gpa, size),
            Self::El0(tables) => tables.unmap(gpa, size),
        }
    }
}
