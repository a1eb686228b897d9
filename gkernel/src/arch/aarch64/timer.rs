//! The virtual timer and what waits for it.

use core::arch::asm;

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
    // SAFETY: its interrupt is masked (PSTATE.I), so nothing is interrupted.
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
