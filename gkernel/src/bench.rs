//! What exits cost, and how late the timer is, by the guest's own counter. `harness bench --exits` reads the lines:
//!
//! ```text
//! BENCH floor <name> <count> <ticks> <ticks in a second>
//! BENCH exit <name> <count> <ticks> <ticks in a second>
//! BENCH late <name> <count> <median ticks> <most ticks> <ticks in a second>
//! ```

use crate::{
    arch::{self, bench, timer},
    interrupt, lateness, println,
};

/// Causes something so many times: an exit, or the same trap without one.
pub type Cause = fn(times: u64);

/// In how many batches each is caused. The fastest one counts, since QEMU did not have to wait for a processor in that;
/// and the first one warms it up.
const BATCHES: u64 = 500;

/// How many deadlines are measured.
const DEADLINES: usize = 1000;

/// Measures everything. The guest's number says how often each exit is caused.
pub fn run() {
    timer::interrupts(false);
    for (name, cause) in bench::FLOORS {
        measure("floor", name, *cause);
    }
    for (name, cause) in bench::EXITS {
        measure("exit", name, *cause);
    }
    late("computing", |late, ahead| {
        lateness::computing(late, ahead, u64::MAX, || {});
    });
    late("waiting", lateness::waiting);
}

fn measure(kind: &str, name: &str, cause: Cause) {
    let count = arch::argument().div_ceil(BATCHES);
    let batch = |_| {
        let begin = timer::now();
        cause(count);
        timer::now() - begin
    };
    let ticks = (0..BATCHES).map(batch).min().unwrap_or(0);
    println!("BENCH {kind} {name} {count} {ticks} {}", timer::frequency());
}

fn late(name: &str, measure: fn(&mut [u64], u64)) {
    let mut late = [0; DEADLINES];
    measure(&mut late, timer::frequency() / 1000);
    late.sort_unstable();
    let (median, most) = (late[DEADLINES / 2], late[DEADLINES - 1]);
    println!(
        "BENCH late {name} {DEADLINES} {median} {most} {}",
        timer::frequency()
    );
}

/// Interrupts of the timer, each from where `arm` arms it for a time that has passed until the code goes on.
pub(crate) fn interrupts(times: u64, arm: fn()) {
    timer::enable(true);
    timer::interrupts(true);
    for _ in 0..times {
        let before = interrupt::taken();
        arm();
        while interrupt::taken() == before {
            core::hint::spin_loop();
        }
    }
    timer::interrupts(false);
}
