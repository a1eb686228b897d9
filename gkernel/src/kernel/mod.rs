//! A small kernel with user processes: each has an address space and takes turns with the others; it makes
//! calls, its stack grows as it is touched, and it is ended when it does what it must not.
//!
//! The kernel itself is never interrupted: the timer's interrupt is enabled while user mode runs, and only then. What
//! it needs of a machine is `arch::process`: the format of page tables (`LEVELS`, `table_entry`, `page_entry`,
//! `target`, `share_kernel`, `physical`), user mode's registers (`Context`, with `new`, `run`, `call` and `answer`),
//! and `synchronize` for code that was written.

mod calls;
mod elf;
mod frames;
mod process;
mod space;

use core::array;

pub use process::{Access, End, Event};

use crate::{
    arch::{process as machine, timer},
    println,
};
use frames::Frame;
use process::Process;

/// The size of a page.
const PAGE: u64 = 4096;

/// The most processes at a time.
const MOST: usize = 2;

/// What user mode may do with a page besides loading from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permits {
    /// Store to it.
    pub write: bool,
    /// Execute it.
    pub execute: bool,
}

impl Permits {
    const DATA: Self = Self {
        write: true,
        execute: false,
    };
}

/// A program to run, an ELF file, and its argument.
#[derive(Clone, Copy)]
pub struct Order {
    /// The file.
    pub program: &'static [u8],
    /// What its `main` gets.
    pub argument: u64,
}

/// How a process went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// How it ended.
    pub end: End,
    /// How often the timer interrupted it.
    pub interrupted: u64,
    /// The pages of its stack that it touched.
    pub stack_pages: u64,
}

/// Whether a turn ends.
enum Turn {
    /// The process goes on.
    Goes,
    /// It is another one's.
    IsOver,
    /// The process has ended.
    Ended(End),
}

/// The kernel.
#[derive(Default)]
pub struct Kernel {
    processes: u64,
}

impl Kernel {
    /// Runs a program as the first process of all, and says what it does for it. It gives `None` for what is no
    /// program.
    pub fn run_first(&mut self, order: Order) -> Option<Report> {
        let [report] = self.run(&[order], false, true);
        report
    }

    /// Runs programs until all have ended: in turns, which only a yielding process ends, or, with `preempts`, the
    /// timer. It gives `None` for what is no program.
    pub fn run_all<const N: usize>(
        &mut self,
        orders: &[Order; N],
        preempts: bool,
    ) -> [Option<Report>; N] {
        self.run(orders, preempts, false)
    }

    /// The frames that processes have, and what is between them.
    pub fn frames_in_use(&self) -> usize {
        frames::in_use()
    }

    fn run<const N: usize>(
        &mut self,
        orders: &[Order; N],
        preempts: bool,
        says: bool,
    ) -> [Option<Report>; N] {
        const { assert!(N <= MOST) };
        let shared = Frame::take().expect("nothing has all the memory yet");
        let mut processes: [Option<Process>; N] = array::from_fn(|n| {
            self.processes += 1;
            let Order { program, argument } = orders[n];
            Process::new(self.processes, program, argument, shared)
        });
        machine::synchronize();
        if says {
            processes.iter().flatten().for_each(announce);
        }
        let mut reports = [None; N];
        while processes.iter().any(Option::is_some) {
            for (place, report) in processes.iter_mut().zip(&mut reports) {
                let Some(process) = place else { continue };
                let Some(end) = turn(process, preempts, says) else {
                    continue;
                };
                if !matches!(end, End::Exited(_)) {
                    println!("process {} is ended: {end}", process.number);
                }
                *report = Some(Report {
                    end,
                    interrupted: process.interrupted,
                    stack_pages: process.stack_pages,
                });
                *place = None;
            }
        }
        if preempts {
            timer::disarm();
            timer::enable(false);
        }
        shared.release();
        reports
    }
}

/// Says where a process is.
fn announce(process: &Process) {
    use gkernel_abi::{STACK_END, STACK_SIZE};

    let entry = process.entry;
    println!("User app loaded at {:#x}", process.loaded_at);
    println!(
        "Mapping user stack: {:#x} -> {STACK_END:#x}",
        STACK_END - STACK_SIZE
    );
    println!("Enter user space: entry={entry:#x}, ustack={STACK_END:#x}");
}

/// From now on the timer's interrupt is due in a thousandth of a second, and interrupts user mode.
fn begin_turn() {
    timer::interrupts(false);
    timer::enable(true);
    timer::arm(timer::now() + timer::frequency() / 1000);
}

/// Runs a process until its turn is over; its end, if it comes to that.
fn turn(process: &mut Process, preempts: bool, says: bool) -> Option<End> {
    if preempts {
        begin_turn();
    }
    loop {
        let turn = match process.run() {
            Event::Call => calls::serve(process, says),
            Event::Fault { address, access } => match access {
                Access::Load | Access::Store if process.grow_stack(address) => Turn::Goes,
                access => Turn::Ended(End::Access(access)),
            },
            Event::Instruction => Turn::Ended(End::Instruction),
            Event::Timer => {
                process.interrupted += 1;
                Turn::IsOver
            }
            Event::Other(cause) => Turn::Ended(End::Other(cause)),
        };
        match turn {
            Turn::Goes => {}
            Turn::IsOver => return None,
            Turn::Ended(end) => return Some(end),
        }
    }
}
