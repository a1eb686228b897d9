//! The machine as aarch64 gives it: what a guest gets in either mode, and how it is confined.

use alloc::{boxed::Box, rc::Rc};
use core::cell::RefCell;

// It is also linked for its boot code and its answers to ArceOS.
use axplat_aarch64_vhe::config::devices::GICV_PADDR;

use super::{
    confine,
    idregs::Features,
    layout::{
        CPU_INTERFACE, CPU_INTERFACE_SIZE, DISTRIBUTOR, LAYOUT, STACK_END, UART, UART_INTERRUPT,
    },
    regs,
    regs::HOST_REGISTERS,
    tables::Tables,
    timer::Kind,
    untidy,
    vcpu::{self, Vcpu},
};
use crate::{
    devices::{
        Bus, Line,
        gicd::{self, Gicd, Wire},
        pl011::{self, Pl011},
    },
    error::Error,
    memory::addr::{Gva, Hpa},
    memory::guest_memory::GuestMemory,
    memory::mapping::{MapError, Permits},
    vm::arch::Arch,
    vm::hostcheck::Registers,
    vm::layout::Layout,
    vm::vcpu::Cpu,
};

/// A CPU with ArceOS at EL2, or at EL1 for guests at EL0.
pub struct Aarch64;

/// How the guest runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// At EL1, with translation of its own, under Stage-2.
    El1,
    /// At EL0, without.
    El0,
}

/// The kinds of UART that a guest can get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uart {
    /// A PL011, emulated. It interrupts a guest that is given a timer.
    Pl011,
}

impl Arch for Aarch64 {
    const NAME: &'static str = "aarch64";

    type Mode = Mode;
    const MODES: &'static [(&'static str, Mode)] = &[("el1", Mode::El1), ("el0", Mode::El0)];

    type Timer = Kind;
    const TIMERS: &'static [(&'static str, Kind)] = &[("cntv", Kind::Cntv)];

    type Console = Uart;
    const CONSOLES: &'static [(&'static str, Uart)] = &[("pl011", Uart::Pl011)];

    fn leave_traces(_cpu: &mut Cpu) {
        untidy::leave_traces();
    }

    /// Takes from the guest what it must not have, or says what the machine lacks.
    fn enable(mode: Mode, _cpu: &mut Cpu) -> Result<(), Error> {
        match mode {
            Mode::El0 => confine::confine_el0(),
            Mode::El1 if !axplat_aarch64_vhe::host_is_at_el2() => {
                return Err(Error::Machine(
                    "the hypervisor is at EL1, where there is no Stage-2; QEMU starts it at EL2 with \
                     `-machine virt,virtualization=on`, and it stays there with `-cpu max`, which has VHE",
                ));
            }
            Mode::El1 => confine::confine_el1(Features::new(confine::hardware_id)),
        }
        Ok(())
    }

    fn layout(_mode: Mode) -> Layout {
        LAYOUT
    }

    type Tables = Tables;

    fn new_tables(mode: Mode) -> Result<Tables, MapError> {
        Tables::new(mode)
    }

    type Vcpu = Vcpu;

    fn new_vcpu(
        mode: Mode,
        timer: Option<Kind>,
        console: Option<Uart>,
        arg: u64,
        memory: &mut GuestMemory<Tables>,
        bus: &mut Bus,
    ) -> Result<Vcpu, Error> {
        for (hpa, size) in memory.ram_in_host() {
            regs::clean_to_memory(hpa, size);
        }
        if (timer.is_some() || console.is_some()) && mode == Mode::El0 {
            return Err(Error::Machine(
                "a guest at EL0 gets neither timer nor console, which `timer=` and `console=` ask for; one at \
                 EL1 does, with `mode=el1`",
            ));
        }
        let timer = match timer {
            Some(kind) => Some((kind, add_interrupts(memory, bus)?)),
            None => None,
        };
        if let Some(Uart::Pl011) = console {
            add_uart(timer.as_ref().map(|(_, chip)| chip.clone()), bus)?;
        }
        // Its own translation is off, so these are virtual addresses as well.
        let (entry, stack) = (Gva::new(LAYOUT.entry.get()), Gva::new(STACK_END.get()));
        Ok(Vcpu::new(
            mode,
            timer,
            (entry, stack),
            arg,
            memory.tables().root(),
        ))
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

/// Gives a guest what it is interrupted by: a distributor that is emulated, and the hardware's CPU interface
/// for guests. Returns the distributor.
fn add_interrupts(
    memory: &mut GuestMemory<Tables>,
    bus: &mut Bus,
) -> Result<Rc<RefCell<Gicd>>, Error> {
    const RW: Permits = Permits {
        write: true,
        execute: false,
    };
    let chip = Rc::new(RefCell::new(Gicd::default()));
    bus.add(DISTRIBUTOR, gicd::WINDOW, Box::new(chip.clone()))?;
    let hpa = Hpa::new(GICV_PADDR as u64);
    memory.add_device("gicc", CPU_INTERFACE, CPU_INTERFACE_SIZE, hpa, RW)?;
    Ok(chip)
}

/// Gives a guest a UART, which interrupts it by `chip`, if there is one.
fn add_uart(chip: Option<Rc<RefCell<Gicd>>>, bus: &mut Bus) -> Result<(), Error> {
    let line: Box<dyn Line> = match chip {
        Some(chip) => Box::new(Wire {
            chip,
            intid: UART_INTERRUPT,
        }),
        None => Box::new(()),
    };
    bus.add(UART, pl011::WINDOW, Box::new(Pl011::new(line)))
}
