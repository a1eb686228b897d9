//! From the exception syndrome to an [`Exit`].

use super::calls;
use crate::vm::exit::{Access, Call, Exit, Fault, Other};

/// What an exception of the guest left behind.
#[derive(Clone, Copy, Debug, Default)]
pub struct Syndrome {
    /// The vector that it came by: 0 synchronous, 1 IRQ, 2 FIQ, 3 SError.
    pub vector: u64,
    /// ESR_EL2, or ESR_EL1 for a host at EL1.
    pub esr: u64,
    /// The virtual address, for aborts.
    pub far: u64,
    /// HPFAR_EL2: for Stage-2 faults, where the guest-physical page is in bits 43 to 4.
    pub hpfar: u64,
}

impl Syndrome {
    fn class(&self) -> u64 {
        self.esr >> 26 & 0x3F
    }

    fn iss(&self) -> u64 {
        self.esr & 0x1FF_FFFF
    }

    fn other(&self) -> Exit {
        let code = self.class();
        Exit::Other(Other {
            class: name(code),
            code,
            info: self.iss(),
        })
    }
}

const SYNCHRONOUS: u64 = 0;
const IRQ: u64 = 1;
const FIQ: u64 = 2;

const EC_UNKNOWN: u64 = 0x00;
const EC_WFX: u64 = 0x01;
const EC_FP: u64 = 0x07;
const EC_PAC: u64 = 0x09;
const EC_SVC64: u64 = 0x15;
const EC_HVC64: u64 = 0x16;
const EC_SMC64: u64 = 0x17;
const EC_SYSREG: u64 = 0x18;
const EC_SVE: u64 = 0x19;
const EC_INSTRUCTION_ABORT: u64 = 0x20;
const EC_PC_ALIGNMENT: u64 = 0x22;
const EC_DATA_ABORT: u64 = 0x24;
const EC_SP_ALIGNMENT: u64 = 0x26;
const EC_BRK: u64 = 0x3C;

const ISS_WRITE: u64 = 1 << 6;
const ISS_DURING_WALK: u64 = 1 << 7;
const ISS_CACHE_MAINTENANCE: u64 = 1 << 8;

/// An SMC leaves the program counter on itself; HVC and SVC leave it behind.
const SMC_LENGTH: u64 = 4;

/// What an exception of a guest at EL1 means; and for a call, how far it is to the instruction
/// behind it. `translate` gives the guest-physical page of a virtual address by the guest's own
/// tables.
pub fn decode_el1(
    syndrome: &Syndrome,
    x: &[u64; 31],
    translate: impl Fn(u64) -> Option<u64>,
) -> (Exit, u64) {
    let exit = match asynchronous(syndrome) {
        Some(exit) => exit,
        None => match syndrome.class() {
            EC_HVC64 => Exit::Call(calls::decode(x)),
            EC_SMC64 => return (Exit::Call(calls::decode(x)), SMC_LENGTH),
            EC_WFX => Exit::Idle,
            EC_DATA_ABORT | EC_INSTRUCTION_ABORT => stage2_fault(syndrome, translate),
            _ => syndrome.other(),
        },
    };
    (exit, 0)
}

/// What an exception of a guest at EL0 means.
pub fn decode_el0(syndrome: &Syndrome, x: &[u64; 31]) -> Exit {
    if let Some(exit) = asynchronous(syndrome) {
        return exit;
    }
    match syndrome.class() {
        EC_SVC64 => Exit::Call(svc(x)),
        EC_WFX => Exit::Idle,
        EC_DATA_ABORT | EC_INSTRUCTION_ABORT if is_translation(syndrome.iss()) => {
            let access = access(syndrome);
            Exit::Fault(Fault {
                gpa: syndrome.far,
                access,
                during_walk: false,
            })
        }
        _ => syndrome.other(),
    }
}

fn asynchronous(syndrome: &Syndrome) -> Option<Exit> {
    match syndrome.vector {
        SYNCHRONOUS => None,
        IRQ | FIQ => Some(Exit::HostInterrupt),
        vector => Some(Exit::Other(Other {
            class: "serror",
            code: vector,
            info: syndrome.esr,
        })),
    }
}

/// A fault of Stage-2. HPFAR_EL2 holds the page, unless it was a permission fault of the access
/// itself (Arm ARM, D24.2.64), when the guest's own translation of FAR gives it.
fn stage2_fault(syndrome: &Syndrome, translate: impl Fn(u64) -> Option<u64>) -> Exit {
    let iss = syndrome.iss();
    if !is_translation(iss) {
        return syndrome.other();
    }
    let during_walk = iss & ISS_DURING_WALK != 0;
    let page = if is_permission(iss) && !during_walk {
        translate(syndrome.far)
    } else {
        Some((syndrome.hpfar >> 4 & 0xFF_FFFF_FFFF) << 12)
    };
    let Some(page) = page else {
        return syndrome.other();
    };
    // For a walk, FAR is the address that was to be translated: its low bits are no part of this.
    let low = if during_walk { 0 } else { syndrome.far & 0xFFF };
    let access = match during_walk {
        true => Access::Read,
        false => access(syndrome),
    };
    Exit::Fault(Fault {
        gpa: page | low,
        access,
        during_walk,
    })
}

fn access(syndrome: &Syndrome) -> Access {
    let iss = syndrome.iss();
    if syndrome.class() == EC_INSTRUCTION_ABORT {
        Access::Execute
    } else if iss & ISS_WRITE != 0 && iss & ISS_CACHE_MAINTENANCE == 0 {
        // A cache operation counts as a write, and changes nothing.
        Access::Write
    } else {
        Access::Read
    }
}

/// The fault status is one of address size (0b0000xx), translation (0b0001xx), access flag
/// (0b0010xx) or permission (0b0011xx).
fn is_translation(iss: u64) -> bool {
    iss & 0x3F < 0b01_0000
}

fn is_permission(iss: u64) -> bool {
    iss & 0x3C == 0b00_1100
}

/// The calls of a guest at EL0: the number is in x8, the argument in x0.
fn svc(x: &[u64; 31]) -> Call {
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
        EC_PAC => "pointer-authentication",
        EC_SYSREG => "system-register",
        EC_SVE => "sve",
        EC_INSTRUCTION_ABORT => "instruction-abort",
        EC_PC_ALIGNMENT => "pc-alignment",
        EC_DATA_ABORT => "data-abort",
        EC_SP_ALIGNMENT => "sp-alignment",
        EC_BRK => "breakpoint",
        _ => "unexpected-exception",
    }
}
