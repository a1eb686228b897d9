//! What a guest of x86_64 gets in each mode.

use core::ops::RangeInclusive;

use crate::{
    memory::addr::{Gpa, Hpa},
    report::MemoryWords,
    vm::layout::{Flash, Layout, Ram},
};

/// The ports of the UART of a guest that is given one: those of the first one of a PC.
pub const COM1: RangeInclusive<u16> = 0x3F8..=0x3FF;

/// The line of its interrupt.
pub const COM1_LINE: usize = 4;

/// The I/O APIC of a guest that is given a timer, at a PC's place for it.
pub const IO_APIC: Gpa = Gpa::new(0xFEC0_0000);

/// The registers of the local APIC of a guest that has them in memory.
pub const LOCAL_APIC: Gpa = Gpa::new(0xFEE0_0000);

/// How the guest runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// With the flash chip itself.
    Svm,
    /// With a window that the hypervisor fills from a file.
    EmulatedFlash,
    /// With a control block that VMRUN has to refuse: for the conformance suite.
    InvalidVmcb,
}

/// The end of RAM, where the guest's first stack starts.
pub const RAM_END: u64 = 2 << 20;

const RAM: &[Ram] = &[Ram {
    name: "ram",
    gpa: Gpa::new(0),
    size: RAM_END,
}];

/// Where the image is loaded.
pub const ENTRY: u64 = 0x1_0000;

/// Where the flash is, for host and guest: the chip that QEMU puts below the firmware's, 4 MiB less
/// than 4 GiB with the firmware included.
const FLASH: u64 = 0xFFC0_0000;
/// The size of the window onto it; the smaller of what the two firmwares leave.
const FLASH_SIZE: u64 = 0x3C_0000;

/// What a guest of `mode` gets: 2 MiB of RAM, page tables in its first pages, the image at 64 KiB,
/// the stack at the end; and the flash.
pub const fn layout(mode: Mode) -> Layout {
    Layout {
        ram: RAM,
        flash: match mode {
            Mode::Svm | Mode::InvalidVmcb => Flash::Device {
                gpa: Gpa::new(FLASH),
                size: FLASH_SIZE,
                hpa: Hpa::new(FLASH),
            },
            Mode::EmulatedFlash => Flash::Image {
                gpa: Gpa::new(FLASH),
                path: "/boot/pflash.img",
            },
        },
        entry: Gpa::new(ENTRY),
        words: MemoryWords::Kilobytes,
    }
}
