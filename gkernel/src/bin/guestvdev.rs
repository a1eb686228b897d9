//! Step 14 of the series: two workers that take turns because a timer interrupt says so. The first never
//! yields, and cannot end before the second has run: without the interrupt, the guest would not end.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(preempted);

#[cfg(all(target_os = "none", target_arch = "x86_64"))]
fn preempted() {
    gkernel::println!("guestvdev: FAILED there is no timer interrupt here");
}

#[cfg(all(target_os = "none", not(target_arch = "x86_64")))]
fn preempted() {
    use gkernel::{arch::timer, println, tasks};

    println!("Multi-task(Preemptible) is starting ...");
    println!("Wait for workers to exit ...");
    // A turn lasts a thousandth of a second.
    tasks::run(
        &[workers::first, workers::second],
        timer::frequency() / 1000,
    );
    println!("Multi-task(Preemptible) ok!");
}

#[cfg(all(target_os = "none", not(target_arch = "x86_64")))]
mod workers {
    use core::{
        hint,
        sync::atomic::{AtomicU64, Ordering},
    };

    use gkernel::{println, tasks};

    /// The numbers that go from the first worker to the second.
    const LAST: u64 = 256;
    /// How many may be on their way.
    const ROOM: u64 = 32;

    static SENT: AtomicU64 = AtomicU64::new(0);
    static RECEIVED: AtomicU64 = AtomicU64::new(0);
    static QUEUE: [AtomicU64; ROOM as usize] = [const { AtomicU64::new(0) }; ROOM as usize];

    /// Prints a line as a whole: nobody stops it in the middle.
    macro_rules! line {
        ($($arg:tt)*) => { tasks::undisturbed(|| println!($($arg)*)) };
    }

    /// Sends the numbers. Where there is no room it spins until there is, which takes the second worker.
    pub fn first() {
        line!("worker1 ... ThreadId({})", tasks::current());
        for number in 0..=LAST {
            while number - RECEIVED.load(Ordering::Acquire) >= ROOM {
                hint::spin_loop();
            }
            line!("worker1 [{number}]");
            QUEUE[(number % ROOM) as usize].store(number, Ordering::Relaxed);
            SENT.store(number + 1, Ordering::Release);
        }
        line!("worker1 ok!");
    }

    /// Takes the numbers. Where there is none it spins until there is.
    pub fn second() {
        line!("worker2 ... ThreadId({})", tasks::current());
        for next in 0..=LAST {
            if SENT.load(Ordering::Acquire) == next {
                line!("worker2: nothing to do!");
            }
            while SENT.load(Ordering::Acquire) == next {
                hint::spin_loop();
            }
            let number = QUEUE[(next % ROOM) as usize].load(Ordering::Relaxed);
            RECEIVED.store(next + 1, Ordering::Release);
            line!("worker2 [{number}]");
        }
        line!("worker2 ok!");
    }
}
