//! The guest's accesses to emulated devices.

use super::{
    super::{
        access::{Access, GeneralRegisters},
        event, fetch,
        vmcb::State,
    },
    Vcpu,
};
use crate::memory::{addr::Gpa, guest_memory::Ram};

impl Vcpu {
    /// The access at `gpa` that the instruction at RIP made, if it is one that can be carried out.
    pub(super) fn instruction(&self, gpa: Gpa, ram: &dyn Ram) -> Option<Access> {
        fetch::access(self.vmcb(), self.registers(), gpa, ram)
    }

    /// Has the CPU shut down on the next entry: by an exception for which it finds no handler, however often.
    pub(super) fn shut_down(&mut self) {
        self.vmcb_mut().state.idtr.limit = 0;
        self.pending = Some(event::DOUBLE);
    }

    /// Has an access to a device done; a load gave `value`.
    pub(super) fn end_access(&mut self, value: Option<u64>) {
        let Some(access) = self.access else {
            return;
        };
        if let Some(value) = value {
            let mut registers = self.registers();
            access.load(value, &mut registers);
            self.set_registers(&registers);
        }
        self.go_on_at(access.next);
    }

    fn registers(&self) -> GeneralRegisters {
        let State { rax, rsp, .. } = self.vmcb().state;
        self.regs.all(rax, rsp)
    }

    fn set_registers(&mut self, registers: &GeneralRegisters) {
        let (rax, rsp) = self.regs.set_all(registers);
        let state = &mut self.vmcb_mut().state;
        (state.rax, state.rsp) = (rax, rsp);
    }
}
