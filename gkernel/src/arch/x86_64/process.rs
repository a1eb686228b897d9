//! What `kernel` needs of x86_64: tables of four levels, ring 3, and gates that lead back from it.

use core::{
    arch::{asm, global_asm},
    cell::UnsafeCell,
    mem::{offset_of, size_of},
};

use super::{
    OFFSET, faulting_address,
    task::{self, KERNEL_CODE, USER_CODE, USER_DATA},
    timer,
};
use crate::kernel::{Access, Event, Permits};

/// Four levels, of which the root's high half is the kernel's.
pub const LEVELS: u32 = 4;

/// VMMCALL is #UD in ring 3.
pub const HYPERCALL_IS_A_CALL: bool = false;

const PRESENT: u64 = 1 << 0;
const WRITE: u64 = 1 << 1;
const USER: u64 = 1 << 2;
const ACCESSED: u64 = 1 << 5;
const DIRTY: u64 = 1 << 6;
const NO_EXECUTE: u64 = 1 << 63;
/// The address in an entry, and in CR3.
const ADDRESS: u64 = 0x000F_FFFF_FFFF_F000;

/// The entry that leads to the table at a physical address.
pub fn table_entry(physical: u64) -> u64 {
    physical | PRESENT | WRITE | USER
}

/// The entry that leads to the user's page at a physical address.
pub fn page_entry(physical: u64, permits: Permits) -> u64 {
    let mut rights = 0;
    if permits.write {
        rights |= WRITE | DIRTY;
    }
    if !permits.execute {
        rights |= NO_EXECUTE;
    }
    physical | PRESENT | USER | ACCESSED | rights
}

/// The physical address that an entry leads to.
pub fn target(entry: u64) -> Option<u64> {
    (entry & PRESENT != 0).then_some(entry & ADDRESS)
}

/// The physical address of what the kernel has at `address`.
pub fn physical(address: u64) -> u64 {
    address - OFFSET
}

/// Gives `set` each entry of a root that is the kernel's: its high half.
pub fn share_kernel(set: impl Fn(usize, u64)) {
    let root: u64;
    // SAFETY: reading it changes nothing.
    unsafe { asm!("mov {}, cr3", out(reg) root, options(nomem, nostack)) };
    let root = ((root & ADDRESS) + OFFSET) as *const u64;
    for at in 256..512 {
        // SAFETY: the root has 512 entries, in the guest's RAM, which is in the high half.
        set(at, unsafe { root.add(at).read_volatile() });
    }
}

/// Has fetches see what was written: they do.
pub fn synchronize() {}

/// The registers of user mode.
#[repr(C, align(16))]
#[derive(Clone, Debug)]
pub struct Context {
    /// As FXSAVE has it.
    floats: [u64; 64],
    general: General,
    vector: u64,
    code: u64,
    pc: u64,
    cs: u64,
    flags: u64,
    sp: u64,
    ss: u64,
    /// The kernel's stack pointer, while user mode runs.
    kernel_stack: u64,
}

// The CPU aligns the stack for exceptions to 16 bytes (APM vol. 2 §8.9.3).
const _: () = assert!(offset_of!(Context, kernel_stack) % 16 == 0);

/// In the order of `process.S`.
#[repr(C)]
#[derive(Clone, Debug, Default)]
struct General {
    rax: u64,
    rbx: u64,
    rcx: u64,
    rdx: u64,
    rsi: u64,
    rdi: u64,
    others: [u64; 9],
}

global_asm!(
    include_str!("process.S"),
    floats = const offset_of!(Context, floats),
    general = const offset_of!(Context, general),
    kernel_stack = const offset_of!(Context, kernel_stack),
);

unsafe extern "C" {
    fn guest_run_process(context: *mut Context, cr3: u64, idt_pointer: *const u8);
    static guest_process_stubs: [[u8; 16]; 256];
}

/// The vector of calls.
const CALL: u64 = 0x80;

struct Gates(UnsafeCell<[[u64; 2]; 256]>);
// SAFETY: there is one CPU, and the table is written before it is loaded.
unsafe impl Sync for Gates {}
static GATES: Gates = Gates(UnsafeCell::new([[0; 2]; 256]));

/// Fills the table of gates, and gives what LIDT wants of it.
fn gates() -> [u8; 10] {
    /// Present, 64-bit interrupt gate.
    const GATE: u64 = 0x8E << 40 | KERNEL_CODE << 16;
    /// User mode may use the gate by INT.
    const FOR_USER: u64 = 3 << 45;
    for vector in 0..256_u64 {
        let handler = &raw const guest_process_stubs as u64 + 16 * vector;
        let mut low = GATE | handler & 0xFFFF | (handler >> 16 & 0xFFFF) << 48;
        if vector == CALL {
            low |= FOR_USER;
        }
        // SAFETY: the table has this entry, and is not loaded.
        unsafe { (*GATES.0.get())[vector as usize] = [low, handler >> 32] };
    }
    let mut pointer = [0; 10];
    pointer[..2].copy_from_slice(&(size_of::<Gates>() as u16 - 1).to_le_bytes());
    pointer[2..].copy_from_slice(&(GATES.0.get() as u64).to_le_bytes());
    pointer
}

/// Lets FXSAVE, FXRSTOR and SSE be used (CR4.OSFXSR, OSXMMEXCPT).
fn use_floats() {
    const BITS: u64 = 1 << 9 | 1 << 10;
    // SAFETY: the kernel has no floating point.
    unsafe {
        asm!("mov {tmp}, cr4", "or {tmp}, {bits}", "mov cr4, {tmp}",
            tmp = out(reg) _, bits = in(reg) BITS, options(nostack));
    }
}

impl Context {
    /// User mode at `entry`, with this stack pointer and arguments.
    pub fn new(entry: u64, stack: u64, arguments: [u64; 2]) -> Self {
        /// FCW and MXCSR after a reset. FXSAVE has them in its first and its fourth word.
        const CONTROL: u64 = 0x37F;
        const MXCSR: u64 = 0x1F80;
        let mut floats = [0; 64];
        floats[0] = CONTROL;
        floats[3] = MXCSR;
        Self {
            floats,
            general: General {
                rdi: arguments[0],
                rsi: arguments[1],
                ..General::default()
            },
            vector: 0,
            code: 0,
            pc: entry,
            cs: USER_CODE,
            // Interrupts are on.
            flags: 1 << 9 | 1 << 1,
            sp: stack,
            ss: USER_DATA,
            kernel_stack: 0,
        }
    }

    /// Goes on in user mode, with the tables whose root is at a physical address, until something leads to the kernel.
    pub fn run(&mut self, root: u64) -> Event {
        const UNDEFINED: u64 = 6;
        const PROTECTION: u64 = 13;
        const PAGE_FAULT: u64 = 14;
        const FETCH: u64 = 1 << 4;
        const TIMER: u64 = timer::VECTOR as u64;
        task::load(0);
        use_floats();
        let frame_end = &raw const self.kernel_stack as u64;
        // SAFETY: the field is 4-byte aligned; the frame, which the CPU writes, is this context's.
        unsafe { task::kernel_stack().write_unaligned(frame_end) };
        let pointer = gates();
        // SAFETY: the tables have the kernel, and nothing of it for user mode, whose exceptions all lead back.
        unsafe { guest_run_process(self, root, pointer.as_ptr()) };
        match self.vector {
            CALL => Event::Call,
            UNDEFINED | PROTECTION => Event::Instruction,
            PAGE_FAULT => Event::Fault {
                address: faulting_address(),
                access: match self.code {
                    code if code & FETCH != 0 => Access::Fetch,
                    code if code & WRITE != 0 => Access::Store,
                    _ => Access::Load,
                },
            },
            TIMER => {
                timer::end_interrupt();
                Event::Timer
            }
            vector => Event::Other(vector),
        }
    }

    /// The call that it makes: number and arguments.
    pub fn call(&self) -> (u64, [u64; 3]) {
        let General {
            rax, rdi, rsi, rdx, ..
        } = self.general;
        (rax, [rdi, rsi, rdx])
    }

    /// Answers the call; it goes on behind it, where RIP is already.
    pub fn answer(&mut self, answer: i64) {
        self.general.rax = answer as u64;
    }
}
