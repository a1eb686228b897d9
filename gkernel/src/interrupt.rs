//! The guest's timer interrupt: what is counted of it, and what it leads to.
//!
//! `arch::timer` arms the timer and enables the interrupt; its handler calls [`timer_came`] and [`timer`], in every
//! guest.

use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use crate::arch;

static TAKEN: AtomicU64 = AtomicU64::new(0);
static LAST: AtomicU64 = AtomicU64::new(0);
static THEN: AtomicPtr<()> = AtomicPtr::new(core::ptr::null_mut());

/// The number of timer interrupts so far.
pub fn taken() -> u64 {
    TAKEN.load(Ordering::Relaxed)
}

/// When the last one was taken.
pub fn last() -> u64 {
    LAST.load(Ordering::Relaxed)
}

/// From now on `then` is called on each timer interrupt, with interrupts off. It has to arm the timer again, or
/// disarm it. Without it, an interrupt disarms the timer.
pub fn on_timer(then: fn()) {
    THEN.store(then as *mut (), Ordering::Relaxed);
}

/// The architecture's handler calls this before all else, with interrupts off.
pub(crate) fn timer_came() {
    LAST.store(arch::timer::now(), Ordering::Relaxed);
}

/// The architecture's handler calls this once a new interrupt could come, with interrupts off.
pub(crate) fn timer() {
    TAKEN.fetch_add(1, Ordering::Relaxed);
    let then = THEN.load(Ordering::Relaxed);
    if then.is_null() {
        arch::timer::disarm();
        return;
    }
    // SAFETY: only `on_timer` stores there, and what it stores is such a function.
    let then = unsafe { core::mem::transmute::<*mut (), fn()>(then) };
    then();
}
