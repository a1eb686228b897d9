//! The guest interrupts itself by software (SGIs; Arm IHI 0048B, 3.2.1, 4.3.15), and looks at what the distributor
//! says of it: each of these looks is an exit, across which nothing may get lost.

use core::sync::atomic::{AtomicU32, Ordering};

use super::{gic, timer};

/// The interrupts that are sent.
const FIRST: u32 = 3;
const OTHER: u32 = 5;

/// How often each has come.
static CAME: [AtomicU32; 16] = [const { AtomicU32::new(0) }; 16];
/// What the handler of [`FIRST`] saw that was not so, a bit for each.
static WRONG: AtomicU32 = AtomicU32::new(0);

fn came(interrupt: u32) -> u32 {
    CAME[interrupt as usize].load(Ordering::Relaxed)
}

/// Called by the handler, before the end of the interrupt is said.
pub(super) fn on_interrupt(interrupt: u32) {
    let before = CAME[interrupt as usize].fetch_add(1, Ordering::Relaxed);
    if interrupt != FIRST || before != 0 {
        return;
    }
    // Once taken it is active, and no longer pending.
    let taken = gic::is_active(FIRST) && !gic::is_pending(FIRST);
    // It can be pending again meanwhile, and still be active.
    gic::send(FIRST);
    let again = gic::is_active(FIRST) && gic::is_pending(FIRST);
    // One of the same priority waits until this one is over.
    gic::send(OTHER);
    timer::interrupts(true);
    let waits = came(OTHER) == 0 && came(FIRST) == 1;
    timer::interrupts(false);
    let wrong = u32::from(!taken) | u32::from(!again) << 1 | u32::from(!waits) << 2;
    WRONG.store(wrong, Ordering::Relaxed);
}

/// Sends itself interrupts, first with all of them off. Gives what was wrong, a bit for each.
pub fn check() -> u32 {
    gic::enable(FIRST, true);
    timer::interrupts(false);
    gic::send(FIRST);
    // Several exits later it is still pending, and has not come.
    let stays =
        (0..3).all(|_| gic::is_pending(FIRST) && !gic::is_active(FIRST)) && came(FIRST) == 0;
    timer::interrupts(true);
    // Sent twice, the second time by the handler; the other one came in between or behind.
    let over = !gic::is_pending(FIRST) && !gic::is_active(FIRST) && !gic::is_active(OTHER);
    timer::interrupts(false);
    let twice = came(FIRST) == 2 && came(OTHER) == 1;
    WRONG.load(Ordering::Relaxed)
        | u32::from(!stays) << 3
        | u32::from(!over) << 4
        | u32::from(!twice) << 5
}

/// A deadline that passes while its interrupt is not enabled, and is taken back in a turn in which another interrupt
/// is over. Interrupts are on.
pub fn fire_masked() {
    timer::enable(false);
    timer::arm(timer::now());
    // Looking at it is an exit: the host knows of it.
    let _ = timer::is_pending();
    gic::send(OTHER);
    timer::disarm();
    timer::enable(true);
}
