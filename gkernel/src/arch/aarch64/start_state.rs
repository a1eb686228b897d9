//! The registers as the guest finds them at its first instruction.

use core::cell::UnsafeCell;

/// Each register by name, what it held, and what it holds after a reset.
pub fn start_state() -> impl Iterator<Item = (&'static str, u64, u64)> {
    // SAFETY: the entry has written it, before any Rust code ran.
    let found = unsafe { *FOUND.0.get() };
    let general = move |n: usize| {
        (
            GENERAL[n],
            found[n],
            if n == 1 { super::argument() } else { 0 },
        )
    };
    (0..GENERAL.len()).map(general)
}

/// Leaves something in every register that a guest can write and do without.
pub fn leave_traces() {
    super::change_system_registers();
    super::fill_registers_and_call(1);
}

const GENERAL: [&str; 31] = [
    "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14",
    "x15", "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27",
    "x28", "x29", "x30",
];

struct Found(UnsafeCell<[u64; GENERAL.len()]>);

// SAFETY: the entry writes it, on the only CPU; afterwards it is read.
unsafe impl Sync for Found {}

/// Not in .bss, so that the entry finds it wherever it is loaded.
#[unsafe(export_name = "guest_start_state")]
#[unsafe(link_section = ".data")]
static FOUND: Found = Found(UnsafeCell::new([0; GENERAL.len()]));
