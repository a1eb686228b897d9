//! A small preemptive scheduler: tasks take turns, and the timer's interrupt ends each turn.
//!
//! Task 0 is the one that calls [`run`]. A task is stopped at any instruction, so whatever two of them use is
//! atomic, or is used by [`undisturbed`] code.

use core::{
    cell::UnsafeCell,
    sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
};

use crate::{
    arch::{
        switch::{prepare, switch},
        timer,
    },
    interrupt,
};

/// The most tasks, task 0 among them.
const TASKS: usize = 3;
const STACK: usize = 64 << 10;

/// What a task keeps while it does not run.
static STACK_POINTERS: [AtomicU64; TASKS] = [const { AtomicU64::new(0) }; TASKS];
static ALIVE: [AtomicBool; TASKS] = [const { AtomicBool::new(false) }; TASKS];
static ENTRIES: [UnsafeEntry; TASKS] = [const { UnsafeEntry(UnsafeCell::new(None)) }; TASKS];
static RUNNING: AtomicUsize = AtomicUsize::new(0);
static TURN: AtomicU64 = AtomicU64::new(0);

#[repr(C, align(16))]
struct Stack(UnsafeCell<[u8; STACK]>);
// SAFETY: each stack is one task's.
unsafe impl Sync for Stack {}
static STACKS: [Stack; TASKS] = [const { Stack(UnsafeCell::new([0; STACK])) }; TASKS];

struct UnsafeEntry(UnsafeCell<Option<fn()>>);
// SAFETY: an entry is written before its task is alive, and then read by that task alone.
unsafe impl Sync for UnsafeEntry {}

/// Runs `tasks`, the first as task 1, each for at most `turn` ticks of the counter at a time, and comes back when
/// all have returned. Meanwhile the timer's interrupts are the scheduler's.
pub fn run(tasks: &[fn()], turn: u64) {
    assert!(tasks.len() < TASKS, "there is room for {} tasks", TASKS - 1);
    ALIVE[0].store(true, Ordering::Relaxed);
    for (task, entry) in tasks.iter().enumerate().map(|(n, entry)| (n + 1, entry)) {
        // SAFETY: the task is not alive yet.
        unsafe { *ENTRIES[task].0.get() = Some(*entry) };
        let end = STACKS[task].0.get() as u64 + STACK as u64;
        STACK_POINTERS[task].store(prepare(end, begin), Ordering::Relaxed);
        ALIVE[task].store(true, Ordering::Relaxed);
    }
    TURN.store(turn, Ordering::Relaxed);
    interrupt::on_timer(next_turn);
    timer::enable(true);
    timer::arm(timer::now() + turn);
    timer::interrupts(true);
    while ALIVE[1..].iter().any(|task| task.load(Ordering::Relaxed)) {
        // Until the end of a turn.
        timer::wait();
    }
    timer::interrupts(false);
    timer::disarm();
}

/// The number of the running task.
pub fn current() -> usize {
    RUNNING.load(Ordering::Relaxed)
}

/// Runs code of a task that no other task runs in between.
pub fn undisturbed<R>(code: impl FnOnce() -> R) -> R {
    timer::interrupts(false);
    let result = code();
    timer::interrupts(true);
    result
}

/// The first code of each task.
extern "C" fn begin() -> ! {
    let task = current();
    // SAFETY: it was written before the task was alive.
    if let Some(entry) = unsafe { *ENTRIES[task].0.get() } {
        entry();
    }
    timer::interrupts(false);
    ALIVE[task].store(false, Ordering::Relaxed);
    loop {
        // Task 0 is always alive.
        go_on();
    }
}

/// A turn is over.
fn next_turn() {
    timer::arm(timer::now() + TURN.load(Ordering::Relaxed));
    go_on();
}

/// Goes on with the next task that is alive. Interrupts are off.
fn go_on() {
    let from = current();
    let mut others = (1..=TASKS).map(|n| (from + n) % TASKS);
    let Some(to) = others.find(|task| ALIVE[*task].load(Ordering::Relaxed)) else {
        return;
    };
    if to == from {
        return;
    }
    RUNNING.store(to, Ordering::Relaxed);
    let stack_pointer = STACK_POINTERS[to].load(Ordering::Relaxed);
    // SAFETY: that task was prepared, or has called this.
    unsafe { switch(STACK_POINTERS[from].as_ptr(), stack_pointer) };
}
