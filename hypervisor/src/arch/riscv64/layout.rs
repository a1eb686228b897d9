//! What a guest of riscv64 gets.

use crate::{
    memory::addr::{Gpa, Hpa},
    report::MemoryWords,
    vm::layout::{Flash, Layout, Ram},
};

/// 16 MiB of RAM, the image where SBI firmware leaves a kernel, 2 MiB into it; and the second flash
/// unit of QEMU's `virt`, 32 MiB, at the same address for host and guest.
pub const LAYOUT: Layout = Layout {
    ram: &[Ram {
        name: "ram",
        gpa: Gpa::new(0x8000_0000),
        size: 16 << 20,
    }],
    flash: Flash::Device {
        gpa: Gpa::new(0x2200_0000),
        size: 32 << 20,
        hpa: Hpa::new(0x2200_0000),
    },
    entry: Gpa::new(0x8020_0000),
    words: MemoryWords::Megabytes,
};
