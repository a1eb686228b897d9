//! The guest's accesses to emulated devices.

use super::{
    super::{
        access::{Access, GeneralRegisters},
        decode,
        event::{self, Event},
        fetch::fetch,
        instruction,
        vmcb::{State, Vmcb},
    },
    Vcpu,
};
use crate::memory::{
    addr::{Gpa, Gva},
    guest_memory::Ram,
};

impl Vcpu {
    /// The access at `gpa` that the instruction at RIP made, if it is one that can be carried out.
    pub(super) fn instruction(&self, gpa: Gpa, ram: &dyn Ram) -> Option<Access> {
        let Vmcb { control, state } = self.vmcb();
        if Event::was_under_way(control.exit_int_info) || !state.is_64_bit() {
            return None;
        }
        let (bytes, there) = fetch(state.cr3, Gva::new(state.rip), ram);
        let is_write = decode::is_write(control.exit_info1);
        let state = instruction::State {
            registers: self.registers(),
            rip: state.rip,
            fs_base: state.fs.base,
            gs_base: state.gs.base,
        };
        instruction::made(&bytes[..there], &state, gpa, is_write)
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
