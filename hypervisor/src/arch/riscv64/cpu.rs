//! The machine on riscv64: what a guest gets, and turning the H-extension on.

use core::convert::Infallible;

use super::{
    format::Sv39x4, layout::LAYOUT, regs, regs::HOST_REGISTERS, timer::Kind, untidy, vcpu,
    vcpu::Vcpu,
};
use crate::{
    devices::Bus,
    error::Error,
    memory::addr::{Gpa, Gva},
    memory::guest_memory::GuestMemory,
    memory::mapping::MapError,
    memory::stage2,
    vm::arch::Arch,
    vm::hostcheck::Registers,
    vm::layout::Layout,
    vm::vcpu::Cpu,
};

/// A hart with the H-extension.
pub struct Riscv64;

/// How the guest runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// In VS-mode.
    Vs,
}

/// The tables of the second stage.
pub type Tables = stage2::Tables<Sv39x4>;

impl stage2::Flush for Sv39x4 {
    fn publish() {
        // A walk may have remembered that an entry was not valid.
        regs::fence_guest_translations();
    }

    fn invalidate(_gpa: Gpa) {
        regs::fence_guest_translations();
    }
}

impl Arch for Riscv64 {
    const NAME: &'static str = "riscv64";

    type Mode = Mode;
    const MODES: &'static [(&'static str, Mode)] = &[("vs", Mode::Vs)];

    type Timer = Kind;
    const TIMERS: &'static [(&'static str, Kind)] = &[("sbi", Kind::Sbi), ("sstc", Kind::Sstc)];

    type Console = Infallible;
    const CONSOLES: &'static [(&'static str, Infallible)] = &[];

    fn leave_traces(_cpu: &mut Cpu) {
        untidy::leave_traces();
    }

    /// Checks that there is an H-extension.
    fn enable(_mode: Mode, _cpu: &mut Cpu) -> Result<(), Error> {
        if regs::has_hypervisor_extension() {
            return Ok(());
        }
        Err(Error::Machine(
            "this hart has no H-extension; QEMU gives it with `-cpu rv64,h=true`",
        ))
    }

    fn layout(_mode: Mode) -> Layout {
        LAYOUT
    }

    type Tables = Tables;

    fn new_tables(_mode: Mode) -> Result<Tables, MapError> {
        Tables::new()
    }

    type Vcpu = Vcpu;

    fn new_vcpu(
        _mode: Mode,
        timer: Option<Kind>,
        _console: Option<Infallible>,
        arg: u64,
        memory: &mut GuestMemory<Tables>,
        _bus: &mut Bus,
    ) -> Result<Vcpu, Error> {
        if timer == Some(Kind::Sstc) && !regs::has_sstc() {
            return Err(Error::Machine(
                "this hart has no Sstc, which `timer=sstc` needs; `timer=sbi` does without",
            ));
        }
        // Its own translation is off, so this is a virtual address as well.
        let entry = Gva::new(LAYOUT.entry.get());
        Ok(Vcpu::new(entry, arg, timer, memory.tables().root()))
    }

    fn wait_for_interrupt() {
        assert!(
            !axhal::asm::irqs_enabled(),
            "an interrupt in front of the wait would not end it"
        );
        axhal::asm::wait_for_irqs();
        axhal::asm::enable_irqs();
    }

    fn about_to_release() {
        vcpu::about_to_release();
    }

    type HostRegisters = Registers<HOST_REGISTERS>;

    fn host_registers() -> Self::HostRegisters {
        regs::host_registers()
    }
}
