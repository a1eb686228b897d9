//! The vCPU of aarch64.

use core::{arch::global_asm, mem::offset_of};

use super::{
    exit,
    regs::{self, Context},
};
use crate::{
    exit::{Exit, Reply},
    vcpu,
};

global_asm!(
    include_str!("enter.S"),
    guest = const offset_of!(Context, guest_x),
    guest_sp = const offset_of!(Context, guest_sp),
    guest_elr = const offset_of!(Context, guest_elr),
    guest_spsr = const offset_of!(Context, guest_spsr),
    guest_tpidr = const offset_of!(Context, guest_tpidr),
    guest_ttbr0 = const offset_of!(Context, guest_ttbr0),
    host = const offset_of!(Context, host_saved),
    host_sp = const offset_of!(Context, host_sp),
    host_sp_el0 = const offset_of!(Context, host_sp_el0),
    host_tpidr = const offset_of!(Context, host_tpidr),
    host_vbar = const offset_of!(Context, host_vbar),
    host_ttbr0 = const offset_of!(Context, host_ttbr0),
);

unsafe extern "C" {
    fn hv_aarch64_enter(context: *mut Context) -> u64;
}

/// An EL0 guest on this CPU.
pub struct Vcpu {
    context: Context,
}

impl Vcpu {
    /// A vCPU that starts at `entry` with all registers zero but the stack pointer. `root` is the
    /// physical address of its tables.
    pub fn new(entry: u64, stack: u64, root: u64) -> Self {
        let context = Context {
            guest_elr: entry,
            guest_sp: stack,
            guest_spsr: regs::SPSR_EL0T,
            guest_ttbr0: root,
            ..Context::default()
        };
        // What was loaded as data is about to be fetched as instructions; and what an earlier
        // guest left in the TLB is dropped.
        axhal::asm::flush_icache_all();
        axhal::asm::flush_tlb(None);
        Self { context }
    }
}

impl vcpu::Vcpu for Vcpu {
    fn enter(&mut self) -> Exit {
        axhal::asm::disable_irqs();
        // SAFETY: the context is valid, exclusively borrowed and aligned as a stack pointer;
        // interrupts are masked, as the assembly demands; the guest is at EL0, and TTBR0_EL1 maps
        // only what was declared for it.
        let vector = unsafe { hv_aarch64_enter(&mut self.context) };
        let syndrome = exit::Syndrome::read(vector);
        // A pending interrupt of the host is taken here, by the host's own handler.
        axhal::asm::enable_irqs();
        exit::decode(&syndrome, &self.context.guest_x)
    }

    fn reply(&mut self, reply: Reply) {
        // ELR_EL1 is already behind the SVC.
        self.context.guest_x[0] = match reply {
            Reply::Value(value) => value,
            Reply::NotSupported => hv_abi::PSCI_NOT_SUPPORTED as u64,
            Reply::InvalidParameter => hv_abi::PSCI_INVALID_PARAMETERS as u64,
        };
    }

    fn pc(&self) -> u64 {
        self.context.guest_elr
    }
}
