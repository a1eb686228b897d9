//! What a guest may cost the host: every limit in one place, with its unit.
//!
//! Two more limits are structural: a page is mapped once ([`crate::memory::guest_memory`]), and one call prints at most
//! [`crate::calls::WRITE_LIMIT`] bytes.

use core::ops::ControlFlow;

use crate::vm::exit::Overrun;

/// The limits. Those of a run come from `/boot/cmdline`, where a word overrides each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budgets {
    /// Milliseconds of host time for which a guest may run without an exit of its own making
    /// (`cpu-ms=`). Checked at the host's tick.
    pub cpu_ms: u64,
    /// Exits in a row that neither print nor map anything (`stalled-exits=`).
    pub stalled_exits: u64,
}

impl Default for Budgets {
    fn default() -> Self {
        Self {
            cpu_ms: 1_000,
            stalled_exits: 1_000_000,
        }
    }
}

/// Keeps the accounts of a running guest.
pub struct Watch<F> {
    budgets: Budgets,
    now_ms: F,
    /// When the guest last made an exit of its own.
    since_ms: u64,
    stalled: u64,
}

impl<F: Fn() -> u64> Watch<F> {
    /// Starts to watch. `now_ms` tells the host's time in milliseconds, from any origin.
    pub fn new(budgets: Budgets, now_ms: F) -> Self {
        let since_ms = now_ms();
        Self {
            budgets,
            now_ms,
            since_ms,
            stalled: 0,
        }
    }

    /// The host took an interrupt while the guest ran.
    pub fn tick(&self) -> ControlFlow<Overrun> {
        let limit = self.budgets.cpu_ms;
        match (self.now_ms)().saturating_sub(self.since_ms) > limit {
            true => ControlFlow::Break(Overrun {
                budget: "cpu-ms",
                limit,
            }),
            false => ControlFlow::Continue(()),
        }
    }

    /// The guest made an exit; `progress` if it printed or got something mapped.
    pub fn exit(&mut self, progress: bool) -> ControlFlow<Overrun> {
        self.since_ms = (self.now_ms)();
        self.stalled = if progress { 0 } else { self.stalled + 1 };
        let limit = self.budgets.stalled_exits;
        match self.stalled > limit {
            true => ControlFlow::Break(Overrun {
                budget: "stalled-exits",
                limit,
            }),
            false => ControlFlow::Continue(()),
        }
    }
}
