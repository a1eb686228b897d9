//! What a guest of riscv64 gets.

use crate::{
    memory::addr::{Gpa, Hpa},
    report::MemoryWords,
    vm::layout::{Flash, Layout, Ram},
};

/// The interrupt controller of a guest that is given a UART, at the place that QEMU's `virt` has for it.
pub const PLIC: Gpa = Gpa::new(0x0C00_0000);

/// The UART of such a guest, likewise; the size of its window, of which its registers are the first bytes; and the
/// source that it is at the interrupt controller.
pub const UART: Gpa = Gpa::new(0x1000_0000);
/// As above.
pub const UART_WINDOW: u64 = 0x1000;
/// As above.
pub const UART_SOURCE: u8 = 10;

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
