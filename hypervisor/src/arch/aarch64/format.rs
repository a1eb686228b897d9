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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::stage2::Format;

    /// XN in bits 54 and 53: 0b10 is execute-never. S2AP in bits 7 and 6: 0b01 is read-only.
    const PERMISSIONS: [(bool, bool, u64); 4] = [
        (false, false, 0b10 << 53 | 0b01 << 6),
        (true, false, 0b10 << 53 | 0b11 << 6),
        (false, true, 0b01 << 6),
        (true, true, 0b11 << 6),
    ];

    /// MemAttr in bits 5 to 2: write-back in both caches, and Device-nGnRE.
    const KINDS: [(Kind, u64); 2] = [(Kind::Normal, 0b1111 << 2), (Kind::Device, 0b0001 << 2)];

    /// Bits 1 and 0: a page has both, a block the lower one.
    const LEVELS: [(u32, u64); 2] = [(0, 0b11), (1, 0b01)];

    #[test]
    fn a_leaf_has_its_permissions_its_kind_and_its_size() {
        // Inner shareable, and accessed already: no fault comes just for that.
        const ALWAYS: u64 = 0b11 << 8 | 1 << 10;
        for hpa in [0, 0x4020_0000, (1 << 40) - (2 << 20)] {
            for (write, execute, permission) in PERMISSIONS {
                for (kind, attribute) in KINDS {
                    for (level, size) in LEVELS {
                        let entry =
                            Stage2::leaf(Hpa::new(hpa), level, Permits { write, execute }, kind);
                        assert_eq!(entry, hpa | permission | attribute | size | ALWAYS);
                    }
                }
            }
        }
    }

    #[test]
    fn a_block_leads_nowhere() {
        for (write, execute, _) in PERMISSIONS {
            for (kind, _) in KINDS {
                let entry =
                    Stage2::leaf(Hpa::new(0x4020_0000), 1, Permits { write, execute }, kind);
                assert_eq!(Stage2::next_table(entry), None);
            }
        }
    }

    #[test]
    fn a_table_has_two_bits_and_leads_back_to_its_address() {
        for hpa in [0x1000, 0x4020_3000, (1 << 48) - 0x1000] {
            let entry = Stage2::table(Hpa::new(hpa));
            assert_eq!(entry, hpa | 0b11);
            assert_eq!(Stage2::next_table(entry), Some(Hpa::new(hpa)));
        }
    }

    #[test]
    fn intermediate_physical_addresses_have_39_bits() {
        // VTCR_EL2.T0SZ is 25.
        assert_eq!(stage2::Tables::<Stage2>::LIMIT.get(), 1 << 39);
    }
}
