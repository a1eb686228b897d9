//! The guest's tables: Stage-2, or the host's own format for a guest at EL0.

use core::arch::asm;

use super::{cpu::Mode, format::Stage2, stage1};
use crate::{
    memory::addr::{Gpa, Hpa},
    memory::mapping::{Kind, MapError, Permits, Translation},
    memory::stage2,
};

impl stage2::Flush for Stage2 {
    fn publish() {
        // SAFETY: a barrier: the walker sees the entries before the guest's next access.
        unsafe { asm!("dsb ishst", "isb", options(nostack)) };
    }

    fn invalidate(_gpa: Gpa) {
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

    /// Where the root is.
    pub fn root(&self) -> Hpa {
        match self {
            Self::El1(tables) => tables.root(),
            Self::El0(tables) => tables.root(),
        }
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
        match self {
            Self::El1(tables) => tables.map(gpa, hpa, size, permits, kind),
            Self::El0(tables) => tables.map(gpa, hpa, size, permits, kind),
        }
    }

    fn unmap(&mut self, gpa: Gpa, size: u64) -> Result<(), MapError> {
        match self {
            Self::El1(tables) => tables.unmap(gpa, size),
            Self::El0(tables) => tables.unmap(gpa, size),
        }
    }
}
