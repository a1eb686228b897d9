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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::stage2::Format;

    /// D A - U X W R V, as the manual has them for the lowest byte.
    const ENTRIES: [(bool, bool, u64); 4] = [
        (false, false, 0b1101_0011),
        (true, false, 0b1101_0111),
        (false, true, 0b1101_1011),
        (true, true, 0b1101_1111),
    ];

    #[test]
    fn a_leaf_has_its_permissions_and_the_bits_that_a_g_stage_wants() {
        // The PPN is in bits 53 to 10; N and PBMT (63 to 61) stay clear, so the PMAs decide.
        for (hpa, ppn) in [
            (0, 0),
            (0x8020_0000, 0x8_0200 << 10),
            ((1 << 56) - (2 << 20), 0xFFF_FFFF_FE00 << 10),
        ] {
            for (write, execute, byte) in ENTRIES {
                for kind in [Kind::Normal, Kind::Device] {
                    for level in [0, 1] {
                        let entry =
                            Sv39x4::leaf(Hpa::new(hpa), level, Permits { write, execute }, kind);
                        assert_eq!(entry, ppn | byte, "{hpa:#x} {write} {execute}");
                        assert_eq!(Sv39x4::next_table(entry), None);
                    }
                }
            }
        }
    }

    #[test]
    fn a_table_has_v_alone_and_leads_back_to_its_address() {
        for hpa in [0x1000, 0x8020_3000, (1 << 56) - 0x1000] {
            let entry = Sv39x4::table(Hpa::new(hpa));
            assert_eq!(entry, hpa >> 12 << 10 | 1);
            assert_eq!(Sv39x4::next_table(entry), Some(Hpa::new(hpa)));
        }
    }

    #[test]
    fn any_permission_makes_a_leaf() {
        for permission in [0b0010, 0b0100, 0b1000] {
            assert_eq!(Sv39x4::next_table(permission | 1), None, "{permission:#b}");
        }
    }

    #[test]
    fn guest_physical_addresses_have_41_bits() {
        assert_eq!(stage2::Tables::<Sv39x4>::LIMIT.get(), 1 << 41);
    }
}
