//! A guest's deadline, and how the host's one timer serves it and the host's own tick.
//!
//! All times are nanoseconds on the host's monotonic clock. Nothing here touches a timer: an
//! architecture keeps a [`Timer`] in its vCPU, the run loop hands its deadline to the [`Clock`], and the
//! clock's implementation arms what [`Alarms`] says.

/// A one-shot timer that the hypervisor keeps for a guest. Its interrupt is pending from the deadline
/// until the guest arms it again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timer {
    deadline_ns: Option<u64>,
    pending: bool,
}

impl Timer {
    /// Arms it for `deadline_ns`, or disarms it (`None`). Either withdraws an interrupt that is pending.
    pub fn arm(&mut self, deadline_ns: Option<u64>) {
        *self = Self {
            deadline_ns,
            pending: false,
        };
    }

    /// Whether its interrupt is pending at `now_ns`. A deadline that has come makes it so, once.
    pub fn is_pending(&mut self, now_ns: u64) -> bool {
        if self.deadline_ns.is_some_and(|due| due <= now_ns) {
            *self = Self {
                deadline_ns: None,
                pending: true,
            };
        }
        self.pending
    }

    /// The deadline that is still to come, as far as [`is_pending`](Self::is_pending) was told.
    pub fn deadline(&self) -> Option<u64> {
        self.deadline_ns
    }
}

/// The host's clock and timer, as the run loop uses them.
pub trait Clock {
    /// The time.
    fn now_ns(&self) -> u64;

    /// From now on the host is interrupted at `deadline_ns` once, besides at its own ticks; or at those
    /// alone (`None`). It takes the place of the alarm before. An alarm whose time has come is gone.
    fn set_alarm(&mut self, deadline_ns: Option<u64>);

    /// Waits for the host's next interrupt, but not beyond `deadline_ns`, without using the CPU. The
    /// alarm is that deadline from then on.
    fn wait(&mut self, deadline_ns: u64);
}

/// What the host's timer is armed for: the earlier of its next tick and the guest's alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alarms {
    period_ns: u64,
    tick_ns: u64,
    alarm_ns: Option<u64>,
    /// What the alarm was last set to.
    set_ns: Option<u64>,
}

impl Alarms {
    /// Without an alarm, and with a tick every `period_ns` that next comes a period after `now_ns`.
    pub const fn new(now_ns: u64, period_ns: u64) -> Self {
        Self {
            period_ns,
            tick_ns: now_ns.saturating_add(period_ns),
            alarm_ns: None,
            set_ns: None,
        }
    }

    /// What the timer has to be armed for.
    pub fn next_ns(&self) -> u64 {
        self.alarm_ns
            .map_or(self.tick_ns, |alarm| alarm.min(self.tick_ns))
    }

    /// Sets the alarm, or takes it away. Returns whether the timer has to be armed anew. One whose time has come is
    /// gone, and is not set for that time again.
    pub fn set(&mut self, alarm_ns: Option<u64>) -> bool {
        if alarm_ns == self.set_ns {
            return false;
        }
        let before = self.next_ns();
        (self.alarm_ns, self.set_ns) = (alarm_ns, alarm_ns);
        self.next_ns() != before
    }

    /// The timer's interrupt came, at `now_ns`; it has to be armed for [`next_ns`](Self::next_ns).
    /// Returns whether it is time for the host's tick. An alarm neither moves a tick nor stands for one,
    /// and ticks that were missed are not made up for.
    pub fn interrupted(&mut self, now_ns: u64) -> bool {
        self.alarm_ns = self.alarm_ns.filter(|alarm| *alarm > now_ns);
        let is_tick = self.tick_ns <= now_ns;
        if is_tick {
            let next = self.tick_ns.saturating_add(self.period_ns);
            self.tick_ns = if next > now_ns {
                next
            } else {
                now_ns.saturating_add(self.period_ns)
            };
        }
        is_tick
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interrupt_is_pending_from_the_deadline_until_the_timer_is_armed_again() {
        let mut timer = Timer::default();
        assert!(!timer.is_pending(u64::MAX), "it is not armed");
        timer.arm(Some(100));
        assert_eq!((timer.is_pending(99), timer.deadline()), (false, Some(100)));
        assert_eq!((timer.is_pending(100), timer.deadline()), (true, None));
        assert!(timer.is_pending(100), "nothing but the guest takes it away");
        timer.arm(Some(200));
        assert!(!timer.is_pending(199), "a new deadline takes it away");
        timer.arm(Some(150));
        assert!(timer.is_pending(199), "one in the past is due at once");
        timer.arm(None);
        assert!(!timer.is_pending(u64::MAX));
    }

    #[test]
    fn the_earlier_of_tick_and_alarm_is_armed() {
        let mut alarms = Alarms::new(1000, 100);
        assert_eq!(alarms.next_ns(), 1100);
        assert!(!alarms.set(Some(1200)), "the tick is earlier");
        assert_eq!(alarms.next_ns(), 1100);
        assert!(alarms.set(Some(1050)));
        assert_eq!(alarms.next_ns(), 1050);
        assert!(!alarms.set(Some(1050)), "it is armed for that");
        assert!(alarms.set(None));
        assert_eq!(alarms.next_ns(), 1100);
    }

    #[test]
    fn alarms_neither_move_the_hosts_tick_nor_stand_for_one() {
        let mut alarms = Alarms::new(0, 100);
        let mut ticks = Vec::new();
        for now in 1..=1000 {
            // The guest wants one every nanosecond.
            alarms.set(Some(now));
            if alarms.interrupted(now) {
                ticks.push(now);
            }
        }
        assert_eq!(ticks, [100, 200, 300, 400, 500, 600, 700, 800, 900, 1000]);
    }

    #[test]
    fn an_alarm_comes_once() {
        let mut alarms = Alarms::new(0, 100);
        alarms.set(Some(10));
        assert!(!alarms.interrupted(10));
        assert!(!alarms.set(Some(10)), "it is gone");
        assert_eq!(alarms.next_ns(), 100);
        assert!(!alarms.set(None), "the tick is armed");
        assert!(alarms.set(Some(10)), "it was taken away between");
        assert!(!alarms.interrupted(10));
        alarms.set(Some(150));
        assert!(alarms.interrupted(100));
        assert_eq!(alarms.next_ns(), 150, "one that is to come is kept");
    }

    #[test]
    fn ticks_that_were_missed_are_not_made_up_for() {
        let mut alarms = Alarms::new(0, 100);
        assert!(alarms.interrupted(1234));
        assert!(!alarms.interrupted(1235));
        assert_eq!(alarms.next_ns(), 1334);
    }
}
