//! The I/O APIC (Intel 82093AA), by its two registers in memory. What it does is tried by the line of the UART, which
//! is high while the UART wants to be asked why.

use core::sync::atomic::{AtomicU32, Ordering};

use super::{
    com1, mmio,
    timer::{self, IRR, TPR, interrupts},
};
use crate::println;

/// Where it is: the guest's tables map the last of the low four gigabytes, uncached, at the end of the high half.
pub const IO_APIC: u64 = super::FLASH_OFFSET + 0xFEC0_0000;

/// Which register is meant, and that one.
const SELECT: u64 = IO_APIC;
/// As above.
pub const SELECTED: u64 = IO_APIC + 0x10;

/// The first entry of the table, of two registers a line.
pub const TABLE: u32 = 0x10;

/// An entry: the line is looked at by its level; nothing comes of it.
const LEVEL: u32 = 1 << 15;
const MASKED: u32 = 1 << 16;
/// The local APIC has not said yet that the interrupt is over.
const REMOTE_IRR: u32 = 1 << 14;
/// The destination is one of a group of processors.
const LOGICAL: u32 = 1 << 11;
/// No interrupt with a vector, but an NMI.
const NMI: u32 = 4 << 8;

/// The vector of the interrupts that are tried.
pub(super) const VECTOR: u8 = 0x25;
/// The UART's line, and its entry.
const LINE: u32 = com1::LINE;
const ENTRY: u32 = TABLE + 2 * LINE;

/// How many interrupts came; with which of them the line goes low; and how many of them were told as one of a level, by
/// both APICs.
static CAME: AtomicU32 = AtomicU32::new(0);
static LAST: AtomicU32 = AtomicU32::new(0);
static LEVELS: AtomicU32 = AtomicU32::new(0);

/// Selects a register, for accesses at [`SELECTED`].
pub fn select(register: u32) {
    // SAFETY: a register of a device, at an address that the kernel's tables map.
    unsafe { mmio::store(SELECT, register) };
}

/// The register that is selected.
pub fn selected() -> u32 {
    // SAFETY: as above.
    unsafe { mmio::load(SELECT) }
}

/// Reads a register.
pub fn read(register: u32) -> u32 {
    select(register);
    // SAFETY: as above.
    unsafe { mmio::load(SELECTED) }
}

/// Writes a register.
pub fn write(register: u32, value: u32) {
    select(register);
    // SAFETY: as above; what comes of it leads to a handler.
    unsafe { mmio::store(SELECTED, value) };
}

/// Has a line lead to an interrupt with this vector, for as long as it is high; or not.
pub fn route(line: u32, vector: u8, on: bool) {
    let mask = if on { 0 } else { MASKED };
    write(TABLE + 2 * line + 1, 0);
    write(TABLE + 2 * line, u32::from(vector) | LEVEL | mask);
}

/// Called on an interrupt with [`VECTOR`], with interrupts off.
pub(super) fn on_interrupt() {
    const TMR: u32 = 0x818;
    let came = CAME.fetch_add(1, Ordering::Relaxed) + 1;
    let is_level = timer::read(TMR + u32::from(VECTOR) / 32) >> (VECTOR % 32) & 1 != 0;
    if is_level && read(ENTRY) & REMOTE_IRR != 0 {
        LEVELS.fetch_add(1, Ordering::Relaxed);
    }
    if came == LAST.load(Ordering::Relaxed) {
        com1::lower_line();
    }
    timer::end_interrupt();
}

/// How many interrupts come while the line is high that has this entry, and how many of them are of a level. It goes
/// low with number `last`, or at the end.
fn try_entry(low: u32, high: u32, last: u32) -> (u32, u32) {
    CAME.store(0, Ordering::Relaxed);
    LEVELS.store(0, Ordering::Relaxed);
    LAST.store(last, Ordering::Relaxed);
    write(ENTRY + 1, high);
    write(ENTRY, low | u32::from(VECTOR));
    com1::raise_line();
    for _ in 0..10 {
        interrupts(true);
        interrupts(false);
    }
    let came = (CAME.load(Ordering::Relaxed), LEVELS.load(Ordering::Relaxed));
    com1::lower_line();
    came
}

/// Something that has to be so, with its name.
type Check = (&'static str, fn() -> bool);

/// Tries what there is, and gives how much of it went wrong.
pub fn check_io_apic() -> usize {
    let checks: [Check; 7] = [
        ("the registers", registers),
        ("a level comes until the line is low", || {
            try_entry(LEVEL, 0, 3) == (3, 3) && read(ENTRY) & REMOTE_IRR == 0
        }),
        ("an edge comes once", || try_entry(0, 0, 9) == (1, 0)),
        ("what is masked", masked),
        ("what is for others", || {
            let others = [(0, 1 << 24), (LOGICAL, 2 << 24), (NMI, 0)];
            let mut tried = others
                .into_iter()
                .flat_map(|(low, high)| [(low, high), (low | LEVEL, high)]);
            tried.all(|(low, high)| try_entry(low, high, 1) == (0, 0))
        }),
        ("what is for a group, or for all", || {
            let ours = [(LOGICAL, 1 << 24), (LOGICAL, 0xFF << 24), (0, 0xFF << 24)];
            let mut tried = ours.into_iter();
            tried.all(|(low, high)| try_entry(low | LEVEL, high, 1) == (1, 1))
        }),
        ("what the task's priority holds back", held_back),
    ];
    timer::disarm();
    let wrong = checks.iter().filter(|(name, check)| {
        let well = check();
        if !well {
            println!("guest: {name}: not so");
        }
        !well
    });
    wrong.count()
}

fn registers() -> bool {
    write(0, u32::MAX);
    let id = read(0);
    write(0, 0);
    (id, read(0), read(1)) == (0x0F00_0000, 0, 0x0017_0011)
}

/// An edge is lost, a level is not.
fn masked() -> bool {
    let comes_later = |trigger: u32| {
        LAST.store(1, Ordering::Relaxed);
        write(ENTRY, MASKED | trigger | u32::from(VECTOR));
        com1::raise_line();
        write(ENTRY, trigger | u32::from(VECTOR));
        CAME.store(0, Ordering::Relaxed);
        interrupts(true);
        interrupts(false);
        let came = CAME.load(Ordering::Relaxed);
        com1::lower_line();
        came
    };
    try_entry(MASKED | LEVEL, 0, 1) == (0, 0) && comes_later(0) == 0 && comes_later(LEVEL) == 1
}

fn held_back() -> bool {
    timer::write(TPR, 0x3F);
    let held = try_entry(0, 0, 1) == (0, 0);
    let waits = timer::read(IRR + u32::from(VECTOR) / 32) >> (VECTOR % 32) & 1 != 0;
    timer::write(TPR, 0);
    interrupts(true);
    interrupts(false);
    held && waits && CAME.load(Ordering::Relaxed) == 1
}
