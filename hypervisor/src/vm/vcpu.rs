//! The virtual CPU: what the run loop needs of an architecture.

use crate::vm::exit::{Exit, Reply};

/// A virtual CPU, stopped whenever the hypervisor looks at it.
pub trait Vcpu {
    /// Runs the guest until its next exit and says what that was. Interrupts of the host that come
    /// meanwhile are taken by the host before this returns.
    fn enter(&mut self) -> Exit;

    /// Answers the call that was the last exit and moves past it. To be used once after each
    /// [`Exit::Call`], and never otherwise.
    fn reply(&mut self, reply: Reply);

    /// The guest's program counter: a guest-virtual address. After an exit it is that of the
    /// instruction concerned (of the one behind it, where the hardware moves on by itself).
    fn pc(&self) -> u64;
}
