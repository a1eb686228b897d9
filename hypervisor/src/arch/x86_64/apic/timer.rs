//! The timer of a local APIC (APM vol. 2 §16.4.1; Intel SDM vol. 3 §11.5.4): a counter that counts down, or a
//! deadline.

use super::Now;

/// How long the counter takes for one, undivided, in nanoseconds; and its frequency, 1 GHz, in kHz.
const TICK_NS: u64 = 1;
pub const KHZ: u32 = 1_000_000 / TICK_NS as u32;

/// How the time-stamp counter goes with the host's monotonic clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tsc {
    /// What the counter had, at the most, when the clock had zero.
    pub origin: u64,
    /// Its frequency in kHz, which is not zero.
    pub khz: u32,
}

impl Tsc {
    /// A time on the host's clock, in nanoseconds, at which the counter is beyond `tsc` in any case. What is
    /// beyond its end is at its end, in some 580 years.
    pub(super) fn nanos(self, tsc: u64) -> u64 {
        let ticks = u128::from(tsc.saturating_sub(self.origin));
        let ns = ticks * 1_000_000 / u128::from(self.khz) + 1;
        ns.try_into().unwrap_or(u64::MAX)
    }
}

/// The timer. Its mode is not kept here.
#[derive(Clone, Debug)]
pub struct Timer {
    tsc: Tsc,
    initial: u32,
    /// TDCR.
    divide: u8,
    /// When the count comes to zero, or the deadline comes.
    ends_ns: Option<u64>,
    /// The deadline, as it was written; 0 for none.
    deadline_tsc: u64,
}

impl Timer {
    /// A timer that is not armed.
    pub fn new(tsc: Tsc) -> Self {
        Self {
            tsc,
            initial: 0,
            divide: 0,
            ends_ns: None,
            deadline_tsc: 0,
        }
    }

    /// The time-stamp counter.
    pub fn tsc(&self) -> Tsc {
        self.tsc
    }

    /// Disarms it.
    pub fn stop(&mut self) {
        *self = Self {
            divide: self.divide,
            ..Self::new(self.tsc)
        };
    }

    /// Counts down from `initial`, or not at all from 0.
    pub fn start(&mut self, initial: u32, now_ns: u64) {
        self.initial = initial;
        self.ends_ns = (initial != 0).then(|| now_ns.saturating_add(self.nanos(initial)));
    }

    /// Has the deadline come with the time stamp `tsc`; with 0, none.
    pub fn set_deadline(&mut self, tsc: u64, now: Now) {
        self.deadline_tsc = tsc;
        self.ends_ns = match tsc {
            0 => None,
            past if past <= now.tsc => Some(now.ns),
            tsc => Some(self.tsc.nanos(tsc)),
        };
    }

    /// Divides by what TDCR says, from now on.
    pub fn set_divide(&mut self, divide: u8, now_ns: u64) {
        let left = self.current(now_ns);
        self.divide = divide;
        if self.deadline_tsc == 0 && self.ends_ns.is_some() {
            self.ends_ns = Some(now_ns.saturating_add(self.nanos(left)));
        }
    }

    /// Whether it has come to its end since it was last looked at. A periodic one goes on with its period;
    /// periods that have passed meanwhile are not made up for.
    pub fn came(&mut self, now_ns: u64, is_periodic: bool) -> bool {
        let Some(end) = self.ends_ns.filter(|end| *end <= now_ns) else {
            return false;
        };
        let period = self.nanos(self.initial);
        self.deadline_tsc = 0;
        // What counts down counts from something; a deadline is no period, since another mode stops the timer.
        self.ends_ns = is_periodic.then(|| {
            let passed = (now_ns - end) / period + 1;
            end.saturating_add(passed.saturating_mul(period))
        });
        true
    }

    /// When it ends.
    pub fn ends_ns(&self) -> Option<u64> {
        self.ends_ns
    }

    /// What it counts down from.
    pub fn initial(&self) -> u32 {
        self.initial
    }

    /// What is left to count; 0 for a deadline.
    pub fn current(&self, now_ns: u64) -> u32 {
        let end = self.ends_ns.filter(|_| self.deadline_tsc == 0);
        let left_ns = end.map_or(0, |end| end.saturating_sub(now_ns));
        // It is at most what it was, which has 32 bits.
        left_ns.div_ceil(self.tick_ns()) as u32
    }

    /// TDCR.
    pub fn divide(&self) -> u8 {
        self.divide
    }

    /// The deadline's time stamp; 0 if none is to come.
    pub fn deadline_tsc(&self) -> u64 {
        self.deadline_tsc
    }

    fn nanos(&self, count: u32) -> u64 {
        u64::from(count) * self.tick_ns()
    }

    /// How long the divided counter takes for one. Bits 3, 1 and 0 of TDCR make the number whose power of two
    /// comes after the one it divides by; seven divides by one.
    fn tick_ns(&self) -> u64 {
        let number = self.divide >> 1 & 0b100 | self.divide & 0b11;
        TICK_NS << ((number + 1) % 8)
    }
}
