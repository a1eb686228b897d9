//! For the conformance suite: whether the host's own registers survive each turn of the guest.

use crate::{
    memory::addr::Gva,
    vm::exit::{Exit, Other, Resume},
    vm::vcpu::Vcpu,
};

/// Host registers by name, as an architecture reads them.
pub type Registers<const N: usize> = [(&'static str, u64); N];

/// A vCPU that compares the host's registers before and after each turn, and turns a difference into
/// an exit that nobody handles: its class is the register's name.
pub struct HostCheck<V, const N: usize> {
    vcpu: V,
    read: fn() -> Registers<N>,
}

impl<V: Vcpu, const N: usize> HostCheck<V, N> {
    /// Wraps a vCPU.
    pub fn new(vcpu: V, read: fn() -> Registers<N>) -> Self {
        Self { vcpu, read }
    }
}

impl<V: Vcpu, const N: usize> Vcpu for HostCheck<V, N> {
    fn run(&mut self, resume: Resume) -> Exit {
        let before = (self.read)();
        let exit = self.vcpu.run(resume);
        let after = (self.read)();
        let changed = before.iter().zip(&after).find(|(old, new)| old.1 != new.1);
        match changed {
            Some((&(class, code), &(_, info))) => Exit::Other(Other { class, code, info }),
            None => exit,
        }
    }

    fn wait(&mut self) {
        self.vcpu.wait();
    }

    fn pc(&self) -> Gva {
        self.vcpu.pc()
    }
}
