//! The descriptor table with segments for ring 3 and a task-state segment, for guests that want either.

use core::{arch::asm, cell::UnsafeCell, mem::size_of};

/// Selectors. Those of the kernel are where the entry's table has them too.
pub(super) const KERNEL_CODE: u64 = 0x08;
pub(super) const KERNEL_DATA: u64 = 0x10;
pub(super) const USER_DATA: u64 = 0x18 | 3;
pub(super) const USER_CODE: u64 = 0x20 | 3;
const TASK: u16 = 0x28;

/// A 64-bit task-state segment (APM vol. 2 §12.2.5), without a map of ports.
#[repr(C, packed(4))]
struct TaskState {
    _reserved0: u32,
    /// The stack for exceptions that come from ring 3.
    rsp0: u64,
    _unused: [u64; 3],
    /// Stacks that gates name by number, from 1 on.
    ist: [u64; 7],
    _reserved1: [u32; 2],
    _reserved2: u16,
    /// The offset of the map of ports: behind the end.
    ports: u16,
}

struct Tables {
    task: UnsafeCell<TaskState>,
    descriptors: UnsafeCell<[u64; 7]>,
}

// SAFETY: there is one CPU, and the guest sets the tables before it uses them.
unsafe impl Sync for Tables {}

static TABLES: Tables = Tables {
    task: UnsafeCell::new(TaskState {
        _reserved0: 0,
        rsp0: 0,
        _unused: [0; 3],
        ist: [0; 7],
        _reserved1: [0; 2],
        _reserved2: 0,
        ports: size_of::<TaskState>() as u16,
    }),
    descriptors: UnsafeCell::new([0; 7]),
};

/// Loads the table and the task register. `stack` is the first of the stacks that gates name; 0 for none.
pub(super) fn load(stack: u64) {
    const LIMIT: u64 = size_of::<TaskState>() as u64 - 1;
    /// Present, an available 64-bit task-state segment.
    const AVAILABLE: u64 = 0x89 << 40;
    let task = TABLES.task.get();
    let at = task as u64;
    let low = LIMIT | (at & 0xFF_FFFF) << 16 | AVAILABLE | (at >> 24 & 0xFF) << 56;
    // SAFETY: the selectors in use mean what they meant; the task-state segment is a static.
    unsafe {
        (*task).ist[0] = stack;
        *TABLES.descriptors.get() = [
            0,
            0x00AF_9B00_0000_FFFF,
            0x00CF_9300_0000_FFFF,
            0x00CF_F300_0000_FFFF,
            0x00AF_FB00_0000_FFFF,
            low,
            at >> 32,
        ];
        let mut pointer = [0; 10];
        pointer[..2].copy_from_slice(&(size_of::<[u64; 7]>() as u16 - 1).to_le_bytes());
        pointer[2..].copy_from_slice(&(TABLES.descriptors.get() as u64).to_le_bytes());
        asm!("lgdt [{}]", in(reg) &pointer, options(readonly, nostack));
        asm!("ltr {:x}", in(reg) TASK, options(nostack));
    }
}

/// Where the stack for exceptions from ring 3 is set.
pub(super) fn kernel_stack() -> *mut u64 {
    // SAFETY: the pointer to the static's field is only made here; the field is 4-byte aligned, and so the
    // pointer is for assembly.
    unsafe { &raw mut (*TABLES.task.get()).rsp0 }
}
