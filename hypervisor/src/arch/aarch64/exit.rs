//! From the exception syndrome (ESR_EL1) to an [`Exit`].

use super::regs::sysreg_read;
use crate::exit::{Access, Call, Exit, Fault, Other};

/// What an exception of the guest left behind.
pub struct Syndrome {
    vector: u64,
    esr: u64,
    far: u64,
}

impl Syndrome {
    /// Reads it. To be done before interrupts are on again, since each exception overwrites it.
    pub fn read(vector: u64) -> Self {
        Self {
            vector,
            esr: sysreg_read!("esr_el1"),
            far: sysreg_read!("far_el1"),
        }
    }
}

const SYNCHRONOUS: u64 = 0;
const IRQ: u64 = 1;
const FIQ: u64 = 2;

const EC_UNKNOWN: u64 = 0x00;
const EC_WFX: u64 = 0x01;
const EC_FP: u64 = 0x07;
const EC_SVC64: u64 = 0x15;
const EC_SYSREG: u64 = 0x18;
const EC_INSTRUCTION_ABORT: u64 = 0x20;
const EC_PC_ALIGNMENT: u64 = 0x22;
const EC_DATA_ABORT: u64 = 0x24;
const EC_SP_ALIGNMENT: u64 = 0x26;
const EC_BRK: u64 = 0x3C;

const ISS_WRITE: u64 = 1 << 6;
const ISS_CACHE_MAINTENANCE: u64 = 1 << 8;

/// What the exception means.
pub fn decode(syndrome: &Syndrome, x: &[u64; 31]) -> Exit {
    match syndrome.vector {
        SYNCHRONOUS => synchronous(syndrome, x),
        IRQ | FIQ => Exit::HostInterrupt,
        vector => Exit::Other(Other {
            class: "serror",
            code: vector,
            info: syndrome.esr,
        }),
    }
}

fn synchronous(syndrome: &Syndrome, x: &[u64; 31]) -> Exit {
    let (class, iss) = (syndrome.esr >> 26 & 0x3F, syndrome.esr & 0x1FF_FFFF);
    match class {
        EC_SVC64 => Exit::Call(call(x)),
        EC_WFX => Exit::Idle,
        EC_DATA_ABORT if is_translation(iss) => {
            // A cache operation counts as a write, and changes nothing.
            let write = iss & ISS_WRITE != 0 && iss & ISS_CACHE_MAINTENANCE == 0;
            let access = if write { Access::Write } else { Access::Read };
            Exit::Fault(Fault {
                gpa: syndrome.far,
                access,
                during_walk: false,
            })
        }
        EC_INSTRUCTION_ABORT if is_translation(iss) => {
            let access = Access::Execute;
            Exit::Fault(Fault {
                gpa: syndrome.far,
                access,
                during_walk: false,
            })
        }
        code => Exit::Other(Other {
            class: name(code),
            code,
            info: iss,
        }),
    }
}

/// The fault status is one of address size (0b0000xx), translation (0b0001xx), access flag
/// (0b0010xx) or permission (0b0011xx).
fn is_translation(iss: u64) -> bool {
    iss & 0x3F < 0b01_0000
}

/// The call's number is in x8, its argument in x0.
fn call(x: &[u64; 31]) -> Call {
    match x[8] {
        hv_abi::PUTCHAR => Call::PutByte(x[0] as u8),
        hv_abi::EXIT => Call::Shutdown {
            announce: None,
            failed: false,
        },
        id => Call::Unknown { id },
    }
}

fn name(class: u64) -> &'static str {
    match class {
        EC_UNKNOWN => "undefined-instruction",
        EC_FP => "floating-point",
        EC_SYSREG => "system-register",
        EC_INSTRUCTION_ABORT => "instruction-abort",
        EC_PC_ALIGNMENT => "pc-alignment",
        EC_DATA_ABORT => "data-abort",
        EC_SP_ALIGNMENT => "sp-alignment",
        EC_BRK => "breakpoint",
        _ => "unexpected-exception",
    }
}
