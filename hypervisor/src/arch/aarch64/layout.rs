//! What a guest of aarch64 gets, in either mode.

use crate::{
    memory::addr::{Gpa, Hpa},
    report::MemoryWords,
    vm::layout::{Flash, Layout, Ram},
};

/// Where that stack begins.
const STACK: Gpa = Gpa::new(0x4100_0000);
const STACK_SIZE: u64 = 0x8000;
/// The end of the stack that the guest starts with.
pub const STACK_END: Gpa = Gpa::new(STACK.get() + STACK_SIZE);

/// The number of the interrupt of the guest's timer, and of the machine's virtual timer (PPI 11).
pub const TIMER_INTERRUPT: u8 = 27;

/// The distributor of a guest that is interrupted, at QEMU's place for it.
pub const DISTRIBUTOR: Gpa = Gpa::new(0x0800_0000);

/// The CPU interface of such a guest, likewise, and its size: a window, named `gicc`, onto the hardware's
/// virtual CPU interface (GICV).
pub const CPU_INTERFACE: Gpa = Gpa::new(0x0801_0000);
/// As above.
pub const CPU_INTERFACE_SIZE: u64 = 0x2000;

/// 2 MiB of RAM, the image at its first byte; the stack apart; and the second flash unit of QEMU's
/// `virt`, 64 MiB, at the same address for host and guest.
pub const LAYOUT: Layout = Layout {
    ram: &[
        Ram {
            name: "ram",
            gpa: Gpa::new(0x4020_0000),
            size: 2 << 20,
        },
        Ram {
            name: "stack",
            gpa: STACK,
            size: STACK_SIZE,
        },
    ],
    flash: Flash::Device {
        gpa: Gpa::new(0x0400_0000),
        size: 64 << 20,
        hpa: Hpa::new(0x0400_0000),
    },
    entry: Gpa::new(0x4020_0000),
    words: MemoryWords::Pages {
        stack: STACK,
        stack_end: STACK_END,
    },
};
