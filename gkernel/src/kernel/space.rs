//! The address space of a process: radix tables of 512 entries, in the machine's format, and the pages that they
//! lead to.

use gkernel_abi::STACK_END;

use super::{PAGE, Permits, frames::Frame};
use crate::arch::process as machine;

/// An address space. Dropping it gives back its frames.
pub struct Space {
    root: Frame,
}

impl Space {
    /// An address space with nothing of the process's in it; `None` if there is no frame left.
    pub fn new() -> Option<Self> {
        let root = Frame::take()?;
        machine::share_kernel(|at, entry| root.set_word(at, entry));
        Some(Self { root })
    }

    /// The physical address of its root.
    pub fn root(&self) -> u64 {
        self.root.address()
    }

    /// Maps `frame` at the page of `address`, and keeps it. `None` if there is no frame left for a table; then
    /// `frame` is given back, too.
    ///
    /// It panics if something is mapped there or the address is not a process's.
    pub fn map(&mut self, address: u64, frame: Frame, permits: Permits) -> Option<()> {
        assert!(address < STACK_END);
        let mut table = self.root;
        for level in (1..machine::LEVELS).rev() {
            let at = index(address, level);
            table = match next(table, at) {
                Some(next) => next,
                None => {
                    let Some(next) = Frame::take() else {
                        frame.release();
                        return None;
                    };
                    table.set_word(at, machine::table_entry(next.address()));
                    next
                }
            };
        }
        let at = index(address, 0);
        assert!(next(table, at).is_none(), "{address:#x} is mapped");
        table.set_word(at, machine::page_entry(frame.address(), permits));
        Some(())
    }

    /// The frame that is mapped at an address.
    pub fn find(&self, address: u64) -> Option<Frame> {
        if address >= STACK_END {
            return None;
        }
        let levels = (0..machine::LEVELS).rev();
        levels
            .map(|level| index(address, level))
            .try_fold(self.root, next)
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        release(self.root, machine::LEVELS - 1);
    }
}

/// Gives back a table of a level, and all that it leads to that is of the pool: what is the kernel's is not.
fn release(table: Frame, level: u32) {
    for entry in (0..512).filter_map(|at| next(table, at)) {
        match level {
            0 => entry.release(),
            _ => release(entry, level - 1),
        }
    }
    table.release();
}

/// Where an entry leads to.
fn next(table: Frame, at: usize) -> Option<Frame> {
    machine::target(table.word(at)).and_then(Frame::at)
}

/// The index of an address in a table of a level; level 0 has the pages.
fn index(address: u64, level: u32) -> usize {
    ((address / PAGE) >> (9 * level)) as usize % 512
}
