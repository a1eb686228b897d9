//! From the exception syndrome to an [`Exit`], or to what the architecture answers by itself.

use super::{
    access,
    calls::{self, Request},
    idregs::IdRegisters,
    sysregs,
};
use crate::memory::addr::{Gpa, Gva};
use crate::vm::exit::{Access, Call, Exit, Fault, GuestException, Other, Refused};

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

    /// The load or store that a data abort describes.
    pub fn access(&self) -> Option<access::Access> {
        let is_data = self.vector == SYNCHRONOUS && self.class() == EC_DATA_ABORT;
        access::Access::new(self.iss()).filter(|_| is_data)
    }

    /// Whether it was a HVC.
    pub fn is_hvc(&self) -> bool {
        self.vector == SYNCHRONOUS && self.class() == EC_HVC64
    }

    /// Whether the instruction may be one that waits, by the guest's x0 to x30: whatever traps by WFx, and CPU_SUSPEND.
    pub fn may_wait(&self, x: &[u64; 31]) -> bool {
        let is_synchronous = self.vector == SYNCHRONOUS;
        is_synchronous
            && match self.class() {
                EC_WFX => true,
                EC_HVC64 | EC_SMC64 => calls::decode(x, self.iss() & 0xFFFF).suspend,
                _ => false,
            }
    }

    /// IL: the instruction has 32 bits. Of those that trap, only AArch32 has others.
    fn il(&self) -> u64 {
        self.esr & 1 << 25
    }

    fn what(&self) -> Other {
        let code = self.class();
        Other {
            class: name(code),
            code,
            info: self.iss(),
        }
    }

    fn other(&self) -> Exit {
        Exit::Other(self.what())
    }

    /// An instruction that is not there for the guest: what its kernel gets is EC 0.
    fn refused(&self, guest: &Guest<'_>) -> Exit {
        Exit::Refused(Refused {
            what: self.what(),
            from_user: guest.at_el0(),
            exception: GuestException {
                code: EC_UNKNOWN << 26 | self.il(),
                value: 0,
            },
        })
    }
}

/// What has to be known of a guest at EL1 besides the syndrome.
#[derive(Clone, Copy, Debug)]
pub struct Guest<'a> {
    /// x0 to x30.
    pub x: &'a [u64; 31],
    /// PSTATE, in the form of SPSR.
    pub pstate: u64,
    /// What would end a wait of its.
    pub wake: Wake,
    /// The features that it sees.
    pub ids: &'a IdRegisters,
}

impl Guest<'_> {
    fn at_el0(&self) -> bool {
        self.pstate & 0b1111 == 0
    }

    fn in_aarch32(&self) -> bool {
        self.pstate & 1 << 4 != 0
    }
}

/// Whether CNTV_CTL_EL0 says that the virtual timer is on and not masked: it has fired, or will.
pub fn is_armed(control: u64) -> bool {
    const ENABLE: u64 = 1 << 0;
    const IMASK: u64 = 1 << 1;
    control & (ENABLE | IMASK) == ENABLE
}

/// What ends a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// An interrupt that is pending.
    Now,
    /// The guest's timer, at this time on the host's monotonic clock, in nanoseconds.
    At(u64),
    /// Nothing.
    Never,
}

/// What an exception of a guest at EL1 calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trapped {
    /// A decision of the run loop's.
    Exit {
        /// What it was.
        exit: Exit,
        /// For a call or a wait: how far it is to the instruction behind it, in bytes.
        length: u64,
    },
    /// Nothing but this, and then the instruction behind it.
    Emulated(Emulation),
}

impl Trapped {
    /// An exit that is no call and no wait.
    pub const fn exit(exit: Exit) -> Self {
        Self::Exit { exit, length: 0 }
    }
}

/// How an instruction is carried out for the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Emulation {
    /// The general register that it changes, and its new value.
    pub write: Option<(usize, u64)>,
    /// How far it is to the instruction behind it, in bytes.
    pub length: u64,
}

const SYNCHRONOUS: u64 = 0;
const IRQ: u64 = 1;
const FIQ: u64 = 2;

const EC_UNKNOWN: u64 = 0x00;
const EC_WFX: u64 = 0x01;
const EC_CP15_32: u64 = 0x03;
const EC_CP15_64: u64 = 0x04;
const EC_CP14_32: u64 = 0x05;
const EC_CP14_LDC: u64 = 0x06;
const EC_FP: u64 = 0x07;
const EC_CP10: u64 = 0x08;
const EC_PAC: u64 = 0x09;
const EC_LS64: u64 = 0x0A;
const EC_CP14_64: u64 = 0x0C;
const EC_SYSREG_128: u64 = 0x14;
const EC_SVC64: u64 = 0x15;
const EC_HVC64: u64 = 0x16;
const EC_SMC64: u64 = 0x17;
const EC_SYSREG: u64 = 0x18;
const EC_SVE: u64 = 0x19;
const EC_ERET: u64 = 0x1A;
const EC_SME: u64 = 0x1D;
const EC_INSTRUCTION_ABORT: u64 = 0x20;
const EC_PC_ALIGNMENT: u64 = 0x22;
const EC_DATA_ABORT: u64 = 0x24;
const EC_SP_ALIGNMENT: u64 = 0x26;
const EC_BRK: u64 = 0x3C;

const ISS_WRITE: u64 = 1 << 6;
const ISS_DURING_WALK: u64 = 1 << 7;
const ISS_CACHE_MAINTENANCE: u64 = 1 << 8;

/// The length of an instruction. HVC and SVC leave the program counter behind themselves; what traps, SMC
/// too, on themselves.
pub const INSTRUCTION: u64 = 4;

/// What an exception of a guest at EL1 means. `translate` gives the guest-physical page of a virtual
/// address by the guest's own tables.
pub fn decode_el1(
    syndrome: &Syndrome,
    guest: &Guest<'_>,
    translate: impl Fn(Gva) -> Option<Gpa>,
) -> Trapped {
    let exit = match asynchronous(syndrome) {
        Some(exit) => exit,
        None => match syndrome.class() {
            EC_HVC64 => return call(syndrome, guest, 0),
            EC_SMC64 => return call(syndrome, guest, INSTRUCTION),
            EC_DATA_ABORT | EC_INSTRUCTION_ABORT => stage2_fault(syndrome, guest, translate),
            // No guest is shown AArch32, but EL0 can get into it: whatever traps there is not there.
            _ if guest.in_aarch32() => syndrome.refused(guest),
            EC_WFX => return wait(syndrome, guest),
            EC_SYSREG => return system_register(syndrome, guest),
            EC_UNKNOWN | EC_CP15_32 | EC_CP15_64 | EC_CP14_32 | EC_CP14_LDC | EC_FP | EC_CP10
            | EC_PAC | EC_LS64 | EC_CP14_64 | EC_SYSREG_128 | EC_SVE | EC_ERET | EC_SME => {
                syndrome.refused(guest)
            }
            _ => syndrome.other(),
        },
    };
    Trapped::exit(exit)
}

/// A call, and the wait that it may ask for. A guest that suspends itself with nothing to come is told to look
/// again at once, as it may be at any time (PSCI §5.4.4), and comes to the end of its budget.
fn call(syndrome: &Syndrome, guest: &Guest<'_>, length: u64) -> Trapped {
    let Request { call, suspend } = calls::decode(guest.x, syndrome.iss() & 0xFFFF);
    let call = match guest.wake {
        Wake::At(until_ns) if suspend => Call::Suspend { until_ns },
        _ => call,
    };
    Trapped::Exit {
        exit: Exit::Call(call),
        length,
    }
}

/// WFI, WFE and their kin with a timeout (TI, ISS bits 1 and 0: WFI, WFE, WFIT, WFET). All but WFI go on
/// at once: they may, for any reason (Arm ARM, D1.7). WFI goes on when an interrupt is pending, and waits while
/// the timer's is to come. The kernel's WFI with nothing to come is the guest's end. A process has its kernel's
/// leave (SCTLR_EL1.nTWI) and ends nothing: it goes on.
fn wait(syndrome: &Syndrome, guest: &Guest<'_>) -> Trapped {
    let is_wfi = syndrome.iss() & 0b11 == 0;
    match guest.wake {
        Wake::Never if is_wfi && !guest.at_el0() => Trapped::exit(Exit::Idle),
        Wake::At(until_ns) if is_wfi => Trapped::Exit {
            exit: Exit::Waits { until_ns },
            length: INSTRUCTION,
        },
        _ => Trapped::Emulated(Emulation {
            write: None,
            length: INSTRUCTION,
        }),
    }
}

fn system_register(syndrome: &Syndrome, guest: &Guest<'_>) -> Trapped {
    let access = sysregs::Access::new(syndrome.iss());
    let Some(value) = access.value(guest.ids, guest.at_el0()) else {
        return Trapped::exit(syndrome.refused(guest));
    };
    Trapped::Emulated(Emulation {
        write: access.read.then_some((access.rt, value)),
        length: INSTRUCTION,
    })
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
                // There is no second stage: this is what it would have seen.
                gpa: Gpa::new(syndrome.far),
                access,
                during_walk: false,
                transfer: None,
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
fn stage2_fault(
    syndrome: &Syndrome,
    guest: &Guest<'_>,
    translate: impl Fn(Gva) -> Option<Gpa>,
) -> Exit {
    let iss = syndrome.iss();
    if !is_translation(iss) {
        return syndrome.other();
    }
    let during_walk = iss & ISS_DURING_WALK != 0;
    let page = if is_permission(iss) && !during_walk {
        translate(Gva::new(syndrome.far))
    } else {
        Some(Gpa::new((syndrome.hpfar >> 4 & 0xFF_FFFF_FFFF) << 12))
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
        gpa: Gpa::new(page.get() | low),
        access,
        during_walk,
        transfer: syndrome.access().map(|access| access.transfer(guest.x)),
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
        EC_SME => "sme",
        EC_CP15_32 | EC_CP15_64 | EC_CP14_32 | EC_CP14_LDC | EC_CP10 | EC_CP14_64 => "coprocessor",
        EC_LS64 => "ls64",
        EC_SYSREG_128 => "system-register-128",
        EC_ERET => "eret",
        EC_WFX => "wait",
        EC_INSTRUCTION_ABORT => "instruction-abort",
        EC_PC_ALIGNMENT => "pc-alignment",
        EC_DATA_ABORT => "data-abort",
        EC_SP_ALIGNMENT => "sp-alignment",
        EC_BRK => "breakpoint",
        _ => "unexpected-exception",
    }
}

#[cfg(test)]
mod tests;
