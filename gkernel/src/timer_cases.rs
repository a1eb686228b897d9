//! The conformance cases about a guest's timer: the same ones for each way in which a guest gets one.

use crate::{arch::timer, case, interrupt, lateness};

/// A part of a second in ticks of the counter.
fn milliseconds(count: u64) -> u64 {
    timer::frequency() / 1000 * count
}

/// Computes until the counter comes to `ticks`, so that a timer interrupt has all the time to be taken.
fn spin_until(ticks: u64) {
    while timer::now() < ticks {
        core::hint::spin_loop();
    }
}

/// How many deadlines [`once`] has, and so how many interrupts.
const ONCE: u64 = 20;

/// Each deadline: one interrupt, not early. A new one takes back what is pending.
pub fn once() {
    let before = interrupt::taken();
    timer::enable(true);
    timer::interrupts(true);
    let mut early = 0;
    for count in 1..=ONCE {
        let deadline = timer::now() + milliseconds(2);
        timer::arm(deadline);
        // However late it comes, it comes.
        while interrupt::taken() - before < count && timer::now() < deadline + milliseconds(1000) {
            core::hint::spin_loop();
        }
        early += u64::from(interrupt::last() < deadline);
    }
    spin_until(timer::now() + milliseconds(25));
    timer::interrupts(false);
    let taken = interrupt::taken() - before;
    timer::arm(timer::now());
    let pending = timer::is_pending();
    timer::arm(timer::now() + milliseconds(10_000));
    let taken_back = pending && !timer::is_pending();
    timer::disarm();
    case!(
        "timer-once",
        taken == ONCE && early == 0 && taken_back,
        "{taken} taken, {early} early; pending {pending}, taken back {taken_back}"
    );
}

/// Masked by itself, and with all interrupts off: it is pending, and is taken once nothing masks it.
pub fn masked() {
    let before = interrupt::taken();
    timer::enable(false);
    timer::interrupts(true);
    timer::arm(timer::now() + milliseconds(2));
    spin_until(timer::now() + milliseconds(25));
    let by_itself = (timer::is_pending(), interrupt::taken() - before);
    timer::interrupts(false);
    timer::enable(true);
    spin_until(timer::now() + milliseconds(15));
    let by_all = (timer::is_pending(), interrupt::taken() - before);
    timer::interrupts(true);
    let unmasked = (timer::is_pending(), interrupt::taken() - before);
    timer::interrupts(false);
    case!(
        "timer-masked",
        by_itself == (true, 0) && by_all == (true, 0) && unmasked == (false, 1),
        "pending and taken: {by_itself:?}, {by_all:?}, {unmasked:?}"
    );
}

/// In the past: at once.
pub fn past() {
    let before = interrupt::taken();
    timer::enable(true);
    timer::interrupts(false);
    let mut at_once = true;
    for deadline in [0, 1, timer::now() - 1, timer::now()] {
        timer::disarm();
        at_once &= !timer::is_pending();
        timer::arm(deadline);
        at_once &= timer::is_pending();
    }
    timer::interrupts(true);
    let taken = interrupt::taken() - before;
    timer::interrupts(false);
    case!(
        "timer-past",
        at_once && taken == 1,
        "at once: {at_once}; {taken} taken"
    );
}

/// Infinitely far away: takes back what is pending, and nothing comes.
pub fn infinite() {
    let before = interrupt::taken();
    timer::enable(true);
    timer::interrupts(false);
    timer::arm(timer::now());
    let pending = timer::is_pending();
    timer::disarm();
    let still = timer::is_pending();
    timer::arm(timer::now() + milliseconds(5));
    timer::disarm();
    timer::interrupts(true);
    spin_until(timer::now() + milliseconds(30));
    timer::interrupts(false);
    let taken = interrupt::taken() - before;
    case!(
        "timer-infinite",
        pending && !still && taken == 0,
        "pending {pending}, still {still}; {taken} taken"
    );
}

/// Armed anew before the last one came: the new deadline counts, earlier or later. Interrupts are off in
/// between: however long the host takes for that, the first one cannot be taken.
pub fn rearm() {
    let before = interrupt::taken();
    timer::enable(true);
    timer::interrupts(false);
    let begin = timer::now();
    let (early, late) = (begin + milliseconds(6), begin + milliseconds(14));
    timer::arm(late);
    timer::arm(early);
    timer::interrupts(true);
    spin_until(late + milliseconds(20));
    timer::interrupts(false);
    let earlier = (interrupt::taken() - before, interrupt::last() >= early);
    let begin = timer::now();
    let (early, late) = (begin + milliseconds(6), begin + milliseconds(14));
    timer::arm(early);
    timer::arm(late);
    timer::interrupts(true);
    spin_until(late + milliseconds(20));
    let later = (interrupt::taken() - before, interrupt::last() >= late);
    timer::interrupts(false);
    case!(
        "timer-rearm",
        earlier == (1, true) && later == (2, true),
        "taken, and not before their time: {earlier:?}, {later:?}"
    );
}

/// A wait for a deadline: it lasts until then, and is over then.
pub fn wait() {
    timer::enable(true);
    timer::interrupts(false);
    let begin = timer::now();
    let mut well = 0;
    for delay in [1, 3, 12, 105, 400].map(milliseconds) {
        // What is pending of the last one would end the wait.
        timer::disarm();
        let withdrawn = !timer::is_pending();
        let deadline = timer::now() + delay;
        timer::arm(deadline);
        timer::wait();
        let lasted = timer::is_pending() && timer::now() >= deadline;
        well += u64::from(withdrawn && lasted);
    }
    // What is pending already ends a wait at once.
    timer::wait();
    let waited = timer::now() - begin;
    timer::disarm();
    case!(
        "wfi-deadline",
        well == 5,
        "{well} of 5 waits ended when they had to, after {waited} ticks"
    );
}

/// A deadline that passes while its interrupt is not enabled, and is taken back.
fn fire_masked() {
    timer::enable(false);
    timer::arm(timer::now());
    // Looking at it is an exit: the host knows of it.
    let _ = timer::is_pending();
    timer::disarm();
    timer::enable(true);
}

/// How many deadlines [`latency`] measures of each kind.
const DEADLINES: usize = 50;

/// A deadline comes when it is due, and not with the host's next tick, also behind one that nobody took.
///
/// The host ticks every 10 ms. Where a guest's alarm is lost, the tick brings the interrupt, the guest arms the next
/// deadline right behind it, and so nearly each of them is more than 9 ms late.
///
/// On a busy computer any deadline may be late, because QEMU has no processor. A guest that computes sees that as a
/// pause, and what happens around one does not count: of the rest the median is judged. A guest that waits sees
/// nothing. But QEMU sleeps meanwhile, and who sleeps gets the processor soon: so a quarter has to be in time, of
/// which a machine without alarms is far.
pub fn latency() {
    let (ahead, pause, bound) = (milliseconds(1) / 2, milliseconds(1), milliseconds(5));
    let mut late = [u64::MAX; DEADLINES];
    let measured = lateness::computing(&mut late, ahead, pause, || {});
    late.sort_unstable();
    let computing = late[DEADLINES / 2];
    let measured_masked = lateness::computing(&mut late, ahead, pause, fire_masked);
    late.sort_unstable();
    let masked = late[DEADLINES / 2];
    lateness::waiting(&mut late, ahead);
    late.sort_unstable();
    let waiting = late[DEADLINES / 4];
    case!(
        "timer-latency",
        computing < bound && masked < bound && waiting < bound,
        "{computing} ticks late when it computes, the median of {measured}; {masked} behind one that was masked, of \
         {measured_masked}; {waiting} when it waits, the lower quartile of {DEADLINES}; a second has {}",
        timer::frequency()
    );
}
