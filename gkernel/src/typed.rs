//! What was typed, as far as the interrupt of a UART has read it and nobody else has yet.

use core::{
    cell::UnsafeCell,
    sync::atomic::{AtomicUsize, Ordering},
};

const ROOM: usize = 64;

struct Bytes(UnsafeCell<[u8; ROOM]>);

// SAFETY: there is one CPU, and both functions want interrupts off.
unsafe impl Sync for Bytes {}

static BYTES: Bytes = Bytes(UnsafeCell::new([0; ROOM]));
static FILLED: AtomicUsize = AtomicUsize::new(0);

/// Whether there is room for another byte.
pub fn has_room() -> bool {
    FILLED.load(Ordering::Relaxed) < ROOM
}

/// Keeps a byte, for which there is room. Interrupts are off.
pub fn put(byte: u8) {
    let filled = FILLED.load(Ordering::Relaxed);
    // SAFETY: interrupts are off, so nobody else is at it.
    unsafe { (*BYTES.0.get())[filled] = byte };
    FILLED.store(filled + 1, Ordering::Relaxed);
}

/// Takes what there is, as far as `into` has room, and gives how many bytes that is. Interrupts are off.
pub fn take(into: &mut [u8]) -> usize {
    let filled = FILLED.load(Ordering::Relaxed);
    let count = into.len().min(filled);
    // SAFETY: interrupts are off, so nobody else is at it.
    let bytes = unsafe { &mut *BYTES.0.get() };
    into[..count].copy_from_slice(&bytes[..count]);
    bytes.copy_within(count..filled, 0);
    FILLED.store(filled - count, Ordering::Relaxed);
    count
}
