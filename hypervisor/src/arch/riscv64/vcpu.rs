//! The vCPU of riscv64.

use alloc::rc::Rc;
use core::{arch::global_asm, cell::RefCell, mem::offset_of};

use super::{
    calls, decode,
    hart::{self, Effect},
    load::{self, GuestState},
    reenter, regs,
    regs::{Context, SharedCsrs},
    timer::{GuestTimer, Kind},
};
use crate::{
    devices::plic::Plic,
    memory::addr::{Gva, Hpa},
    vm::exit::{Exit, GuestException, Resume},
    vm::vcpu::{self, Cpu},
};

global_asm!(
    include_str!("enter.S"),
    guest = const offset_of!(Context, guest_x),
    guest_sepc = const offset_of!(Context, guest_sepc),
    guest_sstatus = const offset_of!(Context, guest_sstatus),
    guest_hstatus = const offset_of!(Context, guest_hstatus),
    host = const offset_of!(Context, host_saved),
    host_sstatus = const offset_of!(Context, host_sstatus),
    host_hstatus = const offset_of!(Context, host_hstatus),
    host_stvec = const offset_of!(Context, host_stvec),
    host_sscratch = const offset_of!(Context, host_sscratch),
);

unsafe extern "C" {
    safe fn hv_guest_release();
    fn hv_riscv64_enter(context: *mut Context);
}

/// The length of ECALL, WFI and WRS.NTO in bytes. They have no compressed form.
const INSTRUCTION: u64 = 4;

/// Passes the symbol at which a guest's memory is still as the guest left it.
pub fn about_to_release() {
    hv_guest_release();
}

/// A VS-mode guest.
pub struct Vcpu {
    context: Context,
    shared: SharedCsrs,
    /// The guest's state that the hart holds while the guest is loaded.
    state: GuestState,
    timer: GuestTimer,
    /// What its devices interrupt it by; none if it has none.
    chip: Option<Rc<RefCell<Plic>>>,
    /// Where the guest's tables are.
    root: Hpa,
    /// The convention of the call that awaits its answer.
    convention: calls::Convention,
    /// What the guest's last exit left.
    trap: decode::Trap,
}

impl Vcpu {
    /// A vCPU that starts at `entry` in VS-mode with its own translation off, `a0` (hart ID) and
    /// `a1` (device tree) zero, and `arg` in `a2`. Its devices interrupt it by `chip`. `root` is that of its Sv39x4
    /// tables.
    pub fn new(
        entry: Gva,
        arg: u64,
        timer: Option<Kind>,
        chip: Option<Rc<RefCell<Plic>>>,
        root: Hpa,
    ) -> Self {
        const A2: usize = 12;
        let mut guest_x = [0; 32];
        guest_x[A2] = arg;
        let context = Context {
            guest_x,
            guest_sepc: entry.get(),
            guest_sstatus: regs::SSTATUS_SPP | regs::SSTATUS_FS_INITIAL | regs::XL_64,
            guest_hstatus: regs::HSTATUS_SPV | regs::HSTATUS_VTW | regs::XL_64,
            ..Context::default()
        };
        Self {
            context,
            shared: SharedCsrs::default(),
            state: GuestState::default(),
            timer: GuestTimer::new(timer),
            chip,
            root,
            convention: calls::Convention::Standard,
            trap: decode::Trap::default(),
        }
    }
}

impl vcpu::Vcpu for Vcpu {
    type Loaded<'a> = Loaded<'a>;

    fn load<'a>(&'a mut self, cpu: &'a mut Cpu) -> Loaded<'a> {
        // SAFETY: the tables map only what was declared, and the caller keeps them while this is loaded.
        let host = unsafe { load::load(&self.state, self.root, self.timer.henvcfg()) };
        Loaded {
            vcpu: self,
            host,
            _cpu: cpu,
        }
    }

    fn pc(&self) -> Gva {
        Gva::new(self.context.guest_sepc)
    }

    fn deadline(&self) -> Option<u64> {
        self.timer.deadline()
    }
}

/// A guest in this hart.
pub struct Loaded<'a> {
    vcpu: &'a mut Vcpu,
    host: load::Controls,
    _cpu: &'a mut Cpu,
}

impl Drop for Loaded<'_> {
    fn drop(&mut self) {
        self.vcpu.state = load::unload(self.host);
    }
}

impl vcpu::Loaded for Loaded<'_> {
    fn run(&mut self, resume: Resume) -> Exit {
        self.vcpu.run(resume)
    }

    fn pc(&self) -> Gva {
        vcpu::Vcpu::pc(self.vcpu)
    }

    fn deadline(&self) -> Option<u64> {
        self.vcpu.timer.deadline()
    }

    fn reenter(&mut self, times: u64) -> bool {
        axhal::asm::disable_irqs();
        // SAFETY: sepc is at the call, as the caller says, and interrupts are off.
        unsafe { reenter::reenter(&self.vcpu.context, times) };
        axhal::asm::enable_irqs();
        true
    }
}

/// The guest's state while it is loaded.
impl Vcpu {
    fn run(&mut self, resume: Resume) -> Exit {
        self.resume(resume);
        axhal::asm::disable_irqs();
        self.timer.prepare();
        if let Some(chip) = &self.chip {
            regs::set_guest_external_interrupt(chip.borrow().interrupts());
        }
        let host = self.shared.swap_in();
        // SAFETY: the context is valid and exclusively borrowed; interrupts are off, as the
        // assembly demands; the guest cannot reach host memory, since hgatp maps only what was
        // declared for it.
        unsafe { hv_riscv64_enter(&mut self.context) };
        let mut trap = regs::read_trap(self.context.guest_sstatus);
        if trap.lacks_instruction() {
            let pc = Gva::new(self.context.guest_sepc);
            trap.supply(regs::guest_instruction(pc, trap.from_user));
        }
        if trap.may_be_a_wait() {
            trap.wakes_at = self.wakes_at();
        }
        trap.sbi_timer = self.timer.is_called();
        self.shared = host.swap_in();
        // A pending interrupt of the host is taken here, by the host's own handler.
        axhal::asm::enable_irqs();
        let (exit, convention) = decode::decode(&trap, &self.context.guest_x);
        self.convention = convention;
        self.trap = trap;
        match exit {
            Exit::Emulated | Exit::Waits { .. } => self.skip(INSTRUCTION),
            Exit::Call(_) => self.carry_out(trap.sbi_timer),
            _ => {}
        }
        exit
    }

    /// When a wait of the guest's ends at the latest, if nothing is pending. If only what is typed can end it, there is
    /// no time for that, and the loop looks.
    fn wakes_at(&self) -> Option<u64> {
        let awaits_input = || {
            let chip = self.chip.as_ref()?;
            let ends = chip.borrow().awaits_input() && regs::guest_external_is_enabled();
            ends.then_some(u64::MAX)
        };
        self.timer.wakes_at().or_else(awaits_input)
    }

    /// Carries out what the guest's call does to its hart. Its answer comes with the next turn.
    fn carry_out(&mut self, timer: bool) {
        let Some((_, Some(effect))) = hart::decode(&self.context.guest_x, timer) else {
            return;
        };
        match effect {
            Effect::Timer(ticks) => self.timer.arm(ticks),
            Effect::SoftwareInterrupt => regs::raise_guest_software_interrupt(),
            Effect::FenceInstructions => regs::fence_instructions(),
            Effect::FenceTranslations => regs::forget_guests(),
        }
    }

    fn resume(&mut self, resume: Resume) {
        match resume {
            Resume::Go => {}
            Resume::Reply(reply) => {
                calls::encode(reply, self.convention, &mut self.context.guest_x);
                self.skip(INSTRUCTION);
            }
            Resume::Inject(exception) => self.inject(exception),
            Resume::Read(value) => {
                if let Some(access) = self.trap.access(&self.context.guest_x) {
                    access.load(value, &mut self.context.guest_x);
                    self.skip(access.length());
                }
            }
            Resume::Done => {
                if let Some(access) = self.trap.access(&self.context.guest_x) {
                    self.skip(access.length());
                }
            }
            Resume::BusError => self.inject(self.trap.bus_error()),
        }
    }

    /// Moves past the trapped instruction, to which sepc points, and which has `length` bytes.
    fn skip(&mut self, length: u64) {
        self.context.guest_sepc = self.context.guest_sepc.wrapping_add(length);
    }

    /// Makes the guest take an exception at its program counter, as hardware delivers a delegated one
    /// (RISC-V Privileged, "Trap Entry" of the Hypervisor Extension).
    fn inject(&mut self, exception: GuestException) {
        let context = &mut self.context;
        let from_supervisor = context.guest_sstatus & regs::SSTATUS_SPP != 0;
        context.guest_sepc = regs::trap_guest(&exception, context.guest_sepc, from_supervisor);
        context.guest_sstatus |= regs::SSTATUS_SPP;
    }
}
