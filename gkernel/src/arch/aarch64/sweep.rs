//! Every system register that MRS and MSR can name.

use core::fmt;

use super::{
    encode::{self, Name, read, write_zero},
    probe::{UNDEFINED, try_in_kernel},
};
use crate::{
    probe::Fate,
    sweep::{Access, Sweep, Whose},
};

/// A register as assemblers write one that has no name.
#[derive(Clone, Copy, Debug)]
pub struct Register(Name);

impl fmt::Display for Register {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (op0, op1, crn, crm, op2) = self.0;
        write!(f, "s{op0}_{op1}_c{crn}_c{crm}_{op2}")
    }
}

/// What the kernel of a guest may do with a register: read and write it.
type Has = (Whose, Whose);

const NONE: Has = (Whose::Nobodys, Whose::Nobodys);
const R: Has = (Whose::Guests, Whose::Nobodys);
const W: Has = (Whose::Nobodys, Whose::Guests);
const RW: Has = (Whose::Guests, Whose::Guests);
/// It belongs to a feature that a CPU may have or not.
const MAY_R: Has = (Whose::GuestsIfThere, Whose::Nobodys);
const MAY_RW: Has = (Whose::GuestsIfThere, Whose::GuestsIfThere);

/// The registers of a guest's kernel (Arm ARM, D24).
fn own(name: Name) -> Has {
    match name {
        (2, ..) => debug(name),
        // MIDR, MPIDR, REVIDR; groups 1 to 7, some of which have no name yet; CSSELR; CCSIDR, CLIDR, AIDR; CTR,
        // DCZID.
        (3, 0, 0, 0, 0 | 5 | 6) | (3, 0, 0, 1..=7, _) => R,
        (3, 2, 0, 0, 0) => RW,
        (3, 1, 0, 0, 0 | 1 | 7) | (3, 3, 0, 0, 1 | 7) => R,
        // SCTLR, ACTLR, CPACR; TTBR0, TTBR1, TCR.
        (3, 0, 1 | 2, 0, 0..=2) => RW,
        // The keys of pointer authentication.
        (3, 0, 2, 1 | 2, 0..=3) | (3, 0, 2, 3, 0 | 1) => MAY_RW,
        // SPSR, ELR; SP_EL0; SPSel; CurrentEL; PAN, UAO, ALLINT.
        (3, 0, 4, 0, 0 | 1) | (3, 0, 4, 1 | 2, 0) => RW,
        (3, 0, 4, 2, 2) => R,
        (3, 0, 4, 2, 3 | 4) | (3, 0, 4, 3, 0) => MAY_RW,
        // AFSR0, AFSR1, ESR; FAR; PAR; MAIR, AMAIR.
        (3, 0, 5, 1, 0 | 1) | (3, 0, 5, 2, 0) | (3, 0, 6, 0, 0) | (3, 0, 7, 4, 0) => RW,
        (3, 0, 10, 2 | 3, 0) => RW,
        // VBAR; ISR; DISR, which is VDISR_EL2 here.
        (3, 0, 12, 0, 0) => RW,
        (3, 0, 12, 1, 0) => R,
        (3, 0, 12, 1, 1) => MAY_RW,
        // CONTEXTIDR, TPIDR_EL1; TPIDR_EL0, TPIDRRO_EL0; CNTKCTL.
        (3, 0, 13, 0, 1 | 4) | (3, 3, 13, 0, 2 | 3) | (3, 0, 14, 1, 0) => RW,
        // RNDR, RNDRRS.
        (3, 3, 2, 4, 0 | 1) => MAY_R,
        // NZCV, DAIF; DIT, SSBS, TCO; FPCR, FPSR.
        (3, 3, 4, 2, 0 | 1) | (3, 3, 4, 4, 0 | 1) => RW,
        (3, 3, 4, 2, 5..=7) => MAY_RW,
        // CNTFRQ, CNTPCT, CNTVCT; CNTPCTSS, CNTVCTSS; CNTV_TVAL, CNTV_CTL, CNTV_CVAL.
        (3, 3, 14, 0, 0..=2) => R,
        (3, 3, 14, 0, 5 | 6) => MAY_R,
        (3, 3, 14, 3, 0..=2) => RW,
        _ => NONE,
    }
}

/// The debug registers, which hold nothing. QEMU has some of them.
fn debug((_, op1, crn, crm, op2): Name) -> Has {
    match (op1, crn, crm, op2) {
        // OSDTRRX, MDCCINT, MDSCR, OSDTRTX, OSECCR; two breakpoints and two watchpoints.
        (0, 0, 2, 0 | 2) | (0, 0, 0 | 3 | 6, 2) | (0, 0, 0 | 1, 4..=7) => RW,
        // MDRAR; OSLAR, OSLSR, OSDLR, DBGPRCR.
        (0, 1, 0, 0) | (0, 1, 1, 4) => R,
        (0, 1, 0, 4) => W,
        (0, 1, 3, 4) => RW,
        (0, 1, 4, 4) => MAY_RW,
        // DBGCLAIMSET, DBGCLAIMCLR; DBGAUTHSTATUS.
        (0, 7, 8 | 9, 6) => RW,
        (0, 7, 14, 6) => MAY_R,
        // MDCCSR; DBGDTR; DBGDTRRX and DBGDTRTX.
        (3, 0, 1, 0) => R,
        (3, 0, 4, 0) => MAY_RW,
        (3, 0, 5, 0) => RW,
        _ => NONE,
    }
}

/// Whether an attempt ended with the exception for what is not there. In the space of identification
/// registers (op0 3, CRn 0) that may also be the one of a trapped register (FEAT_IDST).
fn is_refusal(fate: Fate, (op0, _, crn, ..): Name) -> bool {
    const TRAPPED_REGISTER: u64 = 0x18;
    match fate {
        Fate::Trapped(syndrome) if syndrome >> 26 == TRAPPED_REGISTER => (op0, crn) == (3, 0),
        _ => fate == UNDEFINED,
    }
}

/// Reads every register with op0 of 2 and 3, and writes it: what was read, or zero. Only those of EL1 and
/// EL0 that the guest is shown are its own.
pub fn sweep_registers() -> Sweep<Access<Register>> {
    let mut sweep = Sweep::new();
    for number in 0..1 << 15 {
        let name = (
            2 + (number >> 14),
            number >> 11 & 7,
            number >> 7 & 15,
            number >> 3 & 15,
            number & 7,
        );
        let read_of_it = try_in_kernel(&read(name));
        let written = match read_of_it {
            Fate::WentOn => try_in_kernel(&encode::keep(name)),
            Fate::Trapped(_) => try_in_kernel(&write_zero(name)),
        };
        let (may_read, may_write) = own(name);
        for (writes, fate, whose) in [(false, read_of_it, may_read), (true, written, may_write)] {
            let access = Access {
                writes,
                name: Register(name),
            };
            sweep.note(access, !is_refusal(fate, name), whose);
        }
    }
    sweep
}
