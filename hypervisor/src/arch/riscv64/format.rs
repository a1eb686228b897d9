//! The entries of Sv39x4 (RISC-V Privileged, "Two-Stage Address Translation").

use crate::memory::{
    addr::Hpa,
    mapping::{Kind, Permits},
    stage2,
};

/// Sv39x4: Sv39's entries, a root of four pages, 41-bit guest-physical addresses.
pub struct Sv39x4;

impl Sv39x4 {
    const V: u64 = 1 << 0;
    const R: u64 = 1 << 1;
    const W: u64 = 1 << 2;
    const X: u64 = 1 << 3;
    /// G-stage leaves need U: the guest's accesses count as those of a user.
    const U: u64 = 1 << 4;
    const A: u64 = 1 << 6;
    const D: u64 = 1 << 7;
    const PPN_SHIFT: u32 = 10;
}

impl stage2::Format for Sv39x4 {
    const LEVELS: u32 = 3;
    const ROOT_EXTRA_BITS: u32 = 2;

    fn leaf(hpa: Hpa, _level: u32, permits: Permits, _kind: Kind) -> u64 {
        // The kind of memory comes from the machine's PMAs here. A and D are set beforehand, so
        // that no machine faults just to have them set.
        let mut entry = Self::V | Self::R | Self::U | Self::A | Self::D;
        if permits.write {
            entry |= Self::W;
        }
        if permits.execute {
            entry |= Self::X;
        }
        entry | (hpa.get() >> 12) << Self::PPN_SHIFT
    }

    fn table(hpa: Hpa) -> u64 {
        Self::V | (hpa.get() >> 12) << Self::PPN_SHIFT
    }

    fn next_table(entry: u64) -> Option<Hpa> {
        let leaf = entry & (Self::R | Self::W | Self::X) != 0;
        (!leaf).then_some(Hpa::new((entry >> Self::PPN_SHIFT) << 12))
    }
}
