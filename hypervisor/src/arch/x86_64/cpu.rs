//! The machine on x86_64: what a guest gets, and turning SVM on.

use super::{format::NestedPaging, regs, regs::HOST_REGISTERS, vcpu, vcpu::Vcpu};
use crate::{
    error::Error,
    memory::addr::{Gpa, Gva, Hpa},
    memory::guest_memory::GuestMemory,
    memory::mapping::MapError,
    memory::stage2,
    report::MemoryWords,
    vm::arch::Arch,
    vm::hostcheck::Registers,
    vm::layout::{Flash, Layout, Ram},
    vm::vcpu::Cpu,
};

/// A CPU with AMD's SVM.
pub struct X86;

/// How the guest runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// With the flash chip itself.
    Svm,
    /// With a window that the hypervisor fills from a file.
    EmulatedFlash,
    /// With a control block that VMRUN must refuse: for the conformance suite.
    InvalidVmcb,
}

/// The end of RAM, where the guest's first stack starts.
const RAM_END: u64 = 2 << 20;

const RAM: &[Ram] = &[Ram {
    name: "ram",
    gpa: Gpa::new(0),
    size: RAM_END,
}];

/// Where the image is loaded.
const ENTRY: u64 = 0x1_0000;

/// Where the flash is, for host and guest: the chip that QEMU puts below the firmware's, 4 MiB less
/// than 4 GiB with the firmware included.
const FLASH: u64 = 0xFFC0_0000;
/// The size of the window onto it; the smaller of what the two firmwares leave.
const FLASH_SIZE: u64 = 0x3C_0000;

/// What a guest of `mode` gets: 2 MiB of RAM, page tables in its first pages, the image at 64 KiB,
/// the stack at the end; and the flash.
const fn layout(mode: Mode) -> Layout {
    Layout {
        ram: RAM,
        flash: match mode {
            Mode::Svm | Mode::InvalidVmcb => Flash::Device {
                gpa: Gpa::new(FLASH),
                size: FLASH_SIZE,
                hpa: Hpa::new(FLASH),
            },
            Mode::EmulatedFlash => Flash::Image {
                gpa: Gpa::new(FLASH),
                path: "/boot/pflash.img",
            },
        },
        entry: Gpa::new(ENTRY),
        words: MemoryWords::Kilobytes,
    }
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

    /// Switches SVM on, or says what the machine lacks.
    fn enable(_mode: Mode, _cpu: &mut Cpu) -> Result<(), Error> {
        regs::enable_svm()
    }

    fn layout(mode: Mode) -> Layout {
        layout(mode)
    }

    type Tables = Tables;

    fn new_tables(_mode: Mode) -> Result<Tables, MapError> {
        Tables::new()
    }

    type Vcpu = Vcpu;

    /// With page tables that map each of the low 4 GiB to itself.
    fn new_vcpu(mode: Mode, arg: u64, memory: &mut GuestMemory<Tables>) -> Result<Vcpu, Error> {
        let cr3 = write_identity_tables(memory)?;
        // Its tables map these addresses to themselves.
        let (entry, stack) = (Gva::new(ENTRY), Gva::new(RAM_END));
        let mut vcpu = Vcpu::new(entry, stack, cr3, memory.tables().root())?;
        vcpu.set_argument(arg);
        if mode == Mode::InvalidVmcb {
            vcpu.invalidate();
        }
        Ok(vcpu)
    }

    type HostRegisters = Registers<HOST_REGISTERS>;

    fn host_registers() -> Self::HostRegisters {
        regs::host_registers()
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
