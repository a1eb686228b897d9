//! Instructions of the guest's that the hypervisor carries out.

use super::{
    super::{
        apic::Wake,
        cpuid,
        decode::{self, Instruction, Left},
        interrupts::Interrupts,
        msr, regs,
    },
    HLT_LENGTH, RFLAGS_IF, SHORT_LENGTH, Vcpu,
};
use crate::vm::exit::Exit;

/// While it is loaded.
impl Vcpu {
    /// Carries an instruction of the guest's out.
    pub(super) fn emulate(&mut self, instruction: Instruction, left: &Left) -> Exit {
        let done = match instruction {
            Instruction::Cpuid => {
                self.answer_cpuid();
                true
            }
            Instruction::ReadMsr(number) => self.read_msr(number),
            Instruction::WriteMsr(number) => self.write_msr(number),
            Instruction::FlushCaches => true,
            Instruction::Halt => return self.halt(),
        };
        if done {
            self.move_past(SHORT_LENGTH);
            return Exit::Emulated;
        }
        decode::refused(left).map_or(Exit::Emulated, Exit::Refused)
    }

    fn halt(&mut self) -> Exit {
        let interrupts_are_on = self.vmcb().state.rflags & RFLAGS_IF != 0;
        let wake = |interrupts: &Interrupts| interrupts.wake(interrupts_are_on, regs::now().ns);
        let exit = match self.interrupts.as_ref().map_or(Wake::Never, wake) {
            Wake::Never => return Exit::Idle,
            Wake::Now => Exit::Emulated,
            Wake::At(until_ns) => Exit::Waits { until_ns },
        };
        self.move_past(HLT_LENGTH);
        exit
    }

    fn answer_cpuid(&mut self) {
        let (function, index) = (self.vmcb().state.rax as u32, self.regs.rcx as u32);
        let apic = self.interrupts.as_ref().map(Interrupts::shown);
        let leaf = cpuid::answer(function, index, apic, regs::cpuid);
        self.vmcb_mut().state.rax = leaf.eax.into();
        self.regs.rbx = leaf.ebx.into();
        self.regs.rcx = leaf.ecx.into();
        self.regs.rdx = leaf.edx.into();
    }

    fn emulated_msrs(&self) -> msr::Emulated {
        let state = &self.vmcb().state;
        msr::Emulated {
            efer: state.efer,
            pat: state.g_pat,
        }
    }

    /// Gives EDX:EAX the value of an MSR; false if the guest has not got it.
    fn read_msr(&mut self, number: u32) -> bool {
        let own = self.emulated_msrs().read(number);
        let of_apic = || self.interrupts.as_ref()?.read(number, regs::now());
        let Some(value) = own.or_else(of_apic) else {
            return false;
        };
        self.vmcb_mut().state.rax = value & 0xFFFF_FFFF;
        self.regs.rdx = value >> 32;
        true
    }

    /// Gives an MSR the value in EDX:EAX; false if the guest has not got it, or not with this value.
    fn write_msr(&mut self, number: u32) -> bool {
        let value = self.regs.rdx << 32 | self.vmcb().state.rax & 0xFFFF_FFFF;
        if let Some(interrupts) = &self.interrupts
            && interrupts.write(number, value, regs::now())
        {
            return true;
        }
        let Some(msr::Emulated { efer, pat }) = self.emulated_msrs().written(number, value) else {
            return false;
        };
        let state = &mut self.vmcb_mut().state;
        (state.efer, state.g_pat) = (efer, pat);
        true
    }
}
