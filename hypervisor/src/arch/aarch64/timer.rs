//! The guest's virtual timer (Arm ARM, D12): it is on while the guest runs, and off while the host does.

use axhal::time;
use core::arch::asm;

use super::{
    decode,
    regs::{sysreg_read, sysreg_write},
};

/// The kinds of timer that a guest can get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Its virtual timer (CNTV) interrupts it, by a GICv2. Its counter begins with the guest.
    Cntv,
}

/// A guest's virtual timer, between its turns.
pub struct GuestTimer {
    /// CNTV_CTL_EL0.
    control: u64,
    /// CNTVOFF_EL2: the guest's counter is the machine's less this.
    offset: u64,
}

impl GuestTimer {
    /// A timer that is off. Without a kind, the guest's counter is the machine's.
    pub fn new(kind: Option<Kind>) -> Self {
        Self {
            control: 0,
            offset: kind.map_or(0, |Kind::Cntv| counter()),
        }
    }

    /// Has the guest see its own counter.
    pub fn load(&self) {
        // SAFETY: at EL2 with the Virtualization Host Extensions the host sees the machine's counter.
        unsafe { sysreg_write!("cntvoff_el2", self.offset) };
    }

    /// Takes that back. The timer is off already, as it is after each turn.
    pub fn unload(&self) {
        // SAFETY: as above.
        unsafe { sysreg_write!("cntvoff_el2", 0_u64) };
    }

    /// Turns it on for a turn of the guest's.
    pub fn arm(&self) {
        // SAFETY: the guest's own timer, which the host does not use.
        unsafe { sysreg_write!("s3_5_c14_c3_1", self.control) };
    }

    /// Turns it off again: while the host runs, and after the guest's end, nothing of the guest's may raise
    /// an interrupt.
    pub fn disarm(&mut self) {
        self.control = sysreg_read!("s3_5_c14_c3_1");
        // SAFETY: as above; `arm` turns it on again.
        unsafe { sysreg_write!("s3_5_c14_c3_1", 0_u64) };
    }

    /// Whether it is on and not masked: it has fired, or will.
    pub fn is_armed(&self) -> bool {
        decode::is_armed(self.control)
    }

    /// Whether it has fired, and so its line is high. The guest is loaded.
    pub fn has_fired(&self) -> bool {
        self.is_armed() && counter().wrapping_sub(self.offset) >= due()
    }

    /// When it will fire, or did, in nanoseconds on the host's monotonic clock. The guest is loaded.
    pub fn due_ns(&self) -> u64 {
        let ticks = u128::from(due()) + u128::from(self.offset);
        // The clock is the counter in nanoseconds. What is beyond its end is at its end, in some 580 years.
        let frequency = u128::from(sysreg_read!("cntfrq_el0")).max(1);
        let nanos = (ticks * u128::from(time::NANOS_PER_SEC)).div_ceil(frequency);
        u64::try_from(nanos).unwrap_or(u64::MAX)
    }
}

/// The machine's counter.
fn counter() -> u64 {
    // SAFETY: a barrier, so that the counter is not read ahead of time.
    unsafe { asm!("isb", options(nostack)) };
    sysreg_read!("cntpct_el0")
}

/// CNTV_CVAL_EL0 of the guest.
fn due() -> u64 {
    sysreg_read!("s3_5_c14_c3_2")
}
