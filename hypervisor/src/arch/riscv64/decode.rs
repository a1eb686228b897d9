//! From `scause` and its companions to an [`Exit`].

use super::calls;
use crate::vm::exit::{Access, Exit, Fault, Other};

/// The trap CSRs, as the guest's trap left them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Trap {
    /// Why: the interrupt bit and the cause.
    pub scause: u64,
    /// A virtual address, or the instruction.
    pub stval: u64,
    /// A guest-physical address, shifted right by two.
    pub htval: u64,
    /// The trapping instruction, transformed; or a pseudo-instruction.
    pub htinst: u64,
}

const INTERRUPT: u64 = 1 << 63;
const ECALL_FROM_VS: u64 = 10;
const FETCH_GUEST_PAGE_FAULT: u64 = 20;
const LOAD_GUEST_PAGE_FAULT: u64 = 21;
const VIRTUAL_INSTRUCTION: u64 = 22;
const STORE_GUEST_PAGE_FAULT: u64 = 23;
const WFI: u64 = 0x1050_0073;

/// What the trap means, and, for a call, by which convention it wants its answer.
pub fn decode(trap: &Trap, x: &[u64; 32]) -> (Exit, calls::Convention) {
    let exit = match trap.scause {
        ECALL_FROM_VS => {
            let (call, convention) = calls::decode(x);
            return (Exit::Call(call), convention);
        }
        FETCH_GUEST_PAGE_FAULT => fault(trap, Access::Execute),
        LOAD_GUEST_PAGE_FAULT => fault(trap, Access::Read),
        STORE_GUEST_PAGE_FAULT => fault(trap, Access::Write),
        // stval holds the instruction.
        VIRTUAL_INSTRUCTION if trap.stval == WFI => Exit::Idle,
        cause if cause & INTERRUPT != 0 => Exit::HostInterrupt,
        cause => Exit::Other(Other {
            class: class(cause),
            code: cause,
            info: trap.stval,
        }),
    };
    (exit, calls::Convention::Standard)
}

/// A guest page fault. htval is the guest-physical address shifted right by two; its two low bits
/// are those of the virtual address in stval. A hart may leave htval zero, and the address would have
/// to be found by a walk of the guest's tables; QEMU never does, and on a hart that did, the fault
/// would count as one at address 0, where no window is, and end the guest. A pseudo-instruction in htinst (its bit 0 is clear
/// and it is not 0) says that the walk of the guest's own tables faulted, not the access.
fn fault(trap: &Trap, access: Access) -> Exit {
    let during_walk = trap.htinst != 0 && trap.htinst & 1 == 0;
    let low = if during_walk { 0 } else { trap.stval & 3 };
    // A walk may write (A and D bits); bit 5 of the pseudo-instruction says so.
    let access = match during_walk {
        true if trap.htinst & 0x20 != 0 => Access::Write,
        true => Access::Read,
        false => access,
    };
    Exit::Fault(Fault {
        gpa: trap.htval << 2 | low,
        access,
        during_walk,
    })
}

fn class(cause: u64) -> &'static str {
    match cause {
        1 => "instruction-access-fault",
        5 => "load-access-fault",
        7 => "store-access-fault",
        VIRTUAL_INSTRUCTION => "virtual-instruction",
        _ => "unexpected-trap",
    }
}
