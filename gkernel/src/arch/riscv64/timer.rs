//! The guest's timer: SBI's, or the hart's own (Sstc) where SBI has none; and its interrupt.

use core::{
    arch::asm,
    sync::atomic::{AtomicU8, Ordering},
};

use axhal::trap::{IRQ, register_trap_handler};

use super::{plic, sbi_call};
use crate::interrupt;

/// `sie.STIE`, `sip.STIP`.
const TIMER: u64 = 1 << 5;
/// `scause` of the timer's interrupt.
const TIMER_CAUSE: usize = 1 << 63 | 5;
/// That of a device's.
const EXTERNAL_CAUSE: usize = 1 << 63 | 9;

/// SBI's timer extension.
const TIME: u64 = 0x5449_4D45;

/// The counter's ticks in a second.
pub fn frequency() -> u64 {
    10_000_000
}

/// The counter.
pub fn now() -> u64 {
    let ticks;
    // SAFETY: reading it changes nothing.
    unsafe { asm!("csrr {}, time", out(reg) ticks, options(nostack)) };
    ticks
}

/// Whether SBI has the timer; if not, `stimecmp` is used.
pub fn is_called() -> bool {
    static KNOWN: AtomicU8 = AtomicU8::new(u8::MAX);
    if KNOWN.load(Ordering::Relaxed) == u8::MAX {
        let (_, present) = sbi_call(0x10, 3, [TIME, 0, 0]);
        KNOWN.store(u8::from(present != 0), Ordering::Relaxed);
    }
    KNOWN.load(Ordering::Relaxed) == 1
}

/// Has the timer's interrupt pending from the time on when the counter comes to `ticks`.
pub fn arm(ticks: u64) {
    if is_called() {
        let _ = sbi_call(TIME, 0, [ticks, 0, 0]);
    } else {
        // SAFETY: its interrupt leads to a handler.
        unsafe { asm!("csrw 0x14D, {}", in(reg) ticks, options(nostack)) };
    }
}

/// Has no interrupt of the timer pending, nor to come.
pub fn disarm() {
    arm(u64::MAX);
}

/// Enables the timer's interrupt by itself, or not.
pub fn enable(on: bool) {
    // SAFETY: it leads to a handler.
    unsafe {
        if on {
            asm!("csrs sie, {}", in(reg) TIMER, options(nostack));
        } else {
            asm!("csrc sie, {}", in(reg) TIMER, options(nostack));
        }
    }
}

/// Turns interrupts as such on or off.
pub fn interrupts(on: bool) {
    if on {
        axhal::asm::enable_irqs();
    } else {
        axhal::asm::disable_irqs();
    }
}

/// Whether the timer's interrupt is pending.
pub fn is_pending() -> bool {
    let pending: u64;
    // SAFETY: reading it changes nothing.
    unsafe { asm!("csrr {}, sip", out(reg) pending, options(nostack)) };
    pending & TIMER != 0
}

/// Whether the timer has fired.
pub fn has_fired() -> bool {
    is_pending()
}

/// What of the timer a guest finds: its interrupt, if it is pending (`sip.STIP`) or enabled (`sie.STIE`).
pub fn control() -> u64 {
    let (pending, enabled): (u64, u64);
    // SAFETY: reading them changes nothing.
    unsafe {
        asm!("csrr {}, sip", "csrr {}, sie", out(reg) pending, out(reg) enabled, options(nostack));
    }
    (pending | enabled) & TIMER
}

/// Waits for an interrupt.
pub fn wait() {
    super::wait();
}

#[register_trap_handler(IRQ)]
fn on_interrupt(cause: usize) -> bool {
    match cause {
        TIMER_CAUSE => {
            interrupt::timer_came();
            interrupt::timer();
        }
        EXTERNAL_CAUSE => plic::on_interrupt(),
        _ => {}
    }
    true
}
