//! From a VMEXIT code (APM vol. 2, appendix C) to an [`Exit`].

use super::calls;
use crate::vm::exit::{Access, Exit, Fault, Other};

const INTR: u64 = 0x60;
const NMI: u64 = 0x61;
const HLT: u64 = 0x78;
const VMMCALL: u64 = 0x81;
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

/// What an exit left in the VMCB and in the guest's registers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Left {
    /// EXITCODE.
    pub code: u64,
    /// EXITINFO1.
    pub info1: u64,
    /// EXITINFO2.
    pub info2: u64,
    /// The guest's privilege level.
    pub cpl: u8,
    /// The guest's RAX.
    pub rax: u64,
    /// The guest's RDI.
    pub rdi: u64,
}

/// What an exit means.
pub fn decode(left: &Left) -> Exit {
    match left.code {
        NPF => Exit::Fault(fault(left.info1, left.info2)),
        VMMCALL => Exit::Call(calls::decode(left.rax, left.rdi)),
        INTR | NMI => Exit::HostInterrupt,
        HLT => Exit::Idle,
        code => Exit::Other(Other {
            class: class(code),
            code,
            info: left.info1,
        }),
    }
}

fn fault(info: u64, gpa: u64) -> Fault {
    let access = if info & NPF_FETCH != 0 {
        Access::Execute
    } else if info & NPF_WRITE != 0 {
        Access::Write
    } else {
        Access::Read
    };
    Fault {
        gpa,
        access,
        during_walk: info & NPF_WALK != 0,
    }
}

fn class(code: u64) -> &'static str {
    match code {
        0x14 => "cr4-write",
        0x62 => "smi",
        0x63 => "init",
        0x65 => "cr0-write",
        0x6F => "rdpmc",
        0x76 => "invd",
        0x7A => "invlpga",
        0x7B => "io-port",
        0x7C => "msr",
        0x7D => "task-switch",
        0x7E => "ferr-freeze",
        0x7F => "shutdown",
        0x80 => "vmrun",
        0x82 => "vmload",
        0x83 => "vmsave",
        0x84 => "stgi",
        0x85 => "clgi",
        0x86 => "skinit",
        0x89 => "wbinvd",
        0x8A => "monitor",
        0x8B => "mwait",
        0x8D => "xsetbv",
        INVALID | INVALID_32 => "invalid-vmcb",
        _ => "unexpected-exit",
    }
}
