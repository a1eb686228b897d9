//! The virtual CPU: what the run loop needs of an architecture.

use crate::{
    memory::addr::Gva,
    vm::exit::{Exit, Resume},
};

/// A virtual CPU, stopped whenever the hypervisor looks at it.
pub trait Vcpu {
    /// Runs the guest until its next exit and says what that was. `resume` is what its last exit
    /// calls for: [`Resume::Reply`] after an [`Exit::Call`], [`Resume::Inject`] after an
    /// [`Exit::Refused`] or [`Exit::RefusedCall`] if it is to be the guest's own, [`Resume::Go`] after all others. Interrupts
    /// of the host that come meanwhile are taken by the host before this returns.
    fn run(&mut self, resume: Resume) -> Exit;

    /// Called after each turn that the guest survived. If its last exit was an instruction by which it waits
    /// for an interrupt that can still come, this passes the time until the host's next interrupt; the
    /// guest may look again then. It does not use the CPU meanwhile.
    fn wait(&mut self) {}

    /// The guest's program counter. After an exit it is that of the
    /// instruction concerned (of the one behind it, where the hardware moves on by itself).
    fn pc(&self) -> Gva;
}
