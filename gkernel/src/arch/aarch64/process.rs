//! What `kernel` needs of aarch64: tables of the low half, EL0.

use core::{arch::global_asm, mem::offset_of};

use super::{OFFSET, TCR, gic};
use crate::{
    interrupt,
    kernel::{Access, Event, Permits},
};

/// A granule of 4 KiB and 39 bits (TCR_EL1.T0SZ 25).
pub const LEVELS: u32 = 3;

/// A call of the hypervisor's is UNDEFINED at EL0.
pub const HYPERCALL_IS_A_CALL: bool = false;

/// A valid descriptor: of a table, or of a page.
const VALID: u64 = 0b11;
/// The address in a descriptor.
const ADDRESS: u64 = 0x0000_FFFF_FFFF_F000;

/// The entry that leads to the table at a physical address.
pub fn table_entry(physical: u64) -> u64 {
    physical | VALID
}

/// The entry that leads to the user's page at a physical address.
pub fn page_entry(physical: u64, permits: Permits) -> u64 {
    /// Normal memory (attribute 1), EL0's (AP 1), inner shareable, accessed, nG, PXN.
    const USER: u64 = 1 << 2 | 1 << 6 | 3 << 8 | 1 << 10 | 1 << 11 | 1 << 53;
    const READ_ONLY: u64 = 1 << 7;
    const UXN: u64 = 1 << 54;
    let mut rights = 0;
    if !permits.write {
        rights |= READ_ONLY;
    }
    if !permits.execute {
        rights |= UXN;
    }
    physical | VALID | USER | rights
}

/// The physical address that an entry leads to.
pub fn target(entry: u64) -> Option<u64> {
    (entry & VALID == VALID).then_some(entry & ADDRESS)
}

/// The physical address of what the kernel has at `address`.
pub fn physical(address: u64) -> u64 {
    address - OFFSET
}

/// Gives `set` each entry of a root that is the kernel's: none, as the high half has a root of its own.
pub fn share_kernel(_set: impl Fn(usize, u64)) {}

/// Has fetches see what was written.
pub fn synchronize() {
    super::synchronize_code();
}

/// The registers of user mode.
#[repr(C, align(16))]
#[derive(Clone, Debug)]
pub struct Context {
    /// x0 to x30.
    general: [u64; 31],
    /// The kernel's stack pointer, while user mode runs.
    kernel_stack: u64,
    special: Special,
    floats: [u128; 32],
}

/// In the order of `process.S`.
#[repr(C)]
#[derive(Clone, Debug)]
struct Special {
    sp: u64,
    pc: u64,
    pstate: u64,
    tpidr: u64,
    fpcr: u64,
    fpsr: u64,
}

/// An exception, as `process.S` writes it.
#[repr(C)]
#[derive(Default)]
struct Trap {
    vector: u64,
    esr: u64,
    far: u64,
}

global_asm!(
    include_str!("process.S"),
    kernel_stack = const offset_of!(Context, kernel_stack),
    special = const offset_of!(Context, special),
    floats = const offset_of!(Context, floats),
    tcr = const TCR,
);

unsafe extern "C" {
    fn guest_run_process(context: *mut Context, ttbr0: u64, trap: *mut Trap);
}

impl Context {
    /// User mode at `entry`, with this stack pointer and arguments.
    pub fn new(entry: u64, stack: u64, arguments: [u64; 2]) -> Self {
        let mut general = [0; 31];
        general[..2].copy_from_slice(&arguments);
        Self {
            general,
            kernel_stack: 0,
            special: Special {
                sp: stack,
                pc: entry,
                // EL0 in AArch64, with no interrupt masked.
                pstate: 0,
                tpidr: 0,
                fpcr: 0,
                fpsr: 0,
            },
            floats: [0; 32],
        }
    }

    /// Goes on in user mode, with the tables whose root is at a physical address, until something leads to the kernel.
    pub fn run(&mut self, root: u64) -> Event {
        const FROM_EL0: u64 = 8;
        const IRQ_FROM_EL0: u64 = 9;
        /// ESR_EL1.WnR of a data abort.
        const WRITE: u64 = 1 << 6;
        let mut trap = Trap::default();
        loop {
            // SAFETY: the tables are those of EL0's half; all of its exceptions lead back.
            unsafe { guest_run_process(self, root, &raw mut trap) };
            if trap.vector != IRQ_FROM_EL0 {
                break;
            }
            // What has gone away meanwhile was no interrupt.
            let before = interrupt::taken();
            gic::on_interrupt();
            if interrupt::taken() != before {
                return Event::Timer;
            }
        }
        let fault = |access| Event::Fault {
            address: trap.far,
            access,
        };
        // The fault status: of a translation, an access flag or a permission.
        let by_tables = matches!(trap.esr & 0x3F, 0x04..=0x0F);
        match (trap.vector, trap.esr >> 26) {
            (FROM_EL0, 0x15) => Event::Call,
            // Unknown, a trapped system register, an illegal state.
            (FROM_EL0, 0x00 | 0x0E | 0x18) => Event::Instruction,
            (FROM_EL0, 0x20) if by_tables => fault(Access::Fetch),
            (FROM_EL0, 0x24) if by_tables && trap.esr & WRITE != 0 => fault(Access::Store),
            (FROM_EL0, 0x24) if by_tables => fault(Access::Load),
            _ => Event::Other(trap.esr),
        }
    }

    /// The call that it makes: number and arguments.
    pub fn call(&self) -> (u64, [u64; 3]) {
        const NUMBER: usize = 8;
        let [x0, x1, x2] = [0, 1, 2].map(|at| self.general[at]);
        (self.general[NUMBER], [x0, x1, x2])
    }

    /// Answers the call; it goes on behind it, where ELR_EL1 is already.
    pub fn answer(&mut self, answer: i64) {
        self.general[0] = answer as u64;
    }
}
