//! The virtual CPU: what the run loop needs from an architecture.
//!
//! A vCPU is memory. [`Vcpu::load`] puts it into a CPU, for as long as the returned value lives; the
//! guest runs only through that value. In addition, each turn switches what the host itself needs
//! between turns.

use crate::{
    memory::{addr::Gva, guest_memory::Ram},
    vm::exit::{Exit, Mmio, Resume},
};

/// The CPU that this code runs on, with one owner at a time. A loaded vCPU borrows it, so two are never
/// loaded at once.
#[derive(Debug)]
pub struct Cpu(());

impl Cpu {
    /// Takes the CPU, unless somebody has it already. Dropping the value frees it.
    pub fn take() -> Option<Self> {
        (!taken::replace(true)).then_some(Self(()))
    }
}

impl Drop for Cpu {
    fn drop(&mut self) {
        taken::replace(false);
    }
}

/// Whether somebody has the CPU. The machine has only one.
#[cfg(target_os = "none")]
mod taken {
    use core::sync::atomic::{AtomicBool, Ordering};

    static TAKEN: AtomicBool = AtomicBool::new(false);

    pub fn replace(taken: bool) -> bool {
        TAKEN.swap(taken, Ordering::AcqRel)
    }
}

/// For tests on the host: each thread has a CPU.
#[cfg(not(target_os = "none"))]
mod taken {
    use std::cell::Cell;

    std::thread_local!(static TAKEN: Cell<bool> = const { Cell::new(false) });

    pub fn replace(taken: bool) -> bool {
        TAKEN.replace(taken)
    }
}

/// A virtual CPU that is not running: plain memory. Making or dropping one touches no register.
pub trait Vcpu {
    /// The vCPU while it is in a CPU.
    type Loaded<'a>: Loaded
    where
        Self: 'a;

    /// Puts the guest's state into `cpu`, over whatever an earlier guest left there. Dropping the
    /// returned value takes it out again: the state is saved here, nothing of the guest can raise an
    /// interrupt any more, and the CPU no longer uses the guest's tables. The tables must live until
    /// then.
    fn load<'a>(&'a mut self, cpu: &'a mut Cpu) -> Self::Loaded<'a>;

    /// The guest's program counter.
    fn pc(&self) -> Gva;

    /// As [`Loaded::describe`].
    fn describe(&mut self, access: Mmio, _ram: &dyn Ram) -> Mmio {
        access
    }

    /// As [`Loaded::deadline`].
    fn deadline(&self) -> Option<u64> {
        None
    }
}

/// A virtual CPU whose state is in a CPU. The guest is stopped whenever the hypervisor looks at it.
pub trait Loaded {
    /// Runs the guest until its next exit, and returns that exit. `resume` answers the exit before:
    /// [`Resume::Reply`] after an [`Exit::Call`], [`Resume::Inject`] after an [`Exit::Refused`] or
    /// [`Exit::RefusedCall`] that the guest is to handle, [`Resume::Read`], [`Resume::Done`] or
    /// [`Resume::BusError`] after an [`Exit::Fault`] at a device's address, [`Resume::Go`] after all others. Interrupts
    /// for the host that come meanwhile are handled by the host before this returns.
    fn run(&mut self, resume: Resume) -> Exit;

    /// Says what the access to a device moves that the last exit was for, where that takes a look at the guest's
    /// instruction. Without one, the access stays as it is.
    fn describe(&mut self, access: Mmio, _ram: &dyn Ram) -> Mmio {
        access
    }

    /// When the hypervisor has to interrupt the guest for the guest's own sake, in nanoseconds on the
    /// host's monotonic clock: the deadline of a timer that the hypervisor keeps for it. The next turn from
    /// then on makes that timer's interrupt pending. None if no such timer is armed.
    fn deadline(&self) -> Option<u64> {
        None
    }

    /// The guest's program counter. After an exit it points to the instruction concerned (or to the
    /// next one, if the hardware moves on by itself).
    fn pc(&self) -> Gva;

    /// For measurements: enters the guest and leaves it so many times (at least once), and does nothing else. The
    /// guest's only turns so far ended with its first call; it stays at that call, and makes it in its next turn,
    /// with [`Resume::Go`]. False if nothing was done, because this guest cannot be entered so.
    fn reenter(&mut self, _times: u64) -> bool {
        false
    }
}
