//! The entries of Stage-2.

use crate::memory::{
    addr::Hpa,
    mapping::{Kind, Permits},
    stage2,
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

    fn leaf(hpa: Hpa, level: u32, permits: Permits, kind: Kind) -> u64 {
        let mut entry =
            hpa.get() | Self::VALID | Self::READ | Self::ACCESSED | Self::INNER_SHAREABLE;
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

    fn table(hpa: Hpa) -> u64 {
        hpa.get() | Self::VALID | Self::TABLE
    }

    fn next_table(entry: u64) -> Option<Hpa> {
        (entry & Self::TABLE != 0).then_some(Hpa::new(entry & Self::ADDRESS))
    }
}
