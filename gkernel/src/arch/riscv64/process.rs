//! What `kernel` needs of riscv64: Sv39's tables, and VU-mode.

use core::{arch::global_asm, mem::offset_of};

use crate::kernel::{Access, Event, Permits};

/// Sv39.
pub const LEVELS: u32 = 3;

/// The end of a process that makes a call of the hypervisor's: from user mode it is one of the kernel's.
pub const HYPERCALL_IS_A_CALL: bool = true;

const VALID: u64 = 1 << 0;
const READ: u64 = 1 << 1;
const WRITE: u64 = 1 << 2;
const EXECUTE: u64 = 1 << 3;
const USER: u64 = 1 << 4;
const ACCESSED: u64 = 1 << 6;
const DIRTY: u64 = 1 << 7;

/// The entry that leads to the table at a physical address.
pub fn table_entry(physical: u64) -> u64 {
    physical >> 2 | VALID
}

/// The entry that leads to the user's page at a physical address.
pub fn page_entry(physical: u64, permits: Permits) -> u64 {
    let mut rights = READ;
    if permits.write {
        rights |= WRITE | DIRTY;
    }
    if permits.execute {
        rights |= EXECUTE;
    }
    physical >> 2 | VALID | USER | ACCESSED | rights
}

/// The physical address that an entry leads to.
pub fn target(entry: u64) -> Option<u64> {
    const NUMBER: u64 = (1 << 44) - 1;
    (entry & VALID != 0).then_some((entry >> 10 & NUMBER) << 12)
}

/// The physical address of what the kernel has at `address`.
pub fn physical(address: u64) -> u64 {
    axhal::mem::virt_to_phys((address as usize).into()).as_usize() as u64
}

/// Gives `set` each entry of a root that is the kernel's: its high half.
pub fn share_kernel(set: impl Fn(usize, u64)) {
    let root = axhal::asm::read_kernel_page_table();
    let root = axhal::mem::phys_to_virt(root).as_usize() as *const u64;
    for at in 256..512 {
        // SAFETY: the root has 512 entries, which the kernel maps.
        set(at, unsafe { root.add(at).read_volatile() });
    }
}

/// Has fetches see what was written.
pub fn synchronize() {
    super::synchronize_code();
}

/// The registers of user mode.
#[repr(C)]
#[derive(Clone, Debug)]
pub struct Context {
    /// pc in place of x0, and x1 to x31.
    general: [u64; 32],
    floats: [u64; 32],
    fcsr: u64,
    /// The kernel's stack pointer, while user mode runs.
    kernel_stack: u64,
}

/// A trap, as `process.S` writes it.
#[repr(C)]
#[derive(Default)]
struct Trap {
    scause: u64,
    stval: u64,
}

global_asm!(
    include_str!("process.S"),
    kernel_stack = const offset_of!(Context, kernel_stack),
    floats = const offset_of!(Context, floats),
    fcsr = const offset_of!(Context, fcsr),
);

unsafe extern "C" {
    fn guest_run_process(context: *mut Context, satp: u64, trap: *mut Trap);
}

const SP: usize = 2;
const A0: usize = 10;
const A7: usize = 17;

impl Context {
    /// User mode at `entry`, with this stack pointer and arguments.
    pub fn new(entry: u64, stack: u64, arguments: [u64; 2]) -> Self {
        let mut general = [0; 32];
        general[0] = entry;
        general[SP] = stack;
        general[A0..A0 + 2].copy_from_slice(&arguments);
        Self {
            general,
            floats: [0; 32],
            fcsr: 0,
            kernel_stack: 0,
        }
    }

    /// Goes on in user mode, with the tables whose root is at a physical address, until something leads to the kernel.
    pub fn run(&mut self, root: u64) -> Event {
        /// satp.MODE: Sv39.
        const SV39: u64 = 8 << 60;
        const INTERRUPT: u64 = 1 << 63;
        let mut trap = Trap::default();
        // SAFETY: the tables have the kernel, and nothing of it for user mode, whose traps all lead back.
        unsafe { guest_run_process(self, SV39 | root >> 12, &raw mut trap) };
        let fault = |access| Event::Fault {
            address: trap.stval,
            access,
        };
        match trap.scause {
            2 => Event::Instruction,
            8 => Event::Call,
            12 => fault(Access::Fetch),
            13 => fault(Access::Load),
            15 => fault(Access::Store),
            cause if cause == INTERRUPT | 5 => Event::Timer,
            cause => Event::Other(cause),
        }
    }

    /// The call that it makes: number and arguments.
    pub fn call(&self) -> (u64, [u64; 3]) {
        let [a0, a1, a2] = [A0, A0 + 1, A0 + 2].map(|at| self.general[at]);
        (self.general[A7], [a0, a1, a2])
    }

    /// Answers the call; it goes on behind it.
    pub fn answer(&mut self, answer: i64) {
        const ECALL: u64 = 4;
        self.general[A0] = answer as u64;
        self.general[0] += ECALL;
    }
}
