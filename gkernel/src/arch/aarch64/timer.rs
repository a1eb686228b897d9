//! The virtual timer, its interrupt, and what waits for it.

use core::arch::asm;

use super::gic;

/// The counter's ticks in a second (CNTFRQ_EL0).
pub fn frequency() -> u64 {
    let ticks;
    // SAFETY: reading it changes nothing.
    unsafe { asm!("mrs {}, cntfrq_el0", out(reg) ticks, options(nostack)) };
    ticks
}

/// The virtual counter.
pub fn now() -> u64 {
    let ticks;
    // SAFETY: reading it changes nothing.
    unsafe { asm!("isb", "mrs {}, cntvct_el0", out(reg) ticks, options(nostack)) };
    ticks
}

/// Has the virtual timer fire when the counter comes to `ticks`.
pub fn arm(ticks: u64) {
    const ENABLE: u64 = 1;
    // SAFETY: its interrupt leads to a handler.
    unsafe {
        asm!(
            "msr cntv_cval_el0, {}",
            "msr cntv_ctl_el0, {}",
            "isb",
            in(reg) ticks,
            in(reg) ENABLE,
            options(nostack),
        );
    }
}

/// Has no interrupt of the timer pending, nor to come.
pub fn disarm() {
    // SAFETY: it does nothing then.
    unsafe { asm!("msr cntv_ctl_el0, xzr", "isb", options(nostack)) };
}

/// Enables the timer's interrupt by itself, or not.
pub fn enable(on: bool) {
    gic::enable(gic::TIMER, on);
}

/// Turns interrupts as such on or off.
pub fn interrupts(on: bool) {
    // SAFETY: they lead to a handler.
    unsafe {
        if on {
            asm!("msr daifclr, #2", "isb");
        } else {
            asm!("msr daifset, #2");
        }
    }
}

/// Whether the timer's interrupt is pending.
pub fn is_pending() -> bool {
    gic::is_pending(gic::TIMER)
}

/// CNTV_CTL_EL0: ENABLE, IMASK, ISTATUS.
pub fn control() -> u64 {
    let control;
    // SAFETY: reading it changes nothing.
    unsafe { asm!("mrs {}, cntv_ctl_el0", out(reg) control, options(nostack)) };
    control
}

/// Whether the timer has fired.
pub fn has_fired() -> bool {
    control() & 0b111 == 0b101
}

/// Waits for an interrupt. It may come back before one is there.
pub fn wait() {
    // SAFETY: it waits.
    unsafe { asm!("wfi", options(nostack)) };
}
