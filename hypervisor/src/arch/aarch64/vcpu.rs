//! The vCPU of aarch64.

use alloc::rc::Rc;
use core::{arch::global_asm, cell::RefCell, mem::offset_of};

use super::{
    calls, confine,
    cpu::Mode,
    decode::{self, Emulation, Guest, INSTRUCTION, Syndrome, Trapped, Wake},
    exception::{self, SPSR_EL1H_MASKED},
    gic::{self, Interrupts},
    idregs::{Features, IdRegisters},
    reenter,
    regs::{self, Context, El1State},
    timer::{GuestTimer, Kind},
    unswitched::Unswitched,
};
use crate::{
    devices::gicd::Gicd,
    memory::addr::{Gva, Hpa},
    vm::exit::{Exit, GuestException, Resume},
    vm::vcpu::{self, Cpu},
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
);

unsafe extern "C" {
    safe fn hv_guest_release();
    fn hv_aarch64_enter(context: *mut Context) -> u64;
}

/// Passes the symbol at which a guest's memory is still as the guest left it.
pub fn about_to_release() {
    hv_guest_release();
}

/// A guest.
pub struct Vcpu {
    context: Context,
    /// What there is of it at EL1; none for a guest at EL0.
    el1: Option<El1>,
    /// What the guest's last exit left.
    syndrome: Syndrome,
    /// The bytes by which the guest's program counter moves on when its call is answered.
    call_length: u64,
}

/// A guest at EL1.
struct El1 {
    /// What the CPU holds of it while it is loaded.
    state: El1State,
    unswitched: Unswitched,
    timer: GuestTimer,
    /// None if nothing interrupts it.
    interrupts: Option<Interrupts>,
    /// The features that it sees, and those that the CPU has.
    ids: IdRegisters,
    features: Features,
    /// Where its Stage-2 tables are.
    root: Hpa,
}

impl Vcpu {
    /// A vCPU that starts at `entry` with all registers zero but the stack pointer and x1,
    /// which is `arg`. `root` is that of its tables. At EL1, a guest that is given a timer is interrupted by it as the
    /// distributor says.
    pub fn new(
        mode: Mode,
        timer: Option<(Kind, Rc<RefCell<Gicd>>)>,
        (entry, stack): (Gva, Gva),
        arg: u64,
        root: Hpa,
    ) -> Self {
        let mut context = Context {
            guest_elr: entry.get(),
            ..Context::default()
        };
        context.guest_x[1] = arg;
        let (context, el1) = match mode {
            Mode::El1 => {
                let features = Features::new(confine::hardware_id);
                let context = Context {
                    guest_hcr: confine::guest_hcr(features),
                    guest_spsr: SPSR_EL1H_MASKED,
                    guest_sp_el1: stack.get(),
                    ..context
                };
                let el1 = El1 {
                    state: El1State::RESET,
                    unswitched: Unswitched::default(),
                    timer: GuestTimer::new(timer.as_ref().map(|(kind, _)| *kind)),
                    interrupts: timer.map(|(_, chip)| Interrupts::new(chip)),
                    ids: IdRegisters::new(confine::hardware_id),
                    features,
                    root,
                };
                (context, Some(el1))
            }
            Mode::El0 => {
                let context = Context {
                    guest_spsr: regs::SPSR_EL0T,
                    guest_sp_el0: stack.get(),
                    guest_ttbr0: root.get(),
                    ..context
                };
                (context, None)
            }
        };
        Self {
            context,
            el1,
            syndrome: Syndrome::default(),
            call_length: 0,
        }
    }
}

impl vcpu::Vcpu for Vcpu {
    type Loaded<'a> = Loaded<'a>;

    fn load<'a>(&'a mut self, cpu: &'a mut Cpu) -> Loaded<'a> {
        // What an earlier guest left in the host's own regime is dropped.
        axhal::asm::flush_tlb(None);
        let mut host_hcr = 0;
        if let Some(el1) = &mut self.el1 {
            // SAFETY: `root` is that of the Stage-2 tables of this guest's memory map, which the caller
            // keeps while this is loaded.
            unsafe { regs::set_stage2(el1.root) };
            el1.state.restore();
            el1.unswitched.load(el1.features);
            el1.timer.load();
            match &mut el1.interrupts {
                Some(interrupts) => interrupts.load(),
                None => gic::silence(),
            }
            // SAFETY: it is a guest's, which E2H belongs to.
            host_hcr = unsafe { regs::swap_hcr(self.context.guest_hcr) };
        } else if axplat_aarch64_vhe::host_is_at_el2() {
            // What is pending there would end a wait of EL0's before it is trapped.
            gic::silence();
        }
        Loaded {
            vcpu: self,
            host_hcr,
            _cpu: cpu,
        }
    }

    fn pc(&self) -> Gva {
        Gva::new(self.context.guest_elr)
    }
}

/// A guest in the CPU.
pub struct Loaded<'a> {
    vcpu: &'a mut Vcpu,
    /// The host's HCR_EL2, if the guest is at EL1. Each change of VM would have QEMU forget all translations, and
    /// hardware wait for it; so it is not one of each turn's.
    host_hcr: u64,
    _cpu: &'a mut Cpu,
}

impl Drop for Loaded<'_> {
    fn drop(&mut self) {
        if let Some(el1) = &mut self.vcpu.el1 {
            // SAFETY: it is the host's own.
            unsafe { regs::swap_hcr(self.host_hcr) };
            if let Some(interrupts) = &mut el1.interrupts {
                interrupts.unload();
            }
            el1.timer.unload();
            el1.state = El1State::save();
            el1.unswitched = Unswitched::save(el1.features);
            regs::clear_stage2();
        }
    }
}

impl vcpu::Loaded for Loaded<'_> {
    fn run(&mut self, resume: Resume) -> Exit {
        self.vcpu.run(resume)
    }

    fn pc(&self) -> Gva {
        vcpu::Vcpu::pc(self.vcpu)
    }

    fn reenter(&mut self, times: u64) -> bool {
        let Vcpu {
            context,
            el1,
            syndrome,
            ..
        } = &mut *self.vcpu;
        if el1.is_none() {
            return false;
        }
        // The guest is behind its call, if it is a HVC, until it has been put back to it.
        if core::mem::take(syndrome).is_hvc() {
            context.guest_elr -= INSTRUCTION;
        }
        axhal::asm::disable_irqs();
        // SAFETY: ELR is at the call, as the caller says; interrupts are off, and the guest has masked its own, as it
        // has been from its start on.
        unsafe { reenter::reenter(context, times) };
        axhal::asm::enable_irqs();
        true
    }
}

/// While it is loaded, with interrupts off.
impl El1 {
    /// Before a turn: nothing of the guest's interrupts the host, so this is when it can.
    fn enter(&mut self) {
        if let Some(interrupts) = &mut self.interrupts {
            interrupts.enter(self.timer.has_fired());
        }
        self.timer.arm();
    }

    /// After a turn.
    fn leave(&mut self) {
        self.timer.disarm();
        if let Some(interrupts) = &mut self.interrupts {
            interrupts.leave(self.timer.has_fired());
        }
    }

    /// What would end a wait. Without interrupts, that is the timer when it has fired: it may be polled.
    fn wake(&self) -> Wake {
        let Some(interrupts) = &self.interrupts else {
            return match self.timer.is_armed() {
                true if self.timer.has_fired() => Wake::Now,
                true => Wake::At(self.timer.due_ns()),
                false => Wake::Never,
            };
        };
        if interrupts.are_pending() {
            Wake::Now
        } else if self.timer.is_armed() && interrupts.has_timer() {
            Wake::At(self.timer.due_ns())
        } else if interrupts.await_input() {
            // Until then: the loop looks at what is typed.
            Wake::At(u64::MAX)
        } else {
            Wake::Never
        }
    }
}

/// While it is loaded.
impl Vcpu {
    fn run(&mut self, resume: Resume) -> Exit {
        self.resume(resume);
        axhal::asm::disable_irqs();
        if let Some(el1) = &mut self.el1 {
            el1.enter();
        }
        // SAFETY: the context is valid, exclusively borrowed and aligned as a stack pointer;
        // interrupts are masked, as the assembly demands; the guest is at EL1 behind Stage-2, or at
        // EL0 behind TTBR0, and either maps only what was declared for it.
        let vector = unsafe { hv_aarch64_enter(&mut self.context) };
        let syndrome = regs::read_syndrome(vector, self.el1.is_some());
        let trapped = match &mut self.el1 {
            Some(el1) => {
                el1.leave();
                let may_wait = syndrome.may_wait(&self.context.guest_x);
                let guest = Guest {
                    x: &self.context.guest_x,
                    pstate: self.context.guest_spsr,
                    wake: if may_wait { el1.wake() } else { Wake::Never },
                    ids: &el1.ids,
                };
                decode::decode_el1(&syndrome, &guest, regs::guest_ipa)
            }
            None => Trapped::exit(decode::decode_el0(&syndrome, &self.context.guest_x)),
        };
        self.syndrome = syndrome;
        // A pending interrupt of the host is taken here, by the host's own handler.
        axhal::asm::enable_irqs();
        match trapped {
            Trapped::Exit { exit, length } => {
                match exit {
                    Exit::Waits { .. } => self.skip(length),
                    _ => self.call_length = length,
                }
                exit
            }
            Trapped::Emulated(emulation) => {
                self.emulate(&emulation);
                Exit::Emulated
            }
        }
    }

    fn resume(&mut self, resume: Resume) {
        match resume {
            Resume::Go => {}
            Resume::Reply(reply) => {
                self.skip(self.call_length);
                self.context.guest_x[0] = calls::encode(reply);
            }
            Resume::Inject(exception) => self.inject(exception),
            Resume::Read(value) => {
                if let Some(access) = self.syndrome.access() {
                    access.load(value, &mut self.context.guest_x);
                }
                self.skip(INSTRUCTION);
            }
            Resume::Done => self.skip(INSTRUCTION),
            Resume::BusError => {
                let Syndrome { esr, far, .. } = self.syndrome;
                let pstate = self.context.guest_spsr;
                self.inject(exception::external_abort(esr, far, pstate));
            }
        }
    }

    /// Moves past an instruction.
    fn skip(&mut self, length: u64) {
        self.context.guest_elr = self.context.guest_elr.wrapping_add(length);
    }

    /// Carries an instruction out.
    fn emulate(&mut self, emulation: &Emulation) {
        // 31 is XZR: it takes the value and keeps none.
        if let Some((register, value)) = emulation.write
            && let Some(x) = self.context.guest_x.get_mut(register)
        {
            *x = value;
        }
        self.skip(emulation.length);
    }

    /// Has the guest take an exception at its program counter, to EL1 (Arm ARM, D1.3.1). A guest at
    /// EL0 has no EL1 to take it to; its decoder never refuses, it ends the guest.
    fn inject(&mut self, exception: GuestException) {
        if self.el1.is_none() {
            return;
        }
        let context = &self.context;
        let (pc, pstate) = regs::trap_guest(&exception, context.guest_elr, context.guest_spsr);
        (self.context.guest_elr, self.context.guest_spsr) = (pc, pstate);
    }
}
