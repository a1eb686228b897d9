//! Turns `scause` and its companions into an [`Exit`].

use super::{access, calls};
use crate::memory::addr::Gpa;
use crate::vm::exit::{Access, Exit, Fault, GuestException, Other, Refused};

/// The trap CSRs, as the guest's trap left them, and everything else that a decision needs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Trap {
    /// The cause, with the interrupt bit.
    pub scause: u64,
    /// A guest-virtual address, or the instruction.
    pub stval: u64,
    /// A guest-physical address, shifted right by two; or zero.
    pub htval: u64,
    /// The trapping instruction, transformed; a pseudo-instruction; or zero.
    pub htinst: u64,
    /// The instruction itself, if it was needed and could be loaded.
    pub fetched: Option<u64>,
    /// Whether the guest was in VU-mode.
    pub from_user: bool,
    /// The guest's interrupts that are pending and enabled each by itself: `vsip & vsie`.
    pub awake: u64,
    /// When the guest's own timer will end a wait, in nanoseconds on the host's monotonic clock.
    pub wakes_at: Option<u64>,
    /// Whether the guest has the timer of SBI's calls.
    pub sbi_timer: bool,
}

impl Trap {
    /// Whether the trapped instruction is needed, and the hart did not supply it. It does not have to:
    /// QEMU supplies CSR instructions and WFI, but not CBO or WRS.NTO; and it describes loads and stores, but not
    /// those of Zcb.
    pub fn lacks_instruction(&self) -> bool {
        match self.scause {
            VIRTUAL_INSTRUCTION => self.stval == 0,
            LOAD_GUEST_PAGE_FAULT | STORE_GUEST_PAGE_FAULT => self.htinst == 0,
            _ => false,
        }
    }

    /// Supplies the instruction that was lacking; none if it could not be loaded.
    pub fn supply(&mut self, instruction: Option<u64>) {
        self.fetched = instruction;
        if self.scause == VIRTUAL_INSTRUCTION {
            self.stval = instruction.unwrap_or(0);
        }
    }

    /// The load or store that faulted, if it is one of a general register, with `x` as the registers.
    pub fn access(&self, x: &[u64; 32]) -> Option<access::Access> {
        let write = match self.scause {
            LOAD_GUEST_PAGE_FAULT => false,
            STORE_GUEST_PAGE_FAULT => true,
            _ => return None,
        };
        let access = match self.htinst {
            0 => access::Access::fetched(self.fetched?, x, self.stval)?,
            htinst => access::Access::transformed(htinst)?,
        };
        (access.is_write() == write).then_some(access)
    }

    /// What the guest's kernel gets if the access that faulted cannot be carried out: an access fault.
    pub fn bus_error(&self) -> GuestException {
        let code = match self.scause {
            STORE_GUEST_PAGE_FAULT => STORE_ACCESS_FAULT,
            _ => LOAD_ACCESS_FAULT,
        };
        let value = self.stval;
        GuestException { code, value }
    }

    /// Whether the guest may wait, so that `wakes_at` is needed.
    pub fn may_be_a_wait(&self) -> bool {
        self.scause == VIRTUAL_INSTRUCTION
    }
}

const INTERRUPT: u64 = 1 << 63;
const FETCH_ACCESS_FAULT: u64 = 1;
const ILLEGAL_INSTRUCTION: u64 = 2;
const LOAD_ACCESS_FAULT: u64 = 5;
const STORE_ACCESS_FAULT: u64 = 7;
const ECALL_FROM_VS: u64 = 10;
const HARDWARE_ERROR: u64 = 19;
const FETCH_GUEST_PAGE_FAULT: u64 = 20;
const LOAD_GUEST_PAGE_FAULT: u64 = 21;
const VIRTUAL_INSTRUCTION: u64 = 22;
const STORE_GUEST_PAGE_FAULT: u64 = 23;

const WFI: u64 = 0x1050_0073;
const WRS_NTO: u64 = 0x00D0_0073;

/// What the trap means, and, for a call, the convention of its answer.
pub fn decode(trap: &Trap, x: &[u64; 32]) -> (Exit, calls::Convention) {
    let exit = match trap.scause {
        ECALL_FROM_VS => {
            let (call, convention) = calls::decode(x, trap.sbi_timer);
            return (Exit::Call(call), convention);
        }
        FETCH_GUEST_PAGE_FAULT => fault(trap, x, Access::Execute),
        LOAD_GUEST_PAGE_FAULT => fault(trap, x, Access::Read),
        STORE_GUEST_PAGE_FAULT => fault(trap, x, Access::Write),
        VIRTUAL_INSTRUCTION => virtual_instruction(trap),
        // The address is one that we mapped, and the machine refuses the kind of access there: an
        // atomic on a device, say. It is not delegated, so that a mapping of ours that leads nowhere
        // is reported; without a hypervisor the guest's kernel would get the same exception.
        FETCH_ACCESS_FAULT | LOAD_ACCESS_FAULT | STORE_ACCESS_FAULT => refused(trap, trap.scause),
        cause if cause & INTERRUPT != 0 => Exit::HostInterrupt,
        _ => Exit::Other(other(trap)),
    };
    (exit, calls::Convention::Standard)
}

/// A virtual-instruction exception: what the guest's level has on a machine without a hypervisor, or
/// what only the hypervisor's has (RISC-V Privileged, "Virtual Instruction Exception"). `stval` holds the
/// instruction; or zero, if the hart does not tell and the guest has it mapped no more.
fn virtual_instruction(trap: &Trap) -> Exit {
    match trap.stval {
        // A hart may end this stall at any time, in user mode too (Zawrs).
        WRS_NTO => Exit::Emulated,
        // It goes on if an interrupt is pending that is enabled by itself, whatever sstatus.SIE says
        // ("Wait for Interrupt"). User mode has no WFI.
        WFI if !trap.from_user && trap.awake != 0 => Exit::Emulated,
        WFI if !trap.from_user => match trap.wakes_at {
            Some(until_ns) => Exit::Waits { until_ns },
            None => Exit::Idle,
        },
        _ => refused(trap, ILLEGAL_INSTRUCTION),
    }
}

/// An instruction for which the guest's kernel gets `cause`. `stval` is already right: a virtual
/// instruction leaves there what an illegal one does.
fn refused(trap: &Trap, cause: u64) -> Exit {
    Exit::Refused(Refused {
        what: other(trap),
        from_user: trap.from_user,
        exception: GuestException {
            code: cause,
            value: trap.stval,
        },
    })
}

/// A guest page fault. `htval` is the guest-physical address shifted right by two. Its two low bits are
/// those of the virtual address in `stval`, which of a misaligned access is the part that faulted; those
/// of an entry of the guest's own tables are zero.
///
/// A hart may also leave `htval` zero. Then the address would have to be found by a walk of the guest's
/// tables, which is not done: the guest ends, with a class that says so. QEMU always writes it.
fn fault(trap: &Trap, x: &[u64; 32], access: Access) -> Exit {
    let walk = access_of_walk(trap.htinst);
    // Both stages map whole pages, so an address that is really 0 has the offset in its page that
    // the virtual address has.
    if trap.htval == 0 && walk.is_none() && trap.stval & 0xFFC != 0 {
        return Exit::Other(Other {
            class: "guest-page-fault-without-htval",
            ..other(trap)
        });
    }
    let low = if walk.is_some() { 0 } else { trap.stval & 3 };
    Exit::Fault(Fault {
        gpa: Gpa::new(trap.htval << 2 | low),
        access: walk.unwrap_or(access),
        during_walk: walk.is_some(),
        transfer: trap.access(x).map(|access| access.transfer(x)),
    })
}

/// What the CPU did in the guest's own tables, if `htinst` is one of the pseudo-instructions that say
/// so (RISC-V Privileged, "Transformed Instruction or Pseudoinstruction for mtinst or htinst"): a read
/// of an entry, or a write of its A and D bits, of 32 or 64 bits. Transformed instructions have bit 0
/// set; values that are not known count as zero, as the manual allows.
fn access_of_walk(htinst: u64) -> Option<Access> {
    match htinst {
        0x2000 | 0x3000 => Some(Access::Read),
        0x2020 | 0x3020 => Some(Access::Write),
        _ => None,
    }
}

fn other(trap: &Trap) -> Other {
    Other {
        class: class(trap.scause),
        code: trap.scause,
        info: trap.stval,
    }
}

fn class(cause: u64) -> &'static str {
    match cause {
        FETCH_ACCESS_FAULT => "instruction-access-fault",
        LOAD_ACCESS_FAULT => "load-access-fault",
        STORE_ACCESS_FAULT => "store-access-fault",
        HARDWARE_ERROR => "hardware-error",
        VIRTUAL_INSTRUCTION => "virtual-instruction",
        _ => "unexpected-trap",
    }
}

#[cfg(test)]
mod tests;
