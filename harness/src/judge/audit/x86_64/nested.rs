//! The nested tables (APM vol. 2, 15.25): the long-mode format of 5.3, walked as for a user's access.

use super::super::Access;
use super::super::walk::{Entry, Format, Table};

/// An entry's bits (APM vol. 2, 5.4).
mod bits {
    pub const PRESENT: u64 = 1 << 0;
    pub const WRITE: u64 = 1 << 1;
    pub const USER: u64 = 1 << 2;
    /// At the last level this is PAT.
    pub const LARGE: u64 = 1 << 7;
    /// PAT of a large page.
    pub const LARGE_PAT: u64 = 1 << 12;
    pub const NX: u64 = 1 << 63;
    /// Bits 51 to 12.
    pub const ADDRESS: u64 = 0xf_ffff_ffff_f000;
}

/// The format.
pub struct Nested {
    /// Whether bit 63 forbids execution; else it is reserved.
    pub nx: bool,
}

/// The root that N_CR3 names, so many levels high.
pub fn root(n_cr3: u64, levels: u8) -> Table {
    Table {
        hpa: n_cr3 & bits::ADDRESS,
        size: 4096,
        level: levels - 1,
        gpa: 0,
        access: Access::ALL,
    }
}

impl Format for Nested {
    fn shift(&self, level: u8) -> u32 {
        12 + 9 * u32::from(level)
    }

    fn table_size(&self) -> u64 {
        4096
    }

    /// How many bits an address has is the processor's choice: what is reserved beyond them is passed over.
    fn decode(&self, entry: u64, level: u8, _: u64, inherited: Access) -> Entry {
        let has = |bits| entry & bits != 0;
        if !has(bits::PRESENT) || !has(bits::USER) || has(bits::NX) && !self.nx {
            return Entry::Fault;
        }
        let here = Access::new(true, has(bits::WRITE), !has(bits::NX));
        let access = inherited.and(here);
        let address = entry & bits::ADDRESS;
        match level {
            0 => Entry::Leaf(address, access),
            1 | 2 if has(bits::LARGE) => {
                let address = address & !bits::LARGE_PAT;
                let below = (1 << self.shift(level)) - 1;
                if address & below != 0 {
                    return Entry::Fault;
                }
                Entry::Leaf(address, access)
            }
            _ if has(bits::LARGE) => Entry::Fault,
            _ => Entry::Table(address, access),
        }
    }
}
