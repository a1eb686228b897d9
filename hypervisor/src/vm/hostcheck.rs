//! For the conformance suite: checks that a guest's turn leaves the host's registers alone, and that
//! the guest keeps its state although the vCPU leaves the CPU after each turn.

use crate::{
    memory::{addr::Gva, guest_memory::Ram},
    vm::exit::{Exit, Mmio, Other, Resume},
    vm::vcpu::{Cpu, Loaded, Vcpu},
};

/// Host registers by name, as an architecture reads them.
pub type Registers<const N: usize> = [(&'static str, u64); N];

/// A vCPU that is loaded for one turn at a time. When it has left the CPU, the host's registers must
/// hold what they held before: a difference becomes an exit that nobody handles, with the register's
/// name as its class.
pub struct HostCheck<'a, V, R> {
    vcpu: &'a mut V,
    cpu: &'a mut Cpu,
    read: fn() -> R,
}

impl<'a, V: Vcpu, R: AsRef<[(&'static str, u64)]>> HostCheck<'a, V, R> {
    /// Wraps a vCPU that runs on `cpu`. `read` reads the registers.
    pub fn new(vcpu: &'a mut V, cpu: &'a mut Cpu, read: fn() -> R) -> Self {
        Self { vcpu, cpu, read }
    }
}

impl<V: Vcpu, R: AsRef<[(&'static str, u64)]>> Loaded for HostCheck<'_, V, R> {
    fn run(&mut self, resume: Resume) -> Exit {
        let before = (self.read)();
        let exit = self.vcpu.load(self.cpu).run(resume);
        match changed(&before, &(self.read)()) {
            Some(register) => Exit::Other(register),
            None => exit,
        }
    }

    fn describe(&mut self, access: Mmio, ram: &dyn Ram) -> Mmio {
        self.vcpu.describe(access, ram)
    }

    fn pc(&self) -> Gva {
        self.vcpu.pc()
    }

    fn deadline(&self) -> Option<u64> {
        self.vcpu.deadline()
    }
}

/// The first register that has changed, with both values.
pub fn changed<R: AsRef<[(&'static str, u64)]>>(before: &R, after: &R) -> Option<Other> {
    let mut pairs = before.as_ref().iter().zip(after.as_ref());
    let (&(class, code), &(_, info)) = pairs.find(|(old, new)| old.1 != new.1)?;
    Some(Other { class, code, info })
}
