//! The timer, in each of its modes.

use super::*;

const ONE_SHOT: u64 = 0x40;
const PERIODICALLY: u64 = 0x2_0040;
const TO_DEADLINE: u64 = 0x4_0040;

fn with_timer(lvt: u64) -> LocalApic {
    let mut apic = enabled();
    assert!(apic.write(LVT_TIMER, lvt, at(0)));
    apic
}

/// Whether its interrupt is pending; if so it is served, to its end.
fn comes(apic: &mut LocalApic, now_ns: u64) -> bool {
    apic.poll(now_ns);
    let came = apic.wanted() == Some(0x40);
    if came {
        apic.take(0x40);
        assert!(apic.write(EOI, 0, at(now_ns)));
    }
    came
}

#[test]
fn one_shot_comes_once() {
    let mut apic = with_timer(ONE_SHOT);
    assert!(apic.write(TDCR, 0b1011, at(0)));
    assert!(apic.write(TMICT, 100, at(50)));
    assert_eq!(apic.deadline(), Some(150));
    assert_eq!(apic.read(TMCCT, at(50)), Some(100));
    assert_eq!(apic.read(TMCCT, at(149)), Some(1));
    assert!(!comes(&mut apic, 149));
    assert!(comes(&mut apic, 150));
    assert_eq!(
        (apic.deadline(), apic.read(TMCCT, at(151))),
        (None, Some(0))
    );
    assert!(!comes(&mut apic, u64::MAX));
    assert_eq!(apic.read(TMICT, at(151)), Some(100));
}

/// Whoever asks sees what has come by then, and what is written concerns what comes after it.
#[test]
fn each_access_looks_at_the_timer() {
    let armed = || {
        let mut apic = with_timer(ONE_SHOT);
        assert!(apic.write(TMICT, 500, at(0)));
        apic
    };
    let mut asked = armed();
    assert!(requested(&mut asked, 999).is_empty());
    assert_eq!(requested(&mut asked, 1000), [0x40]);
    // It came before it was masked.
    let mut masked = armed();
    assert!(masked.write(LVT_TIMER, ONE_SHOT | u64::from(MASKED), at(1000)));
    assert_eq!(masked.wanted(), Some(0x40));
    let mut waits = armed();
    assert_eq!(waits.wake(true, 1000), Wake::Now);
    // And a deadline that has passed is there with its writing.
    let mut late = with_timer(TO_DEADLINE);
    assert!(late.write(TSC_DEADLINE, 1, at(1000)));
    assert_eq!(late.wanted(), Some(0x40));
}

#[test]
fn periodic_comes_at_the_end_of_each_period() {
    let mut apic = with_timer(PERIODICALLY);
    assert!(apic.write(TDCR, 0b1011, at(0)));
    assert!(apic.write(TMICT, 100, at(0)));
    let times: Vec<u64> = (0..=450).filter(|now| comes(&mut apic, *now)).collect();
    assert_eq!(times, [100, 200, 300, 400]);
    assert_eq!(apic.deadline(), Some(500));
    // Periods that nobody looked at make one interrupt, and the next is where it would have been.
    assert!(comes(&mut apic, 10_050));
    assert!(!comes(&mut apic, 10_099));
    assert_eq!(apic.deadline(), Some(10_100));
    assert_eq!(apic.read(TMCCT, at(10_070)), Some(30));
    assert!(apic.write(TMICT, 0, at(10_070)));
    assert_eq!((apic.deadline(), comes(&mut apic, u64::MAX)), (None, false));
}

#[test]
fn the_count_is_divided_as_tdcr_says() {
    for (tdcr, by) in [
        (0b0000, 2),
        (0b0001, 4),
        (0b0010, 8),
        (0b0011, 16),
        (0b1000, 32),
        (0b1001, 64),
        (0b1010, 128),
        (0b1011, 1),
    ] {
        let mut apic = with_timer(ONE_SHOT);
        assert!(apic.write(TDCR, tdcr, at(0)));
        assert_eq!(apic.read(TDCR, at(0)), Some(tdcr));
        assert!(apic.write(TMICT, u32::MAX.into(), at(7)));
        assert_eq!(
            apic.deadline(),
            Some(7 + by * u64::from(u32::MAX)),
            "{tdcr:#b}"
        );
        assert_eq!(apic.read(TMCCT, at(7)), Some(u32::MAX.into()));
        assert_eq!(
            apic.read(TMCCT, at(7 + 5 * by)),
            Some((u32::MAX - 5).into())
        );
    }
}

#[test]
fn a_new_division_goes_for_what_is_left() {
    let mut apic = with_timer(ONE_SHOT);
    assert!(apic.write(TDCR, 0b1011, at(0)));
    assert!(apic.write(TMICT, 100, at(0)));
    assert!(apic.write(TDCR, 0b0011, at(40)));
    assert_eq!(apic.read(TMCCT, at(40)), Some(60));
    assert_eq!(apic.deadline(), Some(40 + 16 * 60));
    let mut apic = with_timer(ONE_SHOT);
    assert!(apic.write(TDCR, 0b0011, at(0)));
    assert_eq!(apic.deadline(), None, "nothing is armed by it");
}

#[test]
fn a_deadline_is_not_divided() {
    let mut apic = with_timer(TO_DEADLINE);
    assert!(apic.write(TSC_DEADLINE, at(100).tsc, at(0)));
    let deadline = apic.deadline();
    assert!(apic.write(TDCR, 0b1011, at(40)));
    assert_eq!(apic.deadline(), deadline);
}

/// Whatever the guest writes, nothing is divided by a period of 0.
#[test]
fn a_deadline_that_comes_in_another_mode_is_none() {
    let mut apic = with_timer(TO_DEADLINE);
    assert!(apic.write(TSC_DEADLINE, at(100).tsc, at(0)));
    for mode in [PERIODICALLY, ONE_SHOT] {
        assert!(apic.write(LVT_TIMER, mode, at(10)));
        assert_eq!(apic.deadline(), None);
        assert!(apic.write(TMICT, 0, at(10)));
        apic.poll(1000);
        assert_eq!(apic.deadline(), None);
    }
}

#[test]
fn a_deadline_comes_once_and_not_early() {
    let mut apic = with_timer(TO_DEADLINE);
    let deadline = at(100).tsc;
    assert!(apic.write(TSC_DEADLINE, deadline, at(0)));
    assert_eq!(apic.read(TSC_DEADLINE, at(0)), Some(deadline));
    // The clock had 100 when the counter came to it, or a while before.
    assert_eq!(apic.deadline(), Some(101));
    assert!(!comes(&mut apic, 100));
    assert!(comes(&mut apic, 101));
    assert_eq!(apic.read(TSC_DEADLINE, at(101)), Some(0));
    assert!(!comes(&mut apic, u64::MAX));
}

#[test]
fn a_deadline_in_the_past_comes_at_once() {
    for tsc in [1, at(70).tsc - 1, at(70).tsc] {
        let mut apic = with_timer(TO_DEADLINE);
        assert!(apic.write(TSC_DEADLINE, tsc, at(70)));
        assert_eq!(requested(&mut apic, 70), [0x40], "{tsc}");
    }
    let mut apic = with_timer(TO_DEADLINE);
    assert!(apic.write(TSC_DEADLINE, 0, at(70)));
    assert_eq!(
        (requested(&mut apic, 70), apic.deadline()),
        (Vec::new(), None)
    );
}

#[test]
fn the_last_deadline_counts_and_zero_is_none() {
    let mut apic = with_timer(TO_DEADLINE);
    assert!(apic.write(TSC_DEADLINE, at(100).tsc, at(0)));
    assert!(apic.write(TSC_DEADLINE, at(50).tsc, at(0)));
    assert_eq!(apic.deadline(), Some(51));
    assert!(apic.write(TSC_DEADLINE, at(200).tsc, at(0)));
    assert_eq!(apic.deadline(), Some(201));
    assert!(apic.write(TSC_DEADLINE, u64::MAX, at(0)));
    assert!(!comes(&mut apic, 1 << 60));
    assert!(apic.write(TSC_DEADLINE, 0, at(0)));
    assert_eq!(apic.deadline(), None);
}

#[test]
fn an_interrupt_that_is_pending_stays_so_whatever_becomes_of_the_timer() {
    let mut apic = with_timer(TO_DEADLINE);
    assert!(apic.write(TSC_DEADLINE, 1, at(10)));
    assert!(apic.write(TSC_DEADLINE, at(100).tsc, at(10)));
    assert!(apic.write(TSC_DEADLINE, 0, at(10)));
    assert_eq!(requested(&mut apic, 10), [0x40]);
}

#[test]
fn each_mode_has_its_own_registers() {
    let mut apic = with_timer(ONE_SHOT);
    assert!(apic.write(TSC_DEADLINE, at(100).tsc, at(0)));
    assert_eq!(
        (apic.read(TSC_DEADLINE, at(0)), apic.deadline()),
        (Some(0), None)
    );
    assert!(apic.write(TMICT, 100, at(0)));
    // From one to the other it is disarmed.
    assert!(apic.write(LVT_TIMER, TO_DEADLINE, at(0)));
    assert_eq!((apic.read(TMICT, at(0)), apic.deadline()), (Some(0), None));
    assert!(apic.write(TMICT, 100, at(0)));
    assert_eq!((apic.read(TMICT, at(0)), apic.deadline()), (Some(0), None));
    assert!(apic.write(TSC_DEADLINE, at(100).tsc, at(0)));
    assert_eq!(apic.read(TMCCT, at(0)), Some(0));
    assert!(apic.write(LVT_TIMER, PERIODICALLY, at(0)));
    assert_eq!(
        (apic.read(TSC_DEADLINE, at(0)), apic.deadline()),
        (Some(0), None)
    );
}

#[test]
fn a_mode_of_the_counter_takes_over_what_is_left() {
    let mut apic = with_timer(ONE_SHOT);
    assert!(apic.write(TDCR, 0b1011, at(0)));
    assert!(apic.write(TMICT, 100, at(0)));
    assert!(apic.write(LVT_TIMER, PERIODICALLY, at(60)));
    assert!(comes(&mut apic, 100));
    assert_eq!(apic.deadline(), Some(200));
}

#[test]
fn what_is_masked_raises_nothing_and_ends_all_the_same() {
    let mut apic = with_timer(0x1_0000 | ONE_SHOT);
    assert!(apic.write(TMICT, 50, at(0)));
    assert_eq!(apic.deadline(), None);
    assert_eq!(apic.read(TMCCT, at(60)), Some(20));
    assert!(!comes(&mut apic, 100));
    assert!(apic.write(LVT_TIMER, ONE_SHOT, at(110)));
    assert!(!comes(&mut apic, 1000), "it ended while it was masked");
    let mut apic = with_timer(0x1_0000 | ONE_SHOT);
    assert!(apic.write(TMICT, 50, at(0)));
    assert!(apic.write(LVT_TIMER, ONE_SHOT, at(90)));
    assert_eq!(apic.deadline(), Some(100));
}

/// Every clock shows whole nanoseconds, those that have passed; so from the time that is promised on the
/// counter is beyond the deadline.
#[test]
fn a_time_of_the_clock_is_beyond_the_time_stamp() {
    for khz in [1, 999, 1_000_000, 2_399_999, 4_000_000] {
        let tsc = Tsc { origin: 77, khz };
        for deadline in [0, 77, 78, 1_000_000, 123_456_789_012] {
            let ns = tsc.nanos(deadline);
            // The first time stamp at which the clock shows this time.
            let shown = u128::from(ns) * u128::from(khz);
            let first = 77 + shown.div_ceil(1_000_000);
            assert!(first >= deadline.into(), "{khz} kHz, {deadline}");
        }
        let end = Tsc { origin: 0, khz: 1 }.nanos(u64::MAX);
        assert_eq!(end, u64::MAX);
    }
}
