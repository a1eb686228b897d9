//! System registers whose accesses trap to EL2, and what the guest gets of each.

use super::idregs::IdRegisters;

/// An access to a system register, as ESR_EL2.ISS describes it (Arm ARM, ISS encoding of EC 0x18).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    op0: u64,
    op1: u64,
    crn: u64,
    crm: u64,
    op2: u64,
    /// The general register: 31 is XZR.
    pub rt: usize,
    /// MRS, not MSR.
    pub read: bool,
}

impl Access {
    /// Takes the ISS apart.
    pub fn new(iss: u64) -> Self {
        Self {
            op0: iss >> 20 & 0b11,
            op1: iss >> 14 & 0b111,
            crn: iss >> 10 & 0b1111,
            crm: iss >> 1 & 0b1111,
            op2: iss >> 17 & 0b111,
            rt: (iss >> 5 & 0b1_1111) as usize,
            read: iss & 1 != 0,
        }
    }

    /// What a read gives, where the register is there for the guest; a write to such a register is
    /// ignored. `None` if it is not there. Of these EL0 reaches the debug communication channel only.
    pub fn value(&self, ids: &IdRegisters, from_el0: bool) -> Option<u64> {
        match (self.op0, self.op1) {
            (2, 0 | 3) => self.debug(),
            (3, 0 | 1) if from_el0 => None,
            (3, 0 | 1) => self.identification(ids),
            _ => None,
        }
    }

    /// Group 3 by the table. Group 1 (REVIDR_EL1, AIDR_EL1) is zero: nothing of the implementation's own
    /// is there, and neither is it in ACTLR_EL1.
    fn identification(&self, ids: &IdRegisters) -> Option<u64> {
        match (self.op1, self.crn, self.crm, self.op2) {
            (0, 0, 1..=7, _) if self.read => Some(ids.value(self.crm, self.op2)),
            (0, 0, 0, 6) | (1, 0, 0, 7) if self.read => Some(0),
            (0, 1, 0, 1) => Some(0),
            _ => None,
        }
    }

    /// The registers of self-hosted and external debug (D24.3) that ID_AA64DFR0_EL1 shows: they are there
    /// and hold nothing. So breakpoints, watchpoints and single steps never hit; BRK needs none of them.
    fn debug(&self) -> Option<u64> {
        /// OSLSR_EL1: the lock is implemented (OSLM 0b10) and open.
        const OSLSR_OPEN: u64 = 1 << 3;
        match (self.op1, self.crn, self.crm, self.op2) {
            // MDCCINT, MDSCR; OSDTRRX, OSDTRTX, OSECCR.
            (0, 0, 2, 0 | 2) | (0, 0, 0 | 3 | 6, 2) => Some(0),
            // Two breakpoints, two watchpoints: value and control.
            (0, 0, 0 | 1, 4..=7) => Some(0),
            // MDRAR, OSLAR, OSDLR, DBGPRCR.
            (0, 1, 0, 0 | 4) | (0, 1, 3 | 4, 4) => Some(0),
            (0, 1, 1, 4) => Some(OSLSR_OPEN),
            // DBGCLAIMSET, DBGCLAIMCLR, DBGAUTHSTATUS.
            (0, 7, 8 | 9 | 14, 6) => Some(0),
            // MDCCSR_EL0, DBGDTR_EL0, DBGDTRRX_EL0 and DBGDTRTX_EL0.
            (3, 0, 1 | 4 | 5, 0) => Some(0),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Name = (u64, u64, u64, u64, u64);

    fn access((op0, op1, crn, crm, op2): Name, read: bool) -> Access {
        let iss = op0 << 20 | op2 << 17 | op1 << 14 | crn << 10 | 5 << 5 | crm << 1;
        Access::new(iss | u64::from(read))
    }

    fn seen(name: Name, read: bool, from_el0: bool) -> Option<u64> {
        access(name, read).value(&IdRegisters::new(|_, _| u64::MAX), from_el0)
    }

    #[test]
    fn the_syndrome_is_taken_apart() {
        let cntp_ctl = access((3, 3, 14, 2, 1), true);
        assert_eq!((cntp_ctl.rt, cntp_ctl.read), (5, true));
        assert!(!access((3, 3, 14, 2, 1), false).read);
        // Bits 24 to 22 are reserved.
        assert_eq!(Access::new(0b111 << 22 | 3 << 20).op0, 3);
        let fields = (
            cntp_ctl.op0,
            cntp_ctl.op1,
            cntp_ctl.crn,
            cntp_ctl.crm,
            cntp_ctl.op2,
        );
        assert_eq!(fields, (3, 3, 14, 2, 1));
    }

    #[test]
    fn debug_registers_hold_nothing() {
        for mdscr_read in [true, false] {
            assert_eq!(seen((2, 0, 0, 2, 2), mdscr_read, false), Some(0));
        }
        assert_eq!(seen((2, 0, 1, 1, 4), true, false), Some(8), "OSLSR_EL1");
        assert_eq!(seen((2, 0, 0, 1, 5), false, false), Some(0), "DBGBCR1_EL1");
        assert_eq!(seen((2, 0, 0, 2, 5), false, false), None, "DBGBCR2_EL1");
        assert_eq!(seen((2, 3, 0, 1, 0), true, true), Some(0), "MDCCSR_EL0");
        assert_eq!(seen((2, 1, 1, 1, 4), true, false), None, "a trace register");
        let there = [
            (2, 0, 0, 2, 0),  // MDCCINT_EL1
            (2, 0, 0, 0, 2),  // OSDTRRX_EL1
            (2, 0, 0, 3, 2),  // OSDTRTX_EL1
            (2, 0, 0, 6, 2),  // OSECCR_EL1
            (2, 0, 0, 1, 7),  // DBGWCR1_EL1
            (2, 0, 1, 0, 0),  // MDRAR_EL1
            (2, 0, 1, 0, 4),  // OSLAR_EL1
            (2, 0, 1, 3, 4),  // OSDLR_EL1
            (2, 0, 1, 4, 4),  // DBGPRCR_EL1
            (2, 0, 7, 8, 6),  // DBGCLAIMSET_EL1
            (2, 0, 7, 14, 6), // DBGAUTHSTATUS_EL1
            (2, 3, 0, 4, 0),  // DBGDTR_EL0
        ];
        for name in there {
            assert_eq!(seen(name, true, false), Some(0), "{name:?}");
        }
    }

    #[test]
    fn identification_is_read_by_the_table_and_never_from_el0() {
        let pfr0 = (3, 0, 0, 4, 0);
        assert!(seen(pfr0, true, false).is_some_and(|value| value & 0xFF == 0x11));
        assert_eq!(seen(pfr0, true, true), None);
        assert_eq!(seen((3, 0, 0, 7, 7), true, false), Some(0), "reserved");
        assert_eq!(seen((3, 0, 0, 0, 6), true, false), Some(0), "REVIDR_EL1");
        assert_eq!(seen((3, 1, 0, 0, 7), true, false), Some(0), "AIDR_EL1");
        for read_only in [pfr0, (3, 0, 0, 0, 6), (3, 1, 0, 0, 7)] {
            assert_eq!(seen(read_only, false, false), None, "{read_only:?}");
        }
        assert_eq!(seen((3, 1, 0, 0, 6), true, false), None, "SMIDR_EL1");
        assert_eq!(seen((3, 1, 0, 0, 4), true, false), None, "GMID_EL1");
    }

    #[test]
    fn what_is_not_there_is_refused() {
        let hidden = [
            (3, 3, 14, 2, 1), // CNTP_CTL_EL0
            (3, 3, 9, 12, 0), // PMCR_EL0
            (3, 0, 9, 14, 1), // PMINTENSET_EL1
            (3, 0, 10, 4, 3), // LORC_EL1
            (3, 0, 5, 3, 0),  // ERRIDR_EL1
            (3, 0, 1, 0, 5),  // RGSR_EL1
            (3, 3, 13, 0, 7), // SCXTNUM_EL0
            (3, 0, 15, 0, 0), // of the implementation's own
            (1, 0, 7, 14, 2), // DC CISW
        ];
        for name in hidden {
            assert_eq!(seen(name, true, false), None, "{name:?}");
        }
    }
}
