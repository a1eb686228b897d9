//! `-d int` of qemu-system-aarch64: several lines for each exception.
//!
//! ```text
//! Taking exception 4 [Data Abort] on CPU 0
//! ...from EL1 to EL2
//! ...with ESR 0x24/0x93970005
//! ...with FAR 0xffffff8004000000
//! ...with SPSR 0x600003c5
//! ...with ELR 0xffffff80402010e4
//! ...to EL2 PC 0xffff000040201c00 PSTATE 0x23c9
//! ```
//!
//! The hypervisor is at EL2, so an exit is an exception that goes there from EL1, or from EL0 if the
//! guest has nothing else. An exception that goes to EL1 belongs to a guest, or to a kernel without a
//! hypervisor; of these, interrupts and the calls of user programs are counted separately. The log does
//! not say which device an interrupt came from; ArceOS and Linux enable the timer first.

use super::{Address, Exit, LoggedFault, hex};
use crate::judge::hvlog::Access;

/// Exception classes (Arm ARM, ESR_ELx.EC).
const SVC: u64 = 0x15;
const HVC: u64 = 0x16;
const SMC: u64 = 0x17;
const INSTRUCTION_ABORT: u64 = 0x20;
const DATA_ABORT: u64 = 0x24;

/// QEMU's names for interrupts.
const INTERRUPTS: [&str; 4] = ["[IRQ]", "[FIQ]", "[Virtual IRQ]", "[Virtual FIQ]"];

const ISS_WRITE: u64 = 1 << 6;
const ISS_DURING_WALK: u64 = 1 << 7;
const ISS_CACHE_MAINTENANCE: u64 = 1 << 8;

/// Assembles the lines of an exception.
#[derive(Debug, Default)]
pub struct Parser {
    taking: Option<Exception>,
}

#[derive(Debug, Default)]
struct Exception {
    interrupt: bool,
    is_virtual: bool,
    to_the_hypervisor: bool,
    to_the_kernel: bool,
    from_user_mode: bool,
    esr: u64,
    far: Option<u64>,
    elr: Option<u64>,
}

impl Parser {
    /// Takes a line; gives the exit whose last line it is, and the address to go on at: that of the
    /// instruction that caused it, or after a call that of the next one.
    pub fn line(&mut self, line: &str) -> Option<(Exit, Option<u64>)> {
        if let Some(what) = line.strip_prefix("Taking exception ") {
            let before = self.finish();
            self.taking = Some(Exception {
                is_virtual: what.contains("[Virtual IRQ]"),
                interrupt: INTERRUPTS.iter().any(|name| what.contains(name)),
                ..Exception::default()
            });
            return before;
        }
        let taking = self.taking.as_mut()?;
        let detail = line.strip_prefix("...").unwrap_or_default();
        if let Some(levels) = detail.strip_prefix("from ") {
            taking.to_the_hypervisor = ["EL0 to EL2", "EL1 to EL2"].contains(&levels);
            taking.to_the_kernel = ["EL0 to EL1", "EL1 to EL1"].contains(&levels);
            taking.from_user_mode = levels.starts_with("EL0 ");
        } else if let Some(esr) = detail.strip_prefix("with ESR ") {
            taking.esr = esr.split_once('/').and_then(|(_, esr)| hex(esr))?.0;
        } else if let Some(far) = detail.strip_prefix("with FAR ") {
            taking.far = Some(hex(far)?.0);
        } else if let Some(elr) = detail.strip_prefix("with ELR ") {
            taking.elr = Some(hex(elr)?.0);
        } else if detail.starts_with("to EL") {
            return self.finish();
        }
        None
    }

    /// The exit whose lines have come so far, if they are one's.
    pub fn finish(&mut self) -> Option<(Exit, Option<u64>)> {
        let Exception {
            interrupt,
            is_virtual,
            to_the_hypervisor,
            to_the_kernel,
            from_user_mode,
            esr,
            far,
            elr,
        } = self.taking.take()?;
        let class = esr >> 26 & 0x3f;
        if to_the_kernel && interrupt && is_virtual {
            return Some((Exit::GuestTimer, elr));
        }
        if to_the_kernel && interrupt {
            return Some((Exit::Timer, None));
        }
        if to_the_kernel && from_user_mode && class == SVC {
            return Some((Exit::UserCall, elr));
        }
        if interrupt || !to_the_hypervisor {
            return None;
        }
        // The fault status of a translation: address size, translation, access flag or permission.
        let of_translation = esr & 0x3f < 0x10;
        let exit = match (class, far) {
            (SVC | HVC | SMC, _) => Exit::Hypercall,
            (class @ (INSTRUCTION_ABORT | DATA_ABORT), Some(far)) if of_translation => {
                Exit::Npf(LoggedFault {
                    at: Address::Va(far),
                    access: access(class, esr),
                    during_walk: Some(esr & ISS_DURING_WALK != 0),
                })
            }
            _ => Exit::Other,
        };
        Some((exit, elr))
    }
}

fn access(class: u64, iss: u64) -> Access {
    if class == INSTRUCTION_ABORT {
        Access::Execute
    } else if iss & ISS_WRITE != 0 && iss & ISS_CACHE_MAINTENANCE == 0 {
        Access::Write
    } else {
        Access::Read
    }
}
