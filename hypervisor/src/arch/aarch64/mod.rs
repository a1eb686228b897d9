//! aarch64: an EL0 guest under the hypervisor at EL1, its memory behind TTBR0_EL1.
//!
//! ArceOS's platform crate drops from EL2 to EL1 at boot, so this first mode uses the one stage of
//! translation that is left: the guest's addresses are the tables' input, and a fault on them is
//! what a nested page fault is elsewhere.
//!
//! Source of the numbers: Arm Architecture Reference Manual for A-profile (DDI 0487), chapters
//! D1 (exceptions) and D17 (system registers).

// Linked for its boot code and its answers to ArceOS.
use axplat_aarch64_vhe as _;

mod exit;
mod regs;
mod stage1;
mod vcpu;

use crate::{
    error::Error,
    event::MemoryWords,
    guest::{GuestMemory, MapError},
    layout::{Flash, Layout, Ram},
};
pub use stage1::Tables;
use vcpu::Vcpu;

/// The architecture's name.
pub const NAME: &str = "aarch64";
/// How the guest runs.
pub const MODE: &str = "el0";

const STACK: u64 = 0x4100_0000;
const STACK_END: u64 = 0x4100_8000;

/// 1 MiB of RAM for the image, entered at its first byte; the stack apart; and the second flash unit
/// of QEMU's `virt`, 64 MiB, at the same address for host and guest.
pub const LAYOUT: Layout = Layout {
    ram: &[
        Ram {
            name: "ram",
            gpa: 0x4020_0000,
            size: 1 << 20,
        },
        Ram {
            name: "stack",
            gpa: STACK,
            size: STACK_END - STACK,
        },
    ],
    flash: Flash::Device {
        gpa: 0x0400_0000,
        size: 64 << 20,
        hpa: 0x0400_0000,
    },
    entry: 0x4020_0000,
    words: MemoryWords::Pages {
        stack: STACK,
        stack_end: STACK_END,
    },
};

/// Takes from EL0 what a guest must not have.
pub fn enable() -> Result<(), Error> {
    regs::confine_el0();
    Ok(())
}

/// Tables that map nothing.
pub fn new_tables() -> Result<Tables, MapError> {
    Tables::new()
}

/// The vCPU, at the image's entry.
pub fn new_vcpu(memory: &mut GuestMemory<Tables>) -> Result<Vcpu, Error> {
    Ok(Vcpu::new(LAYOUT.entry, STACK_END, memory.tables().root()))
}
