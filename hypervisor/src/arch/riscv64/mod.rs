//! riscv64: a VS-mode guest under the hypervisor extension, its RAM behind Sv39x4.
//!
//! Source of the numbers: RISC-V Privileged Architecture, chapter "Hypervisor Extension".

mod calls;
mod decode;
mod regs;
mod vcpu;

pub use regs::host_registers;

use crate::{
    error::Error,
    memory::guest_memory::{GuestMemory, Kind, MapError, Permits},
    memory::stage2,
    report::MemoryWords,
    vm::layout::{Flash, Layout, Ram},
};
use vcpu::Vcpu;

/// The architecture's name.
pub const NAME: &str = "riscv64";

/// How the guest runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// In VS-mode.
    Vs,
}

impl Mode {
    /// All modes by name; the first is the default.
    pub const ALL: &[(&str, Self)] = &[("vs", Self::Vs)];
}

/// 16 MiB of RAM, the image where SBI firmware leaves a kernel, 2 MiB into it; and the second flash
/// unit of QEMU's `virt`, 32 MiB, at the same address for host and guest.
const LAYOUT: Layout = Layout {
    ram: &[Ram {
        name: "ram",
        gpa: 0x8000_0000,
        size: 16 << 20,
    }],
    flash: Flash::Device {
        gpa: 0x2200_0000,
        size: 32 << 20,
        hpa: 0x2200_0000,
    },
    entry: 0x8020_0000,
    words: MemoryWords::Megabytes,
};

/// The tables of the second stage.
pub type Tables = stage2::Tables<Sv39x4>;

/// Sv39x4: Sv39's entries, a root of four pages, 41-bit guest-physical addresses.
pub struct Sv39x4;

impl Sv39x4 {
    const V: u64 = 1 << 0;
    const R: u64 = 1 << 1;
    const W: u64 = 1 << 2;
    const X: u64 = 1 << 3;
    /// G-stage leaves need U: the guest's accesses count as those of a user.
    const U: u64 = 1 << 4;
    const A: u64 = 1 << 6;
    const D: u64 = 1 << 7;
    const PPN_SHIFT: u32 = 10;
}

impl stage2::Format for Sv39x4 {
    const LEVELS: u32 = 3;
    const ROOT_EXTRA_BITS: u32 = 2;

    fn leaf(hpa: u64, _level: u32, permits: Permits, _kind: Kind) -> u64 {
        // The kind of memory comes from the machine's PMAs here. A and D are set beforehand, so
        // that no machine faults just to have them set.
        let mut entry = Self::V | Self::R | Self::U | Self::A | Self::D;
        if permits.write {
            entry |= Self::W;
        }
        if permits.execute {
            entry |= Self::X;
        }
        entry | (hpa >> 12) << Self::PPN_SHIFT
    }

    fn table(hpa: u64) -> u64 {
        Self::V | (hpa >> 12) << Self::PPN_SHIFT
    }

    fn next_table(entry: u64) -> Option<u64> {
        let leaf = entry & (Self::R | Self::W | Self::X) != 0;
        (!leaf).then_some((entry >> Self::PPN_SHIFT) << 12)
    }

    fn publish() {
        // A walk may have remembered that an entry was not valid.
        regs::fence_guest_translations();
    }

    fn invalidate(_gpa: u64) {
        regs::fence_guest_translations();
    }
}

/// What a guest gets.
pub const fn layout(_mode: Mode) -> Layout {
    LAYOUT
}

/// Makes sure of the H-extension.
pub fn enable(_mode: Mode) -> Result<(), Error> {
    if regs::has_hypervisor_extension() {
        return Ok(());
    }
    Err(Error::Machine(
        "this hart has no H-extension; QEMU gives it with `-cpu rv64,h=true`",
    ))
}

/// Tables that map nothing.
pub fn new_tables(_mode: Mode) -> Result<Tables, MapError> {
    Tables::new()
}

/// The vCPU, at the image's entry.
pub fn new_vcpu(_mode: Mode, arg: u64, memory: &mut GuestMemory<Tables>) -> Result<Vcpu, Error> {
    Ok(Vcpu::new(LAYOUT.entry, arg, memory.tables().root()))
}
