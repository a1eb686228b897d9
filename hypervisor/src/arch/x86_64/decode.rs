//! Turns a VMEXIT code (APM vol. 2, appendix C) into its meaning.
//!
//! Some intercepts come before the check of the privilege level (VMMCALL, §15.9, and more of them in
//! QEMU's TCG), so the level is checked here: a process of the guest gets what a CPU without SVM gives
//! it.

use super::{
    access::{self, Access},
    calls,
    event::{ALIGNMENT, DEBUG, Event, Shutdown, meet},
};
use crate::memory::addr::Gpa;
use crate::vm::exit::{self, Exit, Fault, Other, Port, Refused};

const EXCEPTION_DEBUG: u64 = 0x40 + DEBUG as u64;
const EXCEPTION_ALIGNMENT: u64 = 0x40 + ALIGNMENT as u64;
const INTR: u64 = 0x60;
const NMI: u64 = 0x61;
const SMI: u64 = 0x62;
const INIT: u64 = 0x63;
const CPUID: u64 = 0x72;
const INVD: u64 = 0x76;
const HLT: u64 = 0x78;
const IOIO: u64 = 0x7B;
const MSR: u64 = 0x7C;
const SHUTDOWN: u64 = 0x7F;
const VMMCALL: u64 = 0x81;
const WBINVD: u64 = 0x89;
const NPF: u64 = 0x400;

/// VMEXIT_INVALID is -1; QEMU leaves the upper half of it zero.
const INVALID: u64 = u64::MAX;
const INVALID_32: u64 = 0xFFFF_FFFF;

/// EXITINFO1 of a nested page fault (§15.25.6): the access was a write.
const NPF_WRITE: u64 = 1 << 1;
/// It was an instruction fetch.
const NPF_FETCH: u64 = 1 << 4;
/// It was the walk of the guest's own tables.
const NPF_WALK: u64 = 1 << 33;

/// EXITINFO1 of an MSR exit (§15.11): it was WRMSR.
const MSR_WRITE: u64 = 1;

/// What an exit left in the VMCB and in the guest's registers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Left {
    /// EXITCODE.
    pub code: u64,
    /// EXITINFO1.
    pub info1: u64,
    /// EXITINFO2.
    pub info2: u64,
    /// EXITINTINFO.
    pub int_info: u64,
    /// The guest's privilege level.
    pub cpl: u8,
    /// The guest's RAX.
    pub rax: u64,
    /// The guest's RCX.
    pub rcx: u64,
    /// The guest's RDI.
    pub rdi: u64,
}

/// What an exit calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trapped {
    /// What it was.
    pub action: Action,
    /// The event that the guest takes on its next entry in any case, unless the run loop raises another
    /// one.
    pub pending: Option<Event>,
}

/// What to do about an exit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Hand it to the run loop.
    Exit(Exit),
    /// Carry an instruction out; if that is impossible, it is [`refused`].
    Emulate(Instruction),
}

/// An instruction that the vCPU emulates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instruction {
    /// CPUID.
    Cpuid,
    /// RDMSR of this number.
    ReadMsr(u32),
    /// WRMSR of this number.
    WriteMsr(u32),
    /// HLT. It waits for an interrupt; without a local APIC, for ever.
    Halt,
    /// INVD or WBINVD. There is nothing to do: a guest's caches stay coherent with its memory, and
    /// nothing is lost that INVD would be allowed to throw away.
    FlushCaches,
}

/// What an exit means.
pub fn decode(left: &Left) -> Trapped {
    let interrupted = Event::interrupted(left.int_info);
    let raised = match left.code {
        // What DR6 and DR7 have to show is in the VMCB already (§15.12.2).
        EXCEPTION_DEBUG => Some(Event::exception(DEBUG, None)),
        // Its error code is always 0 (§8.2.18).
        EXCEPTION_ALIGNMENT => Some(Event::exception(ALIGNMENT, Some(0))),
        _ => None,
    };
    match meet(interrupted, raised) {
        Ok(pending) => Trapped {
            action: action(left),
            pending,
        },
        Err(Shutdown) => Trapped {
            action: Action::Exit(other(&Left {
                code: SHUTDOWN,
                ..*left
            })),
            pending: None,
        },
    }
}

fn action(left: &Left) -> Action {
    let exit = match left.code {
        NPF => Exit::Fault(fault(left.info1, Gpa::new(left.info2))),
        // NMI, SMI and INIT are still pending and the host's own, as is an interrupt (§15.13).
        INTR | NMI | SMI | INIT => Exit::HostInterrupt,
        // It goes back to the guest. The exit was for the host to stay in control: the delivery of
        // either can cause the same again, for ever, and no interrupt would come between.
        EXCEPTION_DEBUG | EXCEPTION_ALIGNMENT => Exit::Emulated,
        CPUID => return Action::Emulate(Instruction::Cpuid),
        VMMCALL if left.cpl == 0 => Exit::Call(calls::decode(left.rax, left.rdi)),
        // It exits at any level (§15.9), and is a kernel's.
        VMMCALL => refused(left).map_or_else(|| other(left), Exit::RefusedCall),
        HLT if left.cpl == 0 => return Action::Emulate(Instruction::Halt),
        INVD | WBINVD if left.cpl == 0 => return Action::Emulate(Instruction::FlushCaches),
        MSR if left.cpl == 0 => {
            let number = left.rcx as u32;
            return Action::Emulate(if left.info1 & MSR_WRITE == 0 {
                Instruction::ReadMsr(number)
            } else {
                Instruction::WriteMsr(number)
            });
        }
        // User mode comes so far with leave of its kernel's (RFLAGS.IOPL, or the task-state segment) only.
        _ => match refused(left) {
            Some(refused) => port(left, refused).map_or(Exit::Refused(refused), Exit::Port),
            None => other(left),
        },
    };
    Action::Exit(exit)
}

/// The access to a port that the exit was for. Those of strings are not carried out.
fn port(left: &Left, refused: Refused) -> Option<Port> {
    if left.code != IOIO {
        return None;
    }
    let access = Access::at_port(left.info1, left.info2, left.rax)?;
    Some(Port {
        number: access::port(left.info1),
        transfer: access.transfer,
        refused,
    })
}

/// The refusal of an instruction; `None` if the exit was for something else.
pub fn refused(left: &Left) -> Option<Refused> {
    let exception = match left.code {
        // Its operand or its place is not allowed: CR0, RDPMC, INVD, HLT, ports, MSRs, WBINVD.
        0x65 | 0x6F | INVD | HLT | IOIO | MSR | WBINVD => Event::PROTECTION,
        // There is no such instruction, and CPUID says so: INVLPGA, VMRUN, VMMCALL, VMLOAD, VMSAVE,
        // STGI, CLGI, SKINIT, RDTSCP, MONITOR, MWAIT (two codes), XSETBV, RDPRU.
        0x7A | 0x80..=0x87 | 0x8A..=0x8E => Event::UNDEFINED,
        _ => return None,
    };
    Some(Refused {
        what: what(left),
        from_user: left.cpl != 0,
        exception: exception.into(),
    })
}

fn other(left: &Left) -> Exit {
    Exit::Other(what(left))
}

fn what(left: &Left) -> Other {
    Other {
        class: class(left.code),
        code: left.code,
        info: left.info1,
    }
}

/// Whether a nested page fault was of a store.
pub const fn is_write(info: u64) -> bool {
    info & NPF_WRITE != 0
}

fn fault(info: u64, gpa: Gpa) -> Fault {
    let access = if info & NPF_FETCH != 0 {
        exit::Access::Execute
    } else if is_write(info) {
        exit::Access::Write
    } else {
        exit::Access::Read
    };
    Fault {
        gpa,
        access,
        during_walk: info & NPF_WALK != 0,
        transfer: None,
    }
}

fn class(code: u64) -> &'static str {
    match code {
        0x52 => "machine-check",
        0x65 => "cr0-write",
        0x6F => "rdpmc",
        INVD => "invd",
        HLT => "hlt",
        0x7A => "invlpga",
        IOIO => "io-port",
        MSR => "msr",
        0x7D => "task-switch",
        0x7E => "ferr-freeze",
        SHUTDOWN => "shutdown",
        0x80 => "vmrun",
        VMMCALL => "vmmcall",
        0x82 => "vmload",
        0x83 => "vmsave",
        0x84 => "stgi",
        0x85 => "clgi",
        0x86 => "skinit",
        0x87 => "rdtscp",
        WBINVD => "wbinvd",
        0x8A => "monitor",
        0x8B | 0x8C => "mwait",
        0x8D => "xsetbv",
        0x8E => "rdpru",
        INVALID | INVALID_32 => "invalid-vmcb",
        _ => "unexpected-exit",
    }
}

#[cfg(test)]
mod tests;
