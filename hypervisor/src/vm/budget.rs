//! The limits on what a guest may cost the host: all in one place, with their units.
//!
//! *Progress* is a byte that reaches the console, or a page that gets mapped; nothing else buys a guest
//! more time. *Time* is the guest's own: it passes only while the guest runs.
//!
//! Two more limits are built into the code: a page is mapped once ([`crate::memory::guest_memory`]),
//! and one call prints at most [`crate::calls::WRITE_LIMIT`] bytes.

use core::ops::ControlFlow;

use crate::{report::Counts, vm::exit::Overrun};

/// The limits. A word in a run's `/boot/cmdline` overrides each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budgets {
    /// Milliseconds of its own time that a guest may run without progress (`cpu-ms=`).
    pub cpu_ms: u64,
    /// Exits in a row without progress (`stalled-exits=`).
    pub stalled_exits: u64,
    /// Milliseconds of its own time in total (`total-cpu-ms=`).
    pub total_cpu_ms: u64,
    /// Exits in total (`total-exits=`).
    pub total_exits: u64,
    /// Bytes that it may print in total (`total-bytes=`).
    pub total_bytes: u64,
    /// Milliseconds on the host's clock since the first turn, whoever used them (`wall-ms=`): far above
    /// all other limits, for what those do not see.
    pub wall_ms: u64,
}

impl Default for Budgets {
    fn default() -> Self {
        Self {
            cpu_ms: 1_000,
            stalled_exits: 1_000_000,
            total_cpu_ms: 60_000,
            total_exits: 50_000_000,
            total_bytes: 16 << 20,
            wall_ms: 600_000,
        }
    }
}

/// The longest that a turn can last, in nanoseconds: the host's tick comes every 10 ms and ends it. If
/// a turn seems to take more than twice that, the guest did not get the excess: the machine stood still
/// (an emulator that was stopped, or had no CPU).
const LONGEST_TURN_NS: u64 = 20_000_000;

const MS: u64 = 1_000_000;

/// Watches the budgets of a running guest.
pub struct Watch<F> {
    budgets: Budgets,
    now_ns: F,
    started_ns: u64,
    /// The guest's own time: in total, and when it last made progress.
    used_ns: u64,
    used_at_progress_ns: u64,
    /// The progress at that time.
    at_progress: Counts,
}

impl<F: Fn() -> u64> Watch<F> {
    /// Starts to watch a guest whose counts are all zero. `now_ns` returns the host's time in
    /// nanoseconds, from any origin.
    pub fn new(budgets: Budgets, now_ns: F) -> Self {
        let started_ns = now_ns();
        Self {
            budgets,
            now_ns,
            started_ns,
            used_ns: 0,
            used_at_progress_ns: 0,
            at_progress: Counts::default(),
        }
    }

    /// Runs a turn of the guest, and adds its time to the guest's.
    pub fn turn<R>(&mut self, turn: impl FnOnce() -> R) -> R {
        let entered_ns = (self.now_ns)();
        let result = turn();
        let took_ns = (self.now_ns)().saturating_sub(entered_ns);
        self.used_ns += took_ns.min(LONGEST_TURN_NS);
        result
    }

    /// Whether the guest is still within its budgets, after a turn whose exit has been dealt with.
    /// `counts` is all that was counted of it so far.
    pub fn check(&mut self, counts: Counts) -> ControlFlow<Overrun> {
        if counts.progress() != self.at_progress.progress() {
            self.at_progress = counts;
            self.used_at_progress_ns = self.used_ns;
        }
        let Budgets {
            cpu_ms,
            stalled_exits,
            total_cpu_ms,
            total_exits,
            total_bytes,
            wall_ms,
        } = self.budgets;
        let stalled_ns = self.used_ns - self.used_at_progress_ns;
        let wall_ns = (self.now_ns)().saturating_sub(self.started_ns);
        let accounts = [
            ("cpu-ms", stalled_ns / MS, cpu_ms),
            (
                "stalled-exits",
                counts.exits - self.at_progress.exits,
                stalled_exits,
            ),
            ("total-cpu-ms", self.used_ns / MS, total_cpu_ms),
            ("total-exits", counts.exits, total_exits),
            ("total-bytes", counts.bytes, total_bytes),
            ("wall-ms", wall_ns / MS, wall_ms),
        ];
        for (budget, used, limit) in accounts {
            if used > limit {
                return ControlFlow::Break(Overrun { budget, limit });
            }
        }
        ControlFlow::Continue(())
    }
}
