//! The vCPU of aarch64.

use core::{
    arch::global_asm,
    mem::{self, offset_of},
};

use super::{
    calls, confine,
    cpu::Mode,
    decode::{self, Emulation, Guest, Trapped},
    exception::SPSR_EL1H_MASKED,
    idregs::{Features, IdRegisters},
    regs::{self, Context, El1State},
};
use crate::{
    memory::addr::{Gva, Hpa},
    vm::exit::{Exit, GuestException, Resume},
    vm::vcpu,
};

global_asm!(
    include_str!("enter.S"),
    guest = const offset_of!(Context, guest_x),
    guest_sp_el0 = const offset_of!(Context, guest_sp_el0),
    guest_elr = const offset_of!(Context, guest_elr),
    guest_spsr = const offset_of!(Context, guest_spsr),
    guest_tpidr_el0 = const offset_of!(Context, guest_tpidr_el0),
    guest_ttbr0 = const offset_of!(Context, guest_ttbr0),
    guest_hcr = const offset_of!(Context, guest_hcr),
    guest_tpidr_el1 = const offset_of!(Context, guest_tpidr_el1),
    guest_sp_el1 = const offset_of!(Context, guest_sp_el1),
    host = const offset_of!(Context, host_saved),
    host_sp = const offset_of!(Context, host_sp),
    host_sp_el0 = const offset_of!(Context, host_sp_el0),
    host_tpidr_el0 = const offset_of!(Context, host_tpidr_el0),
    host_tpidr_el1 = const offset_of!(Context, host_tpidr_el1),
    host_vbar = const offset_of!(Context, host_vbar),
    host_ttbr0 = const offset_of!(Context, host_ttbr0),
    host_hcr = const offset_of!(Context, host_hcr),
);

unsafe extern "C" {
    fn hv_aarch64_enter(context: *mut Context) -> u64;
}

/// A guest on this CPU.
pub struct Vcpu {
    context: Context,
    /// What EL1 holds between the guest's turns; none for a guest at EL0.
    el1: Option<El1State>,
    /// The bytes by which the guest's program counter moves on when its call is answered.
    call_length: u64,
    /// Whether the guest waits, by its last exit.
    waits: bool,
    /// The features that a guest at EL1 sees.
    ids: IdRegisters,
}

impl Vcpu {
    /// A vCPU that starts at `entry` with all registers zero but the stack pointer and x1,
    /// which is `arg`. `root` is that of its tables.
    pub fn new(mode: Mode, entry: Gva, stack: Gva, arg: u64, root: Hpa) -> Self {
        let mut context = Context {
            guest_elr: entry.get(),
            ..Context::default()
        };
        context.guest_x[1] = arg;
        let vcpu = match mode {
            Mode::El1 => {
                // SAFETY: `root` is that of the Stage-2 tables of this guest's memory map, which
                // outlives its vCPU.
                unsafe { regs::set_stage2(root) };
                let features = Features::new(confine::hardware_id);
                confine::clear_unswitched(features);
                Self {
                    context: Context {
                        guest_hcr: confine::guest_hcr(features),
                        guest_spsr: SPSR_EL1H_MASKED,
                        guest_sp_el1: stack.get(),
                        ..context
                    },
                    el1: Some(El1State::reset()),
                    call_length: 0,
                    waits: false,
                    ids: IdRegisters::new(confine::hardware_id),
                }
            }
            Mode::El0 => Self {
                context: Context {
                    guest_spsr: regs::SPSR_EL0T,
                    guest_sp_el0: stack.get(),
                    guest_ttbr0: root.get(),
                    ..context
                },
                el1: None,
                call_length: 0,
                waits: false,
                ids: IdRegisters::default(),
            },
        };
        // What an earlier guest left in the host's own regime is dropped.
        axhal::asm::flush_tlb(None);
        vcpu
    }
}

impl vcpu::Vcpu for Vcpu {
    fn run(&mut self, resume: Resume) -> Exit {
        self.resume(resume);
        axhal::asm::disable_irqs();
        if let Some(el1) = &self.el1 {
            el1.restore();
        }
        // SAFETY: the context is valid, exclusively borrowed and aligned as a stack pointer;
        // interrupts are masked, as the assembly demands; the guest is at EL1 behind Stage-2, or at
        // EL0 behind TTBR0, and either maps only what was declared for it.
        let vector = unsafe { hv_aarch64_enter(&mut self.context) };
        let syndrome = regs::read_syndrome(vector, self.el1.is_some());
        let trapped = match &mut self.el1 {
            Some(el1) => {
                el1.save();
                let guest = Guest {
                    x: &self.context.guest_x,
                    pstate: self.context.guest_spsr,
                    timer: el1.cntv_ctl,
                    ids: &self.ids,
                };
                let hcr = self.context.guest_hcr;
                decode::decode_el1(&syndrome, &guest, |address| regs::guest_ipa(hcr, address))
            }
            None => Trapped::exit(decode::decode_el0(&syndrome, &self.context.guest_x)),
        };
        // A pending interrupt of the host is taken here, by the host's own handler.
        axhal::asm::enable_irqs();
        match trapped {
            Trapped::Exit {
                exit,
                call_length,
                wait,
            } => {
                self.call_length = call_length;
                self.waits = wait;
                exit
            }
            Trapped::Emulated(emulation) => {
                self.emulate(&emulation);
                Exit::Emulated
            }
        }
    }

    fn wait(&mut self) {
        if mem::take(&mut self.waits) {
            // The host's tick comes within 10 ms.
            axhal::asm::wait_for_irqs();
        }
    }

    fn pc(&self) -> Gva {
        Gva::new(self.context.guest_elr)
    }
}

impl Vcpu {
    fn resume(&mut self, resume: Resume) {
        match resume {
            Resume::Go => {}
            Resume::Reply(reply) => {
                self.context.guest_elr = self.context.guest_elr.wrapping_add(self.call_length);
                self.context.guest_x[0] = calls::encode(reply);
            }
            Resume::Inject(exception) => self.inject(exception),
        }
    }

    /// Carries an instruction out.
    fn emulate(&mut self, emulation: &Emulation) {
        // 31 is XZR: it takes the value and keeps none.
        if let Some((register, value)) = emulation.write
            && let Some(x) = self.context.guest_x.get_mut(register)
        {
            *x = value;
        }
        self.context.guest_elr = self.context.guest_elr.wrapping_add(emulation.length);
        self.waits = emulation.wait;
    }

    /// Has the guest take an exception at its program counter, to EL1 (Arm ARM, D1.3.1). A guest at
    /// EL0 has no EL1 to take it to; its decoder never refuses, it ends the guest.
    fn inject(&mut self, exception: GuestException) {
        let Some(el1) = &mut self.el1 else { return };
        let (pc, pstate) = el1.trap(&exception, self.context.guest_elr, self.context.guest_spsr);
        (self.context.guest_elr, self.context.guest_spsr) = (pc, pstate);
    }
}
