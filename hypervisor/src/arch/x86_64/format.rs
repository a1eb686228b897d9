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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::stage2::Format;

    /// NX (63), and U, W and P in bits 2 to 0.
    const PERMISSIONS: [(bool, bool, u64); 4] = [
        (false, false, 1 << 63 | 0b101),
        (true, false, 1 << 63 | 0b111),
        (false, true, 0b101),
        (true, true, 0b111),
    ];

    /// PCD and PWT in bits 4 and 3: both for uncached.
    const KINDS: [(Kind, u64); 2] = [(Kind::Normal, 0), (Kind::Device, 0b11 << 3)];

    /// Bit 7: PS of a block. Of a page it is PAT, which stays clear.
    const LEVELS: [(u32, u64); 2] = [(0, 0), (1, 1 << 7)];

    #[test]
    fn a_leaf_has_its_permissions_its_kind_and_its_size() {
        for hpa in [0, 0x20_0000, (1 << 52) - (2 << 20)] {
            for (write, execute, permission) in PERMISSIONS {
                for (kind, caching) in KINDS {
                    for (level, size) in LEVELS {
                        let permits = Permits { write, execute };
                        let entry = NestedPaging::leaf(Hpa::new(hpa), level, permits, kind);
                        assert_eq!(entry, hpa | permission | caching | size);
                    }
                }
            }
        }
    }

    #[test]
    fn a_block_leads_nowhere() {
        for (write, execute, _) in PERMISSIONS {
            for (kind, _) in KINDS {
                let permits = Permits { write, execute };
                let entry = NestedPaging::leaf(Hpa::new(0x20_0000), 1, permits, kind);
                assert_eq!(NestedPaging::next_table(entry), None);
            }
        }
    }

    #[test]
    fn a_table_permits_all_and_leads_back_to_its_address() {
        for hpa in [0x1000, 0x20_3000, (1 << 52) - 0x1000] {
            let entry = NestedPaging::table(Hpa::new(hpa));
            assert_eq!(entry, hpa | 0b111, "the leaf alone decides");
            assert_eq!(NestedPaging::next_table(entry), Some(Hpa::new(hpa)));
        }
    }

    #[test]
    fn guest_physical_addresses_have_48_bits() {
        assert_eq!(stage2::Tables::<NestedPaging>::LIMIT.get(), 1 << 48);
    }
}
