//! How late the guest hears of its timer, by its own counter: from the deadline to the first thing that the guest
//! does because of it.

use crate::{arch::timer, interrupt};

/// How many deadlines are tried for each that is to be measured, if some do not count.
const TRIES: usize = 20;

/// The guest computes when its deadline comes: for each of `late` one deadline, `ahead` ticks after it was armed, and
/// how many ticks behind it the interrupt's handler begins. What happens while the guest does not run for longer than
/// `pause` ticks does not count, and is tried again. Gives how many of `late` were measured. Interrupts are off before
/// and after; `prepare` is called before each deadline.
pub fn computing(late: &mut [u64], ahead: u64, pause: u64, prepare: fn()) -> usize {
    timer::enable(true);
    timer::interrupts(true);
    let mut measured = 0;
    for _ in 0..TRIES * late.len() {
        let Some(late) = late.get_mut(measured) else {
            break;
        };
        prepare();
        let before = interrupt::taken();
        let mut last = timer::now();
        let deadline = last + ahead;
        let mut longest = 0;
        timer::arm(deadline);
        while interrupt::taken() == before {
            let now = timer::now();
            longest = longest.max(now - last);
            last = now;
        }
        if longest <= pause {
            *late = interrupt::last().saturating_sub(deadline);
            measured += 1;
        }
    }
    timer::interrupts(false);
    timer::disarm();
    measured
}

/// The same for a guest that waits meanwhile; all of `late` is measured. Interrupts stay off: it goes on behind the
/// wait.
pub fn waiting(late: &mut [u64], ahead: u64) {
    timer::enable(true);
    timer::interrupts(false);
    for late in late {
        // What is pending of the last one would end the wait. Where the hardware has it in a list for the guest, it is
        // withdrawn only at an exit; looking for it is one.
        timer::disarm();
        let _ = timer::is_pending();
        let deadline = timer::now() + ahead;
        timer::arm(deadline);
        let mut back = 0;
        // A wait may be over before anything is pending.
        while back < deadline {
            timer::wait();
            back = timer::now();
        }
        *late = back - deadline;
    }
    timer::disarm();
}
