//! The entries of nested paging.

use crate::memory::{
    addr::Hpa,
    mapping::{Kind, Permits},
    stage2,
};

/// The host's own long-mode format (APM vol. 2 §5.3), four levels.
pub struct NestedPaging;

impl NestedPaging {
    pub(super) const P: u64 = 1 << 0;
    pub(super) const W: u64 = 1 << 1;
    /// Nested walks count as user accesses (§15.25.5).
    const U: u64 = 1 << 2;
    pub(super) const PS: u64 = 1 << 7;
    /// Uncached: PCD and PWT.
    const UC: u64 = 3 << 3;
    const NX: u64 = 1 << 63;
    pub(super) const ADDRESS: u64 = 0x000F_FFFF_FFFF_F000;
}

impl stage2::Format for NestedPaging {
    const LEVELS: u32 = 4;
    const ROOT_EXTRA_BITS: u32 = 0;

    fn leaf(hpa: Hpa, level: u32, permits: Permits, kind: Kind) -> u64 {
        let mut entry = Self::P | Self::U | hpa.get();
        if permits.write {
            entry |= Self::W;
        }
        if !permits.execute {
            entry |= Self::NX;
        }
        if level == 1 {
            entry |= Self::PS;
        }
        if kind == Kind::Device {
            entry |= Self::UC;
        }
        entry
    }

    fn table(hpa: Hpa) -> u64 {
        Self::P | Self::W | Self::U | hpa.get()
    }

    fn next_table(entry: u64) -> Option<Hpa> {
        (entry & Self::PS == 0).then_some(Hpa::new(entry & Self::ADDRESS))
    }
}
