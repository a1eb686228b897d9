//! The guest's tables under TTBR0_EL1: axmm's address space, because this is the host's own format.

use axhal::paging::MappingFlags;
use axmm::AddrSpace;

use crate::memory::{
    addr::{Gpa, Hpa},
    mapping::{Kind, MapError, Permits, Translation},
};

/// The first address that the tables cannot express: TCR_EL1.T0SZ is 16, so 48 bits.
const LIMIT: usize = 1 << 48;

/// An address space of EL0.
pub struct Tables(AddrSpace);

impl Tables {
    /// Tables that map nothing.
    pub fn new() -> Result<Self, MapError> {
        match axmm::new_user_aspace(0.into(), LIMIT) {
            Ok(space) => Ok(Self(space)),
            Err(_) => Err(MapError::OutOfMemory),
        }
    }

    /// The address of the root.
    pub fn root(&self) -> Hpa {
        Hpa::new(self.0.page_table_root().as_usize() as u64)
    }
}

impl Translation for Tables {
    fn map(
        &mut self,
        gpa: Gpa,
        hpa: Hpa,
        size: u64,
        permits: Permits,
        kind: Kind,
    ) -> Result<(), MapError> {
        let mut flags = MappingFlags::READ | MappingFlags::USER;
        flags.set(MappingFlags::WRITE, permits.write);
        flags.set(MappingFlags::EXECUTE, permits.execute);
        flags.set(MappingFlags::DEVICE, kind == Kind::Device);
        let (gpa, hpa, size) = (gpa.get() as usize, hpa.get() as usize, size as usize);
        if gpa.checked_add(size).is_none_or(|end| end > LIMIT) {
            return Err(MapError::OutOfRange);
        }
        // What remains: the range is already mapped, or there is no memory for a table.
        self.0
            .map_linear(gpa.into(), hpa.into(), size, flags)
            .map_err(|error| match error {
                axstd::io::Error::NoMemory => MapError::OutOfMemory,
                _ => MapError::Misuse,
            })
    }

    fn unmap(&mut self, gpa: Gpa, size: u64) -> Result<(), MapError> {
        let result = self.0.unmap((gpa.get() as usize).into(), size as usize);
        axhal::asm::flush_tlb(None);
        result.map_err(|_| MapError::Misuse)
    }
}
