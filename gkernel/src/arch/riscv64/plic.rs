//! The guest's PLIC (RISC-V Platform-Level Interrupt Controller Specification), and the interrupts that come there. Its
//! hart's S-mode is context 1.

use core::{
    arch::asm,
    sync::atomic::{AtomicBool, Ordering},
};

use super::{map_device, uart};

/// Where it is.
const PHYSICAL: u64 = 0x0C00_0000;

const PRIORITIES: u64 = 0x0000;
/// Context 1: a bit for each source, two words of it here; the threshold; and what claims and completes.
pub const ENABLED: u64 = 0x2080;
const THRESHOLD: u64 = 0x20_1000;
/// As above.
pub const CLAIM: u64 = 0x20_1004;

/// `sie.SEIE`.
const EXTERNAL: u64 = 1 << 9;

/// An address for the register at `offset`.
pub fn register(offset: u64) -> u64 {
    static MAPPED: AtomicBool = AtomicBool::new(false);
    if !MAPPED.swap(true, Ordering::Relaxed) {
        map_device(PHYSICAL, 0x3000);
        map_device(PHYSICAL + THRESHOLD, 0x1000);
    }
    super::DEVICES + PHYSICAL + offset
}

fn read(offset: u64) -> u32 {
    // SAFETY: a register of a device, at an address that the kernel's tables map.
    unsafe { (register(offset) as *const u32).read_volatile() }
}

fn write(offset: u64, value: u32) {
    // SAFETY: as above.
    unsafe { (register(offset) as *mut u32).write_volatile(value) };
}

/// Has a source below 32 interrupt the hart.
pub(super) fn enable(source: u32) {
    write(PRIORITIES + 4 * u64::from(source), 1);
    write(ENABLED, read(ENABLED) | 1 << source);
    write(THRESHOLD, 0);
    enable_external(true);
}

/// Enables the hart's interrupt by itself, or not.
pub fn enable_external(on: bool) {
    // SAFETY: it leads to a handler.
    unsafe {
        if on {
            asm!("csrs sie, {}", in(reg) EXTERNAL, options(nostack));
        } else {
            asm!("csrc sie, {}", in(reg) EXTERNAL, options(nostack));
        }
    }
}

/// Called by the handler, with interrupts off. What has gone away meanwhile has no number.
pub(super) fn on_interrupt() {
    let source = read(CLAIM);
    if source == uart::SOURCE {
        uart::on_interrupt();
    }
    write(CLAIM, source);
}
