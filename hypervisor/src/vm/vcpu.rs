//! The virtual CPU: what the run loop needs of an architecture.
//!
//! A vCPU is memory. It becomes the state of a CPU by [`Vcpu::load`], for as long as the value lives that
//! this gives; only through that value does the guest run. What is switched at each turn besides is what
//! the host needs for itself between turns.

use crate::{
    memory::addr::Gva,
    vm::exit::{Exit, Resume},
};

/// The CPU that this runs on, as something that one owner has. A vCPU that is loaded borrows it, so two
/// are never loaded at once.
#[derive(Debug)]
pub struct Cpu(());

impl Cpu {
    /// The CPU, unless somebody has it already. It is free again when this is dropped.
    pub fn take() -> Option<Self> {
        (!taken::replace(true)).then_some(Self(()))
    }
}

impl Drop for Cpu {
    fn drop(&mut self) {
        taken::replace(false);
    }
}

/// Whether somebody has the CPU. The machine has one.
#[cfg(target_os = "none")]
mod taken {
    use core::sync::atomic::{AtomicBool, Ordering};

    static TAKEN: AtomicBool = AtomicBool::new(false);

    pub fn replace(taken: bool) -> bool {
        TAKEN.swap(taken, Ordering::AcqRel)
    }
}

/// On the host, for tests: each thread has a CPU.
#[cfg(not(target_os = "none"))]
mod taken {
    use std::cell::Cell;

    std::thread_local!(static TAKEN: Cell<bool> = const { Cell::new(false) });

    pub fn replace(taken: bool) -> bool {
        TAKEN.replace(taken)
    }
}

/// A virtual CPU that is not running: plain memory. Making one and dropping one touch no register.
pub trait Vcpu {
    /// It, in a CPU.
    type Loaded<'a>: Loaded
    where
        Self: 'a;

    /// Puts the guest's state into `cpu`, over whatever an earlier guest left there. Dropping what this
    /// gives takes it out again: the state is kept here, nothing of the guest's can raise an interrupt any
    /// more, and the CPU has let go of the guest's tables. These have to live until then.
    fn load<'a>(&'a mut self, cpu: &'a mut Cpu) -> Self::Loaded<'a>;

    /// The guest's program counter.
    fn pc(&self) -> Gva;
}

/// A virtual CPU whose state is in a CPU, stopped whenever the hypervisor looks at it.
pub trait Loaded {
    /// Runs the guest until its next exit and says what that was. `resume` is what its last exit
    /// calls for: [`Resume::Reply`] after an [`Exit::Call`], [`Resume::Inject`] after an
    /// [`Exit::Refused`] or [`Exit::RefusedCall`] if it is to be the guest's own, [`Resume::Go`] after all
    /// others. Interrupts of the host that come meanwhile are taken by the host before this returns.
    fn run(&mut self, resume: Resume) -> Exit;

    /// Called after each turn that the guest survived. If its last exit was an instruction by which it waits
    /// for an interrupt that can still come, this passes the time until the host's next interrupt; the
    /// guest may look again then. It does not use the CPU meanwhile.
    fn wait(&mut self) {}

    /// The guest's program counter. After an exit it is that of the
    /// instruction concerned (of the one behind it, where the hardware moves on by itself).
    fn pc(&self) -> Gva;
}
