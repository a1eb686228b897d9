//! When a machine is to be read: what is due after what has happened. Pure.

use super::AuditPlan;
use crate::judge::audit::Moment;
use std::time::Duration;
use tokio::time::Instant;

/// By how much the exits grow from one look to the next. A stop at a breakpoint has QEMU translate all code
/// anew, some 3 ms of a run, so there are few: the first exit's, since an entry behind an exit takes another way
/// than the first one, and few of those that follow.
const GROWTH: u64 = 64;

/// How many steps wait at most to be read at; a story has fewer.
const STEPS: usize = 256;

/// How often a machine is stopped in one run to see whether it stands in its guest by now, and for how long it runs
/// before that: at first, and at most. It takes twice as long each time, until the guest is met.
const TRIES: u32 = 64;
const SOONEST: Duration = Duration::from_millis(1);
const LATEST: Duration = Duration::from_millis(64);

/// What has happened, and what is due.
#[derive(Debug)]
pub(super) struct Schedule {
    /// Whether entries are known by their addresses.
    by_entry: bool,
    every: Option<Duration>,
    /// Whether a guest may have been entered.
    began: bool,
    /// How many exits were logged, and at how many the machine is read next.
    exits: u64,
    next: u64,
    /// The steps that came.
    steps: Vec<String>,
    /// When the next look is due.
    tick: Option<Instant>,
    /// When to see whether the machine stands in its guest, and how often that was tried.
    trial: Option<Instant>,
    wait: Duration,
    tries: u32,
}

impl Schedule {
    /// Before anything has happened.
    pub(super) fn new(plan: &AuditPlan) -> Self {
        Self {
            by_entry: !plan.entries.is_empty(),
            every: plan.every,
            began: false,
            exits: 0,
            next: 1,
            steps: Vec::new(),
            tick: None,
            trial: None,
            wait: SOONEST,
            tries: 0,
        }
    }

    /// The machine was set going. Where entries are not known a guest may be entered at any time from now on:
    /// QEMU writes its log in pieces of some kilobytes, so what that tells comes late.
    pub(super) fn started(&mut self, now: Instant) {
        if !self.by_entry {
            self.begin(now);
        }
    }

    /// So many exits were logged in all.
    pub(super) fn logged(&mut self, exits: u64) {
        self.exits = exits;
    }

    /// A step of the story was reached.
    pub(super) fn step(&mut self, name: String) {
        if self.began && !self.by_entry && self.steps.len() < STEPS {
            self.steps.push(name);
        }
    }

    /// A guest is about to be entered, and the machine is read, for the nth time. QEMU's log comes late, but before
    /// each entry but the first there was an exit.
    pub(super) fn entered(&mut self, now: Instant, nth: u64) {
        self.begin(now);
        self.next = next(self.exits.max(nth.saturating_sub(1)));
    }

    fn begin(&mut self, now: Instant) {
        if !self.began {
            self.began = true;
            self.tick = self.every.map(|every| now + every);
        }
    }

    /// Whether the next entry is to be waited for.
    pub(super) fn wants_entry(&self) -> bool {
        self.by_entry && (!self.began || self.exits >= self.next)
    }

    /// When the machine is to be stopped if nothing else happens: at once, at some time, or not.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        let at_once = !self.steps.is_empty() || self.exits_are_due();
        if at_once {
            return Some(now);
        }
        self.tick.into_iter().chain(self.trial).min()
    }

    /// Where entries are not known, a look has come upon the guest, or has not: then another is due soon.
    pub(super) fn met(&mut self, guest: bool, now: Instant) {
        if guest {
            (self.trial, self.wait) = (None, SOONEST);
        } else if !self.by_entry && self.trial.is_none() && self.tries < TRIES {
            self.trial = Some(now + self.wait);
            self.wait = LATEST.min(2 * self.wait);
            self.tries += 1;
        }
    }

    /// Whether it is to be seen now whether the machine stands in its guest. That is done with.
    pub(super) fn tries(&mut self, now: Instant) -> bool {
        self.trial.take_if(|trial| *trial <= now).is_some()
    }

    fn exits_are_due(&self) -> bool {
        !self.by_entry && self.exits >= self.next
    }

    /// What it is stopped for now; all of that is done with.
    pub(super) fn moments(&mut self, now: Instant, since_start: Duration) -> Vec<Moment> {
        let steps = std::mem::take(&mut self.steps).into_iter();
        let mut moments: Vec<_> = steps.map(|name| Moment::Step { name }).collect();
        if self.exits_are_due() {
            moments.push(Moment::Exits { count: self.exits });
            self.next = next(self.exits);
        }
        if self.tick.is_some_and(|tick| tick <= now) {
            self.tick = self.every.map(|every| now + every);
            if moments.is_empty() {
                let seconds = since_start.as_secs_f64();
                moments.push(Moment::Time { seconds });
            }
        }
        moments
    }
}

/// The next power of [`GROWTH`] above a number of exits.
fn next(exits: u64) -> u64 {
    let power = exits.checked_ilog(GROWTH).map_or(0, |power| power + 1);
    GROWTH.checked_pow(power).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::Arch;

    fn plan(entries: &[&str], every: Option<u64>) -> AuditPlan {
        AuditPlan {
            arch: Arch::Riscv64,
            entries: entries
                .iter()
                .map(|name| ((*name).to_owned(), 0x1000))
                .collect(),
            releases: Vec::new(),
            every: every.map(Duration::from_millis),
            registers: Vec::new(),
            image: Vec::new(),
            texts: Vec::new(),
            ram: None,
        }
    }

    #[test]
    fn an_entry_is_wanted_after_1_64_4096_exits() {
        let now = Instant::now();
        let mut schedule = Schedule::new(&plan(&["enter"], None));
        assert!(schedule.wants_entry(), "the first one");
        let mut wanted = Vec::new();
        schedule.entered(now, 1);
        for exits in 0..=5000 {
            schedule.logged(exits);
            if schedule.wants_entry() {
                wanted.push(exits);
                schedule.entered(now, 1 + wanted.len() as u64);
            }
            assert_eq!(schedule.due(now), None);
        }
        assert_eq!(wanted, [1, 64, 4096]);
        // Where many come at once, one entry is enough.
        schedule.logged(1 << 20);
        assert!(schedule.wants_entry());
        schedule.entered(now, 5);
        schedule.logged((1 << 24) - 1);
        assert!(!schedule.wants_entry());
        schedule.logged(u64::MAX);
        schedule.entered(now, 6);
    }

    #[test]
    fn an_entry_after_the_first_one_tells_of_an_exit_before_the_log_does() {
        let now = Instant::now();
        let mut schedule = Schedule::new(&plan(&["enter"], None));
        schedule.entered(now, 1);
        schedule.entered(now, 2);
        for exits in 0..64 {
            schedule.logged(exits);
            assert!(!schedule.wants_entry(), "{exits}");
        }
        schedule.logged(64);
        assert!(schedule.wants_entry());
    }

    #[test]
    fn without_entries_the_log_and_the_story_tell_when() {
        let now = Instant::now();
        let mut schedule = Schedule::new(&plan(&[], None));
        let moments = |schedule: &mut Schedule| match schedule.due(now) {
            Some(_) => schedule.moments(now, Duration::ZERO),
            None => Vec::new(),
        };
        schedule.step("before the machine goes".into());
        schedule.started(now);
        schedule.logged(0);
        assert_eq!(moments(&mut schedule), []);
        let mut counts = Vec::new();
        for count in 1..=100 {
            schedule.logged(count);
            counts.extend(moments(&mut schedule));
        }
        assert_eq!(counts, [1, 64].map(|count| Moment::Exits { count }));
        let step = |name: &str| Moment::Step { name: name.into() };
        schedule.step("one".into());
        schedule.step("two".into());
        schedule.logged(4096);
        assert_eq!(
            moments(&mut schedule),
            [step("one"), step("two"), Moment::Exits { count: 4096 }]
        );
        assert_eq!(moments(&mut schedule), []);
    }

    #[test]
    fn the_guest_is_looked_for_until_it_is_met_or_often_enough() {
        let start = Instant::now();
        let mut schedule = Schedule::new(&plan(&[], None));
        schedule.started(start);
        assert_eq!(schedule.due(start), None, "not before there was a look");
        let (mut now, mut waits) = (start, Vec::new());
        schedule.met(false, now);
        while let Some(due) = schedule.due(now) {
            // Another look in between changes nothing.
            schedule.met(false, now);
            assert!(!schedule.tries(now) && schedule.due(now) == Some(due));
            waits.push((due - now).as_millis());
            now = due;
            assert!(schedule.tries(now) && !schedule.tries(now));
            schedule.met(false, now);
        }
        assert_eq!(waits[..8], [1, 2, 4, 8, 16, 32, 64, 64]);
        assert_eq!(waits.len(), 64);
        // Once it is met that begins anew, at the next look that comes upon the host.
        let mut schedule = Schedule::new(&plan(&[], None));
        schedule.started(start);
        schedule.met(false, start);
        schedule.met(true, start);
        assert_eq!(schedule.due(start), None);
        schedule.met(false, start);
        assert_eq!(schedule.due(start), Some(start + Duration::from_millis(1)));
        // Where entries are known there is no need.
        let mut schedule = Schedule::new(&plan(&["enter"], None));
        schedule.met(false, start);
        assert_eq!(schedule.due(start), None);
    }

    #[test]
    fn time_counts_from_the_first_entry_on_or_from_the_start() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        for entries in [&["enter"][..], &[]] {
            let mut schedule = Schedule::new(&plan(entries, Some(100)));
            assert_eq!(schedule.due(at(1000)), None);
            schedule.started(at(1000));
            if !entries.is_empty() {
                assert_eq!(schedule.due(at(1000)), None);
                schedule.entered(at(1000), 1);
            }
            assert_eq!(schedule.due(at(1000)), Some(at(1100)));
            let seconds = 1.1;
            let moments = schedule.moments(at(1130), Duration::from_millis(1100));
            assert_eq!(moments, [Moment::Time { seconds }]);
            assert_eq!(schedule.due(at(1131)), Some(at(1230)));
        }
    }
}
