//! The vCPU of x86_64.

mod access;
mod emulate;

use core::{
    arch::global_asm,
    mem::offset_of,
    sync::atomic::{AtomicBool, Ordering},
};

use super::{
    access::Access,
    calls,
    decode::{self, Action, Left, Trapped},
    event::{Event, Shutdown, meet},
    interrupts::Interrupts,
    msr, reenter,
    regs::{self, GuestRegs, Unswitched},
    start,
    vmcb::{INTERCEPT_EXCEPTIONS, INTERCEPT1, INTERCEPT2, TLB_FLUSH_ALL, V_INTR_MASKING, Vmcb},
};
use crate::{
    error::Error,
    memory::addr::{Gpa, Gva, Hpa, PAGE},
    memory::guest_memory::Ram,
    memory::pages::Region,
    vm::exit::{Exit, Mmio, Resume},
    vm::vcpu::{self, Cpu},
};

global_asm!(
    include_str!("enter.S"),
    rbx = const offset_of!(GuestRegs, rbx),
    rcx = const offset_of!(GuestRegs, rcx),
    rdx = const offset_of!(GuestRegs, rdx),
    rsi = const offset_of!(GuestRegs, rsi),
    rdi = const offset_of!(GuestRegs, rdi),
    rbp = const offset_of!(GuestRegs, rbp),
    r8 = const offset_of!(GuestRegs, r8),
    r9 = const offset_of!(GuestRegs, r9),
    r10 = const offset_of!(GuestRegs, r10),
    r11 = const offset_of!(GuestRegs, r11),
    r12 = const offset_of!(GuestRegs, r12),
    r13 = const offset_of!(GuestRegs, r13),
    r14 = const offset_of!(GuestRegs, r14),
    r15 = const offset_of!(GuestRegs, r15),
);

unsafe extern "C" {
    safe fn hv_guest_release();
    fn hv_x86_64_enter(regs: *mut GuestRegs, guest_vmcb: u64, host_vmcb: u64);
}

/// Passes the symbol at which a guest's memory is still as the guest left it.
pub fn about_to_release() {
    hv_guest_release();
}

/// The guest's address space ID. There is one guest at a time; 0 would be the host's.
const ASID: u32 = 1;

/// RFLAGS: interrupts are taken.
const RFLAGS_IF: u64 = 1 << 9;

/// The lengths in bytes of the instructions that RIP is moved past, where the CPU does not say. A prefix,
/// which would be ignored, makes them longer: then the guest goes on inside its own instruction.
const VMMCALL_LENGTH: u64 = 3;
const SHORT_LENGTH: u64 = 2;
const HLT_LENGTH: u64 = 1;

/// Set when a vCPU was loaded, or a nested mapping was taken away.
static FLUSH: AtomicBool = AtomicBool::new(false);

/// Has the next VMRUN drop all translations of guests.
pub fn flush_on_next_entry() {
    FLUSH.store(true, Ordering::Relaxed);
}

/// A long-mode guest.
pub struct Vcpu {
    regs: GuestRegs,
    vmcb: Region,
    host_vmcb: Region,
    /// Where VMRUN saves the host's state; software never touches it.
    host_save: Region,
    /// What the CPU holds of the guest while it is loaded, besides what VMRUN switches.
    unswitched: Unswitched,
    /// Permission maps: no port is the guest's, and of the MSRs those that `msr` permits.
    _iopm: Region,
    _msrpm: Region,
    /// What the guest takes on its next entry, unless the run loop raises something else.
    pending: Option<Event>,
    /// The access to a device that it is to be resumed from.
    access: Option<Access>,
    /// What interrupts it, if anything does.
    interrupts: Option<Interrupts>,
    /// Whether the CPU says where an intercepted instruction ends.
    saves_next_rip: bool,
}

impl Vcpu {
    /// A vCPU that starts at `entry` in long mode, ring 0, with interrupts off. `cr3` is where
    /// its own tables are, `root` where the nested ones are.
    pub fn new(
        entry: Gva,
        stack: Gva,
        cr3: Gpa,
        root: Hpa,
        interrupts: Option<Interrupts>,
    ) -> Result<Self, Error> {
        let take = |pages| {
            Region::new(pages, PAGE).ok_or(Error::OutOfMemory {
                purpose: "the vCPU's control blocks",
            })
        };
        let (mut iopm, mut msrpm) = (take(3)?, take(2)?);
        iopm.bytes_mut().fill(0xFF);
        msrpm.bytes_mut().fill(0xFF);
        msr::permit(msrpm.bytes_mut());
        let mut vcpu = Self {
            regs: GuestRegs::default(),
            vmcb: take(1)?,
            host_vmcb: take(1)?,
            host_save: take(1)?,
            unswitched: Unswitched::default(),
            _iopm: iopm,
            _msrpm: msrpm,
            pending: None,
            access: None,
            interrupts,
            saves_next_rip: regs::saves_next_rip(),
        };
        vcpu.set_controls(root);
        start::long_mode(&mut vcpu.vmcb_mut().state, entry, stack, cr3);
        Ok(vcpu)
    }

    /// Puts a number where the guest finds it: RDI.
    pub fn set_argument(&mut self, arg: u64) {
        self.regs.rdi = arg;
    }

    /// Gives the guest the host's address space ID, which VMRUN refuses (§15.5.1).
    pub fn invalidate(&mut self) {
        self.vmcb_mut().control.asid = 0;
    }

    /// What the guest may do: nothing but compute, call, and change what the CPU switches.
    fn set_controls(&mut self, root: Hpa) {
        let (iopm, msrpm) = (self._iopm.hpa(), self._msrpm.hpa());
        let control = &mut self.vmcb_mut().control;
        control.intercept_exceptions = INTERCEPT_EXCEPTIONS;
        control.intercept1 = INTERCEPT1;
        control.intercept2 = INTERCEPT2;
        control.iopm_base = iopm.get();
        control.msrpm_base = msrpm.get();
        control.asid = ASID;
        control.virtual_interrupts = V_INTR_MASKING;
        control.nested_paging = 1;
        control.nested_cr3 = root.get();
    }

    fn vmcb(&self) -> &Vmcb {
        // SAFETY: the region is a page, as large and as aligned as a Vmcb; any bits are one; and
        // the CPU writes it only inside `enter`, which borrows the vCPU exclusively.
        unsafe { &*self.vmcb.as_ptr::<Vmcb>() }
    }

    fn vmcb_mut(&mut self) -> &mut Vmcb {
        // SAFETY: as in `vmcb`.
        unsafe { &mut *self.vmcb.as_ptr::<Vmcb>() }
    }
}

impl vcpu::Vcpu for Vcpu {
    type Loaded<'a> = Loaded<'a>;

    fn load<'a>(&'a mut self, cpu: &'a mut Cpu) -> Loaded<'a> {
        // While the guest runs, interrupts are masked by the host's RFLAGS.IF (§15.21.1).
        assert!(
            axhal::asm::irqs_enabled(),
            "with interrupts off, nothing ends a guest's turn"
        );
        // SAFETY: the page is used for nothing else, and the address is taken back when this is dropped.
        unsafe { regs::set_host_save_area(self.host_save.hpa()) };
        self.unswitched.load();
        // What another guest with the same ASID left is dropped on the first entry.
        flush_on_next_entry();
        Loaded {
            vcpu: self,
            _cpu: cpu,
        }
    }

    fn describe(&mut self, access: Mmio, ram: &dyn Ram) -> Mmio {
        self.access = self.instruction(access.gpa, ram);
        let transfer = self.access.map(|access| access.transfer);
        Mmio { transfer, ..access }
    }

    fn pc(&self) -> Gva {
        Gva::new(self.vmcb().state.rip)
    }

    fn deadline(&self) -> Option<u64> {
        self.interrupts.as_ref()?.deadline()
    }
}

/// A guest in the CPU.
pub struct Loaded<'a> {
    vcpu: &'a mut Vcpu,
    _cpu: &'a mut Cpu,
}

impl Drop for Loaded<'_> {
    fn drop(&mut self) {
        self.vcpu.unswitched = Unswitched::save();
        // The CPU knows the page's address no more; it is about to become somebody else's.
        regs::clear_host_save_area();
    }
}

impl vcpu::Loaded for Loaded<'_> {
    fn run(&mut self, resume: Resume) -> Exit {
        self.vcpu.run(resume)
    }

    fn describe(&mut self, access: Mmio, ram: &dyn Ram) -> Mmio {
        vcpu::Vcpu::describe(self.vcpu, access, ram)
    }

    fn pc(&self) -> Gva {
        vcpu::Vcpu::pc(self.vcpu)
    }

    fn deadline(&self) -> Option<u64> {
        vcpu::Vcpu::deadline(self.vcpu)
    }

    fn reenter(&mut self, times: u64) -> bool {
        self.vcpu.vmcb_mut().control.event_injection = 0;
        axhal::asm::disable_irqs();
        // SAFETY: RIP is at the call, as the caller says, and interrupts are off.
        unsafe { reenter::reenter(self.vcpu.vmcb.hpa(), times) };
        axhal::asm::enable_irqs();
        true
    }
}

/// While it is loaded.
impl Vcpu {
    fn run(&mut self, resume: Resume) -> Exit {
        self.resume(resume);
        self.vmcb_mut().control.tlb_control = match FLUSH.swap(false, Ordering::Relaxed) {
            true => TLB_FLUSH_ALL,
            false => 0,
        };
        // From here on, an interrupt of the host's ends the turn, so that the guest's timer is looked at again.
        axhal::asm::disable_irqs();
        if let Some(interrupts) = &mut self.interrupts {
            let offered = interrupts.offer(regs::now().ns);
            self.vmcb_mut().control.virtual_interrupts = offered;
        }
        // SAFETY: the registers and both control blocks are the vCPU's own and valid; interrupts are off, as the
        // assembly demands, and on when it returns; the guest cannot reach host memory, ports or MSRs, since the
        // nested tables map only what was declared and everything else is intercepted. A pending interrupt of the
        // host's is taken before this returns, by the host's own handler.
        unsafe {
            hv_x86_64_enter(
                &mut self.regs,
                self.vmcb.hpa().get(),
                self.host_vmcb.hpa().get(),
            );
        }
        let left = self.left();
        let virtual_interrupts = self.vmcb().control.virtual_interrupts;
        if let Some(interrupts) = &mut self.interrupts {
            interrupts.settle(virtual_interrupts, left.int_info);
        }
        let Trapped { action, pending } = decode::decode(&left);
        self.pending = pending;
        match action {
            Action::Exit(exit) => {
                if let Exit::Port(_) = exit {
                    self.access = Access::at_port(left.info1, left.info2, left.rax);
                }
                exit
            }
            Action::Emulate(instruction) => self.emulate(instruction, &left),
        }
    }

    /// What the last exit left.
    fn left(&self) -> Left {
        let Vmcb { control, state } = self.vmcb();
        Left {
            code: control.exit_code,
            info1: control.exit_info1,
            info2: control.exit_info2,
            int_info: control.exit_int_info,
            cpl: state.cpl,
            rax: state.rax,
            rcx: self.regs.rcx,
            rdi: self.regs.rdi,
        }
    }

    fn resume(&mut self, resume: Resume) {
        match resume {
            Resume::Go => {}
            Resume::Reply(reply) => {
                self.vmcb_mut().state.rax = calls::encode(reply);
                // RIP is not advanced by the intercept (§15.9).
                self.move_past(VMMCALL_LENGTH);
            }
            // No instruction is refused while an event is delivered, so that nothing gets lost.
            Resume::Inject(exception) => self.pending = Some(exception.into()),
            Resume::Read(value) => self.end_access(Some(value)),
            Resume::Done => self.end_access(None),
            Resume::BusError => match meet(self.pending, Some(Event::PROTECTION)) {
                Ok(pending) => self.pending = pending,
                Err(Shutdown) => self.shut_down(),
            },
        }
        self.access = None;
        let event = self.pending.take().map_or(0, Event::word);
        // The guest takes it before its next instruction (§15.20).
        self.vmcb_mut().control.event_injection = event;
    }

    /// Moves RIP past an instruction that was carried out.
    fn move_past(&mut self, length: u64) {
        let Vmcb { control, state } = self.vmcb();
        let next = match control.next_rip {
            next if self.saves_next_rip => next,
            _ => state.rip.wrapping_add(length),
        };
        self.go_on_at(next);
    }

    /// Ends an instruction that was carried out.
    fn go_on_at(&mut self, next: u64) {
        if let Some(debug) = self.vmcb_mut().go_on_at(next) {
            self.pending = Some(debug);
        }
    }
}
