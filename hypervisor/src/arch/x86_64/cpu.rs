//! The machine on x86_64: what a guest gets, and turning SVM on.

use alloc::{boxed::Box, rc::Rc};
use core::cell::RefCell;

use super::{
    apic::{
        self, LocalApic,
        page::{self, Page},
    },
    format::NestedPaging,
    interrupts::Interrupts,
    layout::{self, COM1, COM1_LINE, ENTRY, IO_APIC, LOCAL_APIC, Mode, RAM_END},
    regs,
    regs::HOST_REGISTERS,
    vcpu,
    vcpu::Vcpu,
};
use crate::{
    devices::{
        Bus, Line,
        ioapic::{self, IoApic, Wire},
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

/// A CPU with AMD's SVM.
pub struct X86;

/// The kinds of UART that a guest can get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uart {
    /// The first UART of a PC, a 16550A at I/O ports, emulated.
    Com1,
}

/// The tables of nested paging (APM vol. 2 §15.25).
pub type Tables = stage2::Tables<NestedPaging>;

impl stage2::Flush for NestedPaging {
    fn invalidate(_gpa: Gpa) {
        // There is no instruction for one page of nested translation; the next VMRUN flushes.
        vcpu::flush_on_next_entry();
    }
}

impl Arch for X86 {
    const NAME: &'static str = "x86_64";

    type Mode = Mode;
    const MODES: &'static [(&'static str, Mode)] = &[
        ("svm", Mode::Svm),
        ("emulated-flash", Mode::EmulatedFlash),
        ("invalid-vmcb", Mode::InvalidVmcb),
    ];

    /// That of a local APIC, by how the guest reaches it.
    type Timer = apic::Mode;
    const TIMERS: &'static [(&'static str, apic::Mode)] =
        &[("x2apic", apic::Mode::X2Apic), ("xapic", apic::Mode::XApic)];

    type Console = Uart;
    const CONSOLES: &'static [(&'static str, Uart)] = &[("com1", Uart::Com1)];

    /// Switches SVM on, or says what the machine lacks.
    fn enable(_mode: Mode, _cpu: &mut Cpu) -> Result<(), Error> {
        regs::enable_svm()
    }

    fn layout(mode: Mode) -> Layout {
        layout::layout(mode)
    }

    type Tables = Tables;

    fn new_tables(_mode: Mode) -> Result<Tables, MapError> {
        Tables::new()
    }

    type Vcpu = Vcpu;

    /// With page tables that map each of the low 4 GiB to itself.
    fn new_vcpu(
        mode: Mode,
        timer: Option<apic::Mode>,
        console: Option<Uart>,
        arg: u64,
        memory: &mut GuestMemory<Tables>,
        bus: &mut Bus,
    ) -> Result<Vcpu, Error> {
        let cr3 = write_identity_tables(memory)?;
        // Its tables map these addresses to themselves.
        let (entry, stack) = (Gva::new(ENTRY), Gva::new(RAM_END));
        let chips = match timer {
            Some(mode) => Some(add_interrupts(mode, bus)?),
            None => None,
        };
        if let Some(Uart::Com1) = console {
            let chip = chips.as_ref().map(|(_, io)| io.clone());
            bus.add_at_ports(COM1, Box::new(Uart16550::new(line(chip))))?;
        }
        let interrupts = chips.map(|(local, io)| Interrupts::new(local, io));
        let mut vcpu = Vcpu::new(entry, stack, cr3, memory.tables().root(), interrupts)?;
        vcpu.set_argument(arg);
        if mode == Mode::InvalidVmcb {
            vcpu.invalidate();
        }
        Ok(vcpu)
    }

    fn wait_for_interrupt() {
        assert!(
            !axhal::asm::irqs_enabled(),
            "an interrupt in front of the wait would not end it"
        );
        x86_64::instructions::interrupts::enable_and_hlt();
    }

    fn about_to_release() {
        vcpu::about_to_release();
    }

    type HostRegisters = Registers<HOST_REGISTERS>;

    fn host_registers() -> Self::HostRegisters {
        regs::host_registers()
    }
}

/// A guest's APICs: its local one, and the one for lines.
type Chips = (Rc<RefCell<LocalApic>>, Rc<RefCell<IoApic>>);

/// Gives a guest what it is interrupted by.
fn add_interrupts(mode: apic::Mode, bus: &mut Bus) -> Result<Chips, Error> {
    let local = Rc::new(RefCell::new(LocalApic::new(mode, regs::tsc())));
    if mode == apic::Mode::XApic {
        let page = Page::new(local.clone(), regs::now);
        bus.add(LOCAL_APIC, page::WINDOW, Box::new(page))?;
    }
    let io = Rc::new(RefCell::new(IoApic::default()));
    bus.add(IO_APIC, ioapic::WINDOW, Box::new(io.clone()))?;
    Ok((local, io))
}

/// The line of a UART, which leads to a chip, if there is one.
fn line(chip: Option<Rc<RefCell<IoApic>>>) -> Box<dyn Line> {
    match chip {
        Some(chip) => Box::new(Wire {
            chip,
            pin: COM1_LINE,
        }),
        None => Box::new(()),
    }
}

/// Writes the guest's first page tables into its RAM, from 4 KiB on: a PML4, a PDPT, and four page
/// directories of 2 MiB pages. Returns the address of the PML4.
fn write_identity_tables(memory: &mut GuestMemory<Tables>) -> Result<Gpa, Error> {
    const PML4: u64 = 0x1000;
    const PDPT: u64 = 0x2000;
    const PD: u64 = 0x3000;
    const TABLE: u64 = NestedPaging::P | NestedPaging::W;
    let mut put = |at: u64, entry: u64| {
        memory
            .write(Gpa::new(at), &entry.to_le_bytes())
            .map_err(|_| Error::Layout("no room for the guest's tables"))
    };
    put(PML4, PDPT | TABLE)?;
    for gigabyte in 0..4 {
        put(PDPT + 8 * gigabyte, (PD + 0x1000 * gigabyte) | TABLE)?;
    }
    for block in 0..4 * 512 {
        put(PD + 8 * block, (block << 21) | TABLE | NestedPaging::PS)?;
    }
    Ok(Gpa::new(PML4))
}
