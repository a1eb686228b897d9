//! The MSRs that a guest has.
//!
//! Those that VMLOAD and VMSAVE switch are its own ([`permit`]): it reads and writes them without an
//! exit. EFER and PAT, which VMRUN switches, are emulated, since not every value of theirs is allowed.
//! Every other is refused.

/// The system-call MSRs and the bases of segments, all of which VMLOAD and VMSAVE switch (APM vol. 2
/// §15.5.2): SYSENTER_CS, _ESP, _EIP; STAR, LSTAR, CSTAR, SFMASK; FS.base, GS.base, KernelGsBase.
const OWN: [u32; 10] = [
    0x174,
    0x175,
    0x176,
    0xC000_0081,
    0xC000_0082,
    0xC000_0083,
    0xC000_0084,
    0xC000_0100,
    0xC000_0101,
    0xC000_0102,
];

/// The page attribute table (§7.8).
pub const PAT: u32 = 0x277;
/// The extended features (§3.1.7).
pub const EFER: u32 = 0xC000_0080;

/// EFER: SYSCALL and SYSRET.
const SCE: u64 = 1 << 0;
/// Long mode is enabled. This does not change while paging is on.
pub const LME: u64 = 1 << 8;
/// Long mode is active. Nor does this.
pub const LMA: u64 = 1 << 10;
/// No-execute pages.
pub const NXE: u64 = 1 << 11;
/// What VMRUN wants to be set (§15.5.1); a guest does not see it.
pub const SVME: u64 = 1 << 12;

/// Opens `map`, the MSR permissions map (§15.11) of 8 KiB with all bits set, for what is the guest's own.
pub fn permit(map: &mut [u8]) {
    for msr in OWN {
        if let Some(at) = place(msr) {
            // Two bits: reads and writes. No MSR shares a pair, and no pair crosses a byte.
            map[at / 8] &= !(3 << (at % 8));
        }
    }
}

/// The number of the first of an MSR's two bits in the map; `None` for one that is in no range of it.
const fn place(msr: u32) -> Option<usize> {
    /// The MSRs of a range, each of which takes 2 KiB.
    const RANGE: u32 = 0x2000;
    let (range, first) = match msr {
        0..RANGE => (0, 0),
        0xC000_0000..0xC000_2000 => (1, 0xC000_0000),
        0xC001_0000..0xC001_2000 => (2, 0xC001_0000),
        _ => return None,
    };
    Some((range * RANGE + (msr - first)) as usize * 2)
}

/// The registers of the guest's that emulated MSRs stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Emulated {
    /// EFER, as the VMCB has it.
    pub efer: u64,
    /// PAT.
    pub pat: u64,
}

impl Emulated {
    /// What RDMSR gives; `None` is #GP(0).
    pub fn read(&self, msr: u32) -> Option<u64> {
        match msr {
            EFER => Some(self.efer & !SVME),
            PAT => Some(self.pat),
            _ => None,
        }
    }

    /// What becomes of the registers at WRMSR; `None` is #GP(0).
    pub fn written(self, msr: u32, value: u64) -> Option<Self> {
        match msr {
            EFER => {
                // LMA cannot be written: what is there is ignored, as by a CPU that is in long mode.
                let allowed = value & !(SCE | LME | LMA | NXE) == 0;
                let stays_long = value & LME == self.efer & LME;
                let efer = value & (SCE | NXE) | self.efer & (LME | LMA) | SVME;
                (allowed && stays_long).then_some(Self { efer, ..self })
            }
            PAT => {
                let known = |kind: u8| matches!(kind, 0 | 1 | 4..=7);
                let pat = Self { pat: value, ..self };
                value.to_le_bytes().into_iter().all(known).then_some(pat)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Emulated = Emulated {
        efer: SVME | LME | LMA | NXE,
        pat: 0x0007_0406_0007_0406,
    };

    #[test]
    fn the_map_is_open_for_what_vmload_switches_and_nothing_else() {
        let mut map = [0xFF; 0x2000];
        permit(&mut map);
        let switched = [
            0x174..=0x176,
            0xC000_0081..=0xC000_0084,
            0xC000_0100..=0xC000_0102,
        ];
        let closed = |msr: u32| {
            let at = place(msr).unwrap();
            map[at / 8] >> (at % 8) & 3
        };
        for msr in (0..0x2000)
            .chain(0xC000_0000..0xC000_2000)
            .chain(0xC001_0000..0xC001_2000)
        {
            let is_switched = switched.iter().any(|msrs| msrs.contains(&msr));
            let wanted = if is_switched { 0 } else { 3 };
            assert_eq!(closed(msr), wanted, "{msr:#x}");
        }
        assert_eq!(map[0x1800..], [0xFF; 0x800], "what is reserved");
    }

    #[test]
    fn long_mode_does_not_become_active_by_a_write() {
        let paging_off = Emulated {
            efer: SVME,
            ..START
        };
        let written = paging_off.written(EFER, LMA | NXE).map(|new| new.efer);
        assert_eq!(written, Some(SVME | NXE));
    }

    #[test]
    fn places_are_those_of_the_manual() {
        assert_eq!(place(0), Some(0));
        assert_eq!(place(0xC000_0080), Some(8 * 0x820));
        assert_eq!(place(0xC001_0117), Some(8 * 0x1045 + 6));
        assert_eq!(place(0x2000), None);
        assert_eq!(place(0xC000_2000), None);
        assert_eq!(place(0x4000_0000), None);
    }

    #[test]
    fn efer_is_read_without_svme() {
        assert_eq!(START.read(EFER), Some(LME | LMA | NXE));
    }

    #[test]
    fn efer_keeps_long_mode_and_svme() {
        let on = START.written(EFER, SCE | LME | LMA | NXE).unwrap();
        assert_eq!(on.efer, SCE | LME | LMA | NXE | SVME);
        let without_lma = START.written(EFER, LME).unwrap();
        assert_eq!(without_lma.efer, LME | LMA | SVME);
        for refused in [0, NXE, LME | SVME, LME | 1 << 13, LME | 1 << 63] {
            assert_eq!(START.written(EFER, refused), None, "{refused:#x}");
        }
    }

    #[test]
    fn pat_takes_the_types_that_there_are() {
        let pat = 0x0007_0406_0105_0006;
        assert_eq!(START.written(PAT, pat).unwrap().read(PAT), Some(pat));
        for refused in [2, 3, 8, 0xFF << 56] {
            assert_eq!(START.written(PAT, refused), None, "{refused:#x}");
        }
    }

    #[test]
    fn no_other_msr_is_emulated() {
        for msr in [0x10, 0x1B, 0xC000_0103, 0xC001_0114, 0xC001_0117] {
            assert_eq!(START.read(msr), None);
            assert_eq!(START.written(msr, 0), None);
        }
    }
}
