//! The machine on riscv64: what a guest gets, and turning the H-extension on.

use alloc::{boxed::Box, rc::Rc};
use core::cell::RefCell;

use super::{
    format::Sv39x4,
    layout::{LAYOUT, PLIC, UART, UART_SOURCE, UART_WINDOW},
    regs,
    regs::HOST_REGISTERS,
    timer::Kind,
    untidy, vcpu,
    vcpu::Vcpu,
};
use crate::{
    devices::{
        Bus,
        plic::{self, Plic, Wire},
        uart16550::Uart16550,
    },
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

/// The kinds of UART that a guest can get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uart {
    /// A 16550A, emulated, and a PLIC by which it interrupts.
    Ns16550a,
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

    type Console = Uart;
    const CONSOLES: &'static [(&'static str, Uart)] = &[("ns16550a", Uart::Ns16550a)];

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
        console: Option<Uart>,
        arg: u64,
        memory: &mut GuestMemory<Tables>,
        bus: &mut Bus,
    ) -> Result<Vcpu, Error> {
        if timer == Some(Kind::Sstc) && !regs::has_sstc() {
            return Err(Error::Machine(
                "this hart has no Sstc, which `timer=sstc` needs; `timer=sbi` does without",
            ));
        }
        let chip = match console {
            Some(Uart::Ns16550a) => Some(add_uart(bus)?),
            None => None,
        };
        // Its own translation is off, so this is a virtual address as well.
        let entry = Gva::new(LAYOUT.entry.get());
        Ok(Vcpu::new(entry, arg, timer, chip, memory.tables().root()))
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

/// Gives a guest a UART, and what it interrupts it by, which this returns.
fn add_uart(bus: &mut Bus) -> Result<Rc<RefCell<Plic>>, Error> {
    let chip = Rc::new(RefCell::new(Plic::default()));
    bus.add(PLIC, plic::WINDOW, Box::new(chip.clone()))?;
    let line = Box::new(Wire {
        chip: chip.clone(),
        source: UART_SOURCE,
    });
    bus.add(UART, UART_WINDOW, Box::new(Uart16550::new(line)))?;
    Ok(chip)
}
