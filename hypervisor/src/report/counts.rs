//! What is counted of a guest.

use crate::vm::exit::Exit;

/// What was counted while the guest ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All exits but the host's own interrupts, which come when they like.
    pub exits: u64,
    /// Nested page faults.
    pub faults: u64,
    /// Hypercalls.
    pub calls: u64,
    /// Pages mapped on faults.
    pub mapped: u64,
    /// Bytes of the guest's that reached the console, or wait there for the end of their line.
    pub bytes: u64,
}

impl Counts {
    /// What brings a guest's story on: bytes that reach the console and pages that get mapped. Only
    /// whether it has grown matters.
    pub fn progress(&self) -> u64 {
        self.bytes + self.mapped
    }

    /// Counts an exit.
    pub(super) fn exit(&mut self, exit: &Exit) {
        match exit {
            Exit::HostInterrupt => return,
            Exit::Fault(_) => self.faults += 1,
            Exit::Call(_) | Exit::RefusedCall(_) => self.calls += 1,
            Exit::Idle | Exit::Refused(_) | Exit::Emulated | Exit::Other(_) => {}
        }
        self.exits += 1;
    }
}
