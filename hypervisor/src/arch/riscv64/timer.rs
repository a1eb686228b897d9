//! The timer of a guest: one that the hypervisor keeps for it, armed by SBI calls, or the hart's own.

use axhal::time;

use super::regs;
use crate::vm::timer::Timer;

/// The kinds of timer that a guest can get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// By SBI's calls. The hypervisor raises its interrupt (hvip.VSTIP).
    Sbi,
    /// By `stimecmp` (Sstc). The hart raises its interrupt, without an exit.
    Sstc,
}

/// A guest's timer.
pub struct GuestTimer {
    kind: Option<Kind>,
    kept: Timer,
}

impl GuestTimer {
    /// A timer that is not armed.
    pub fn new(kind: Option<Kind>) -> Self {
        Self {
            kind,
            kept: Timer::default(),
        }
    }

    /// Whether SBI has its calls for this guest.
    pub fn is_called(&self) -> bool {
        self.kind == Some(Kind::Sbi)
    }

    /// `henvcfg` while this guest is loaded.
    pub fn henvcfg(&self) -> u64 {
        match self.kind {
            Some(Kind::Sstc) => regs::HENVCFG | regs::HENVCFG_STCE,
            _ => regs::HENVCFG,
        }
    }

    /// Arms it for a time of the counter `time`, or disarms it.
    pub fn arm(&mut self, ticks: Option<u64>) {
        self.kept.arm(ticks.map(nanos));
    }

    /// To be called before each turn, with interrupts off: its interrupt is pending, or is not.
    pub fn prepare(&mut self) {
        if self.is_called() {
            regs::set_guest_timer_interrupt(self.kept.is_pending(time::monotonic_time_nanos()));
        }
    }

    /// The deadline at which the hypervisor has to raise the interrupt.
    pub fn deadline(&self) -> Option<u64> {
        self.kept.deadline()
    }

    /// When its interrupt will end a wait of the guest's; none if the guest has not enabled it, or has
    /// not armed the timer. The guest is loaded, and interrupts are off.
    pub fn wakes_at(&self) -> Option<u64> {
        let armed = match self.kind {
            Some(Kind::Sstc) => regs::guest_timecmp().map(nanos),
            _ => self.deadline(),
        };
        armed.filter(|_| regs::guest_timer_is_enabled())
    }
}

/// A time of the counter `time` on the host's monotonic clock, which is the same counter in nanoseconds.
/// What is beyond its end is at its end, in some 580 years.
fn nanos(ticks: u64) -> u64 {
    ticks.saturating_mul(time::ticks_to_nanos(1))
}
