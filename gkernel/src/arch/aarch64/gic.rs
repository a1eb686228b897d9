//! The guest's GICv2 (Arm IHI 0048B): its distributor and its CPU interface, and the interrupts that come
//! there.

use core::sync::atomic::{AtomicBool, Ordering};

use super::{OFFSET, sgi, timer, uart};

/// The interrupt of the virtual timer (PPI 11).
pub const TIMER: u32 = 27;

/// Where the distributor's registers are, in the guest's own half.
pub const GICD: u64 = OFFSET + 0x0800_0000;
/// Likewise those of the CPU interface.
pub const GICC: u64 = OFFSET + 0x0801_0000;

const GICD_CTLR: u64 = GICD;
const GICD_ISENABLER: u64 = GICD + 0x100;
const GICD_ICENABLER: u64 = GICD + 0x180;
const GICD_ISPENDR: u64 = GICD + 0x200;
const GICD_ISACTIVER: u64 = GICD + 0x300;
const GICD_SGIR: u64 = GICD + 0xF00;
const GICC_CTLR: u64 = GICC;
const GICC_PMR: u64 = GICC + 0x04;
const GICC_IAR: u64 = GICC + 0x0C;
const GICC_EOIR: u64 = GICC + 0x10;

fn read(register: u64) -> u32 {
    // SAFETY: a register of a device, at an address that the kernel's tables map.
    unsafe { (register as *const u32).read_volatile() }
}

fn write(register: u64, value: u32) {
    // SAFETY: as above.
    unsafe { (register as *mut u32).write_volatile(value) };
}

/// Has the distributor forward interrupts, and the CPU interface take those of every priority.
fn turn_on() {
    static ON: AtomicBool = AtomicBool::new(false);
    if !ON.swap(true, Ordering::Relaxed) {
        write(GICC_PMR, 0xFF);
        write(GICC_CTLR, 1);
        write(GICD_CTLR, 1);
    }
}

/// Enables an interrupt by itself, or not.
pub fn enable(interrupt: u32, on: bool) {
    turn_on();
    let register = if on { GICD_ISENABLER } else { GICD_ICENABLER };
    write(word(register, interrupt), 1 << (interrupt % 32));
}

/// Whether an interrupt is pending.
pub fn is_pending(interrupt: u32) -> bool {
    read(word(GICD_ISPENDR, interrupt)) >> (interrupt % 32) & 1 != 0
}

/// Whether an interrupt was taken and is not over.
pub fn is_active(interrupt: u32) -> bool {
    read(word(GICD_ISACTIVER, interrupt)) >> (interrupt % 32) & 1 != 0
}

/// Sends an interrupt of software, below 16, to this CPU.
pub fn send(interrupt: u32) {
    const TO_THIS: u32 = 0b10 << 24;
    write(GICD_SGIR, TO_THIS | interrupt);
}

/// Has the CPU interface take interrupts, or none of the group that all belong to.
pub fn take(on: bool) {
    turn_on();
    write(GICC_CTLR, on.into());
}

/// The register for an interrupt among those that have a bit for each.
fn word(first: u64, interrupt: u32) -> u64 {
    first + u64::from(interrupt / 32) * 4
}

/// Called by the vectors, with interrupts masked. What has gone away meanwhile has no number.
pub(super) fn on_interrupt() {
    const NONE: u32 = 1020;
    let acknowledged = read(GICC_IAR);
    let interrupt = acknowledged & 0x3FF;
    if interrupt >= NONE {
        return;
    }
    let fired = interrupt == TIMER && timer::has_fired();
    if fired {
        crate::interrupt::timer_came();
    }
    match interrupt {
        TIMER => {}
        uart::INTERRUPT => uart::on_interrupt(),
        0..16 => sgi::on_interrupt(interrupt),
        other => crate::println!("CASE interrupt: FAILED nobody asked for number {other}"),
    }
    if fired {
        // Its line is low before the interrupt is over, or that would come again.
        timer::disarm();
    }
    write(GICC_EOIR, acknowledged);
    if fired {
        crate::interrupt::timer();
    }
}
