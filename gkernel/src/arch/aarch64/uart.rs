//! The guest's UART, a PL011 (Arm DDI 0183): what is typed is read by looking for it, or by its interrupt.

use core::sync::atomic::{AtomicBool, Ordering};

use super::{OFFSET, gic, timer};
use crate::typed;

/// Where its registers are, in the guest's own half.
pub const UART: u64 = OFFSET + 0x0900_0000;

/// Its interrupt (SPI 1).
pub(super) const INTERRUPT: u32 = 33;

const DR: u64 = UART;
const FR: u64 = UART + 0x18;
const IMSC: u64 = UART + 0x38;
const FR_RXFE: u32 = 1 << 4;
/// The receive interrupt and the receive timeout.
const RX_RT: u32 = 1 << 4 | 1 << 6;

fn read(register: u64) -> u32 {
    // SAFETY: a register of a device, at an address that the kernel's tables map.
    unsafe { (register as *const u32).read_volatile() }
}

fn write(register: u64, value: u32) {
    // SAFETY: as above.
    unsafe { (register as *mut u32).write_volatile(value) };
}

/// The next byte that was typed, by looking for it. Interrupts are off, and what they read comes first.
pub fn get_byte() -> Option<u8> {
    let mut byte = [0];
    if typed::take(&mut byte) == 1 {
        return Some(byte[0]);
    }
    (read(FR) & FR_RXFE == 0).then(|| read(DR) as u8)
}

/// What was typed, by interrupts, into `bytes`; how many bytes that is. Interrupts are off before and after.
pub fn read_console(bytes: &mut [u8]) -> usize {
    static ENABLED: AtomicBool = AtomicBool::new(false);
    if !ENABLED.swap(true, Ordering::Relaxed) {
        gic::enable(INTERRUPT, true);
    }
    write(IMSC, RX_RT);
    timer::interrupts(true);
    timer::interrupts(false);
    typed::take(bytes)
}

/// The interrupt came: reads what there is. With no room for more, none comes until somebody asks again.
pub(super) fn on_interrupt() {
    while read(FR) & FR_RXFE == 0 {
        if !typed::has_room() {
            write(IMSC, 0);
            return;
        }
        typed::put(read(DR) as u8);
    }
}
