//! aarch64: a guest at EL1 under Stage-2 translation, with the hypervisor at EL2; or, as a simpler
//! mode, a guest at EL0.
//!
//! In both modes the hypervisor is an ArceOS that stays at EL2 with the Virtualization Host
//! Extensions, so that registers named `*_EL1` are those of EL2, and the guest's own are `*_EL12`
//! (Arm ARM, D8.9). In the EL0 mode the guest has no second stage: its addresses are the input of
//! the host's TTBR0, and a fault on them is what a nested page fault is elsewhere. That mode also
//! works on a machine that starts at EL1.
//!
//! Source of the numbers: Arm Architecture Reference Manual for A-profile (DDI 0487), chapters
//! D1 (exceptions), D8 (translation) and D24 (system registers).

// Linked for its boot code and its answers to ArceOS.
use axplat_aarch64_vhe as _;

mod calls;
mod decode;
mod regs;
mod stage1;
mod tables;
mod vcpu;

use crate::{
    error::Error,
    memory::guest_memory::{GuestMemory, MapError},
    report::MemoryWords,
    vm::layout::{Flash, Layout, Ram},
};
pub use regs::host_registers;
pub use tables::Tables;
use vcpu::Vcpu;

/// The architecture's name.
pub const NAME: &str = "aarch64";

/// How the guest runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// At EL1, with translation of its own, under Stage-2.
    El1,
    /// At EL0, without.
    El0,
}

impl Mode {
    /// All modes by name; the first is the default.
    pub const ALL: &[(&str, Self)] = &[("el1", Self::El1), ("el0", Self::El0)];
}

const STACK: u64 = 0x4100_0000;
const STACK_END: u64 = 0x4100_8000;

/// 2 MiB of RAM, the image at its first byte; the stack apart; and the second flash unit of QEMU's
/// `virt`, 64 MiB, at the same address for host and guest.
const LAYOUT: Layout = Layout {
    ram: &[
        Ram {
            name: "ram",
            gpa: 0x4020_0000,
            size: 2 << 20,
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

/// What a guest of `mode` gets.
pub const fn layout(_mode: Mode) -> Layout {
    LAYOUT
}

/// Takes from the guest what it must not have, or says what the machine lacks.
pub fn enable(mode: Mode) -> Result<(), Error> {
    match mode {
        Mode::El0 => regs::confine_el0(),
        Mode::El1 if !axplat_aarch64_vhe::host_is_at_el2() => {
            return Err(Error::Machine(
                "the hypervisor is at EL1, where there is no Stage-2; QEMU starts it at EL2 with \
                 `-machine virt,virtualization=on`, and it stays there with `-cpu max`, which has VHE",
            ));
        }
        Mode::El1 => regs::confine_el1(),
    }
    Ok(())
}

/// Tables that map nothing.
pub fn new_tables(mode: Mode) -> Result<Tables, MapError> {
    Tables::new(mode)
}

/// The vCPU, at the image's entry.
pub fn new_vcpu(mode: Mode, arg: u64, memory: &mut GuestMemory<Tables>) -> Result<Vcpu, Error> {
    Ok(Vcpu::new(
        mode,
        LAYOUT.entry,
        STACK_END,
        arg,
        memory.tables().root(),
    ))
}
