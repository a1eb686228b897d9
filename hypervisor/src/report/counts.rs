//! What is counted while a guest runs.

use crate::vm::exit::Exit;

/// The counts of a guest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All exits except the host's own interrupts, which come at any time.
    pub exits: u64,
    /// Nested page faults, but for those that are [`mmio`](Self::mmio).
    pub faults: u64,
    /// Accesses to emulated devices. To the CPU each is a nested page fault.
    pub mmio: u64,
    /// Hypercalls.
    pub calls: u64,
    /// Pages mapped on faults.
    pub mapped: u64,
    /// The guest's bytes that reached the console, or wait for the end of their line.
    pub bytes: u64,
}

impl Counts {
    /// The guest's progress: bytes that reach the console and pages that get mapped. Only whether it
    /// has grown matters.
    pub fn progress(&self) -> u64 {
        self.bytes + self.mapped
    }

    /// Counts an exit.
    pub(super) fn exit(&mut self, exit: &Exit) {
        match exit {
            Exit::HostInterrupt => return,
            Exit::Fault(_) => self.faults += 1,
            Exit::Mmio(_) => self.mmio += 1,
            Exit::Call(_) | Exit::RefusedCall(_) => self.calls += 1,
            Exit::Idle
            | Exit::Waits { .. }
            | Exit::Port(_)
            | Exit::Refused(_)
            | Exit::Emulated
            | Exit::Other(_) => {}
        }
        self.exits += 1;
    }
}
