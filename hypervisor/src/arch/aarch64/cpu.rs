//! The machine as aarch64 gives it: what a guest gets in either mode, and how it is confined.

use alloc::{boxed::Box, rc::Rc};
use core::cell::RefCell;

// It is also linked for its boot code and its answers to ArceOS.
use axplat_aarch64_vhe::config::devices::GICV_PADDR;

use super::{
    confine,
    idregs::Features,
    layout::{CPU_INTERFACE, CPU_INTERFACE_SIZE, DISTRIBUTOR, LAYOUT, STACK_END},
    regs,
    regs::HOST_REGISTERS,
    tables::Tables,
    timer::Kind,
    untidy,
    vcpu::{self, Vcpu},
};
use crate::{
    devices::{
        Bus,
        gicd::{self, Gicd},
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

impl Arch for Aarch64 {
    const NAME: &'static str = "aarch64";

    type Mode = Mode;
    const MODES: &'static [(&'static str, Mode)] = &[("el1", Mode::El1), ("el0", Mode::El0)];

    type Timer = Kind;
    const TIMERS: &'static [(&'static str, Kind)] = &[("cntv", Kind::Cntv)];

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
        arg: u64,
        memory: &mut GuestMemory<Tables>,
        bus: &mut Bus,
    ) -> Result<Vcpu, Error> {
        for (hpa, size) in memory.ram_in_host() {
            regs::clean_to_memory(hpa, size);
        }
        if timer.is_some() && mode == Mode::El0 {
            return Err(Error::Machine(
                "a guest at EL0 gets no timer, which `timer=cntv` asks for; one at EL1 does, with `mode=el1`",
            ));
        }
        let timer = match timer {
            Some(kind) => Some((kind, add_interrupts(memory, bus)?)),
            None => None,
        };
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
