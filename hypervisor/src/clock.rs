//! The host's clock and timer: guests' alarms beside the tick of ArceOS.
//!
//! ArceOS takes every interrupt of the timer for its tick, and moves its next one. So from the first alarm
//! on its handler is called by ours, and only when a tick is due; ours arms the timer.

use core::marker::PhantomData;

use axhal::time;
use axstd::sync::Mutex;

use crate::vm::{arch::Arch, timer::Alarms, timer::Clock};

/// The period of the host's tick.
const TICK_NS: u64 = time::NANOS_PER_SEC / axconfig::TICKS_PER_SEC as u64;

/// What the timer is for, once a guest has had an alarm. It is locked only while interrupts are off, and
/// there is one CPU, so nobody ever waits for it.
static SHARED: Mutex<Option<Shared>> = Mutex::new(None);

struct Shared {
    alarms: Alarms,
    /// ArceOS's handler, which ours has taken the place of.
    tick: fn(),
}

/// The clock of the CPU that this code runs on. Its interrupts are on whenever a function is called.
pub struct HostClock<A>(PhantomData<A>);

impl<A: Arch> HostClock<A> {
    /// The clock. Nothing is armed by this.
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<A: Arch> Clock for HostClock<A> {
    fn now_ns(&self) -> u64 {
        time::monotonic_time_nanos()
    }

    fn set_alarm(&mut self, deadline_ns: Option<u64>) {
        undisturbed(|| {
            let mut shared = SHARED.lock();
            if shared.is_none() && deadline_ns.is_some() {
                *shared = take_over();
            }
            if let Some(Shared { alarms, .. }) = &mut *shared
                && alarms.set(deadline_ns)
            {
                time::set_oneshot_timer(alarms.next_ns());
            }
        });
    }

    fn wait(&mut self, deadline_ns: u64) {
        self.set_alarm(Some(deadline_ns));
        undisturbed(|| {
            if self.now_ns() < deadline_ns {
                A::wait_for_interrupt();
            }
        });
    }
}

/// Runs code with interrupts off, and turns them on behind it.
fn undisturbed(code: impl FnOnce()) {
    axhal::asm::disable_irqs();
    code();
    axhal::asm::enable_irqs();
}

/// Puts our handler in the place of ArceOS's; none if there was none, and so no tick. Interrupts are off:
/// for one that came in between there would be no handler. The timer is armed for the next tick of ArceOS's, which is
/// not later than the first of ours.
fn take_over() -> Option<Shared> {
    let tick = axhal::irq::unregister(time::irq_num())?;
    axhal::irq::register(time::irq_num(), on_timer);
    let alarms = Alarms::new(time::monotonic_time_nanos(), TICK_NS);
    Some(Shared { alarms, tick })
}

/// The timer's interrupt came. ArceOS's handler, if it is called, arms the timer too; so that comes first.
fn on_timer() {
    let now_ns = time::monotonic_time_nanos();
    let tick = SHARED.lock().as_mut().and_then(|shared| {
        let is_tick = shared.alarms.interrupted(now_ns);
        is_tick.then_some(shared.tick)
    });
    if let Some(tick) = tick {
        tick();
    }
    if let Some(shared) = SHARED.lock().as_ref() {
        time::set_oneshot_timer(shared.alarms.next_ns());
    }
}
