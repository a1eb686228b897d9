//! The guest's UART, a 16550A: what is typed is read by looking for it, or by its interrupt.

use core::sync::atomic::{AtomicBool, Ordering};

use super::{map_device, plic, timer};
use crate::typed;

/// Where it is, and its source at the PLIC.
const PHYSICAL: u64 = 0x1000_0000;
/// As above.
pub(super) const SOURCE: u32 = 10;

const DATA: u64 = 0;
const IER: u64 = 1;
/// For stores; for loads it is another.
const FCR: u64 = 2;
const LSR: u64 = 5;
/// A register that keeps what is stored to it, and does nothing.
pub const SCR: u64 = 7;

const IER_RECEIVED: u8 = 1 << 0;
const FCR_ON: u8 = 1 << 0;
const LSR_DATA: u8 = 1 << 0;
const LSR_ROOM: u8 = 1 << 5;

/// An address for the register at `offset`.
pub fn register(offset: u64) -> u64 {
    static MAPPED: AtomicBool = AtomicBool::new(false);
    if !MAPPED.swap(true, Ordering::Relaxed) {
        map_device(PHYSICAL, 0x1000);
    }
    super::DEVICES + PHYSICAL + offset
}

fn read(offset: u64) -> u8 {
    // SAFETY: a register of a device, at an address that the kernel's tables map.
    unsafe { (register(offset) as *const u8).read_volatile() }
}

fn write(offset: u64, value: u8) {
    // SAFETY: as above.
    unsafe { (register(offset) as *mut u8).write_volatile(value) };
}

/// The next byte that was typed, by looking for it. Interrupts are off, and what they read comes first.
pub(super) fn get_byte() -> Option<u8> {
    let mut byte = [0];
    if typed::take(&mut byte) == 1 {
        return Some(byte[0]);
    }
    (read(LSR) & LSR_DATA != 0).then(|| read(DATA))
}

/// What was typed, by interrupts, into `bytes`; how many bytes that is. Interrupts are off before and after.
pub(super) fn read_console(bytes: &mut [u8]) -> usize {
    static ENABLED: AtomicBool = AtomicBool::new(false);
    if !ENABLED.swap(true, Ordering::Relaxed) {
        write(FCR, FCR_ON);
        say("CASE uart-output: ok\n");
        plic::enable(SOURCE);
    }
    write(IER, IER_RECEIVED);
    timer::interrupts(true);
    timer::interrupts(false);
    typed::take(bytes)
}

/// From now on it does not interrupt for what is typed.
pub fn ignore() {
    write(IER, 0);
}

/// Prints by the UART alone.
fn say(text: &str) {
    for byte in text.bytes() {
        while read(LSR) & LSR_ROOM == 0 {}
        write(DATA, byte);
    }
}

/// The interrupt came: reads what there is. With no room for more, none comes until somebody asks again.
pub(super) fn on_interrupt() {
    while read(LSR) & LSR_DATA != 0 {
        if !typed::has_room() {
            write(IER, 0);
            return;
        }
        typed::put(read(DATA));
    }
}
