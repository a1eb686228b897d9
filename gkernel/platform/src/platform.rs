//! What ArceOS asks of a platform, answered through SBI.

use axplat::{
    console::ConsoleIf,
    impl_plat_interface,
    init::InitIf,
    mem::{MemIf, PhysAddr, RawRange, VirtAddr, pa, va},
    power::PowerIf,
    time::{NANOS_PER_SEC, TimeIf},
};

use crate::config::{
    devices::{MMIO_RANGES, TIMER_FREQUENCY},
    plat,
};

struct Platform;

#[impl_plat_interface]
impl InitIf for Platform {
    fn init_early(_cpu_id: usize, _device_tree: usize) {
        axcpu::init::init_trap();
    }

    fn init_later(_cpu_id: usize, _device_tree: usize) {}
}

#[impl_plat_interface]
impl ConsoleIf for Platform {
    /// Writes through the debug console (SBI, chapter 12), which may take less than it is given.
    fn write_bytes(bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let start = Self::virt_to_phys(va!(rest.as_ptr() as usize)).as_usize();
            let range = sbi_rt::Physical::new(rest.len(), start, 0);
            match sbi_rt::console_write(range) {
                written if written.is_ok() && written.value > 0 => {
                    rest = rest.get(written.value..).unwrap_or(&[]);
                }
                // Nobody is left to tell.
                _ => return,
            }
        }
    }

    fn read_bytes(_bytes: &mut [u8]) -> usize {
        0
    }
}

#[impl_plat_interface]
impl MemIf for Platform {
    fn phys_ram_ranges() -> &'static [RawRange] {
        const END: usize = plat::PHYS_MEMORY_BASE + plat::PHYS_MEMORY_SIZE;
        &[(plat::KERNEL_BASE_PADDR, END - plat::KERNEL_BASE_PADDR)]
    }

    fn reserved_phys_ram_ranges() -> &'static [RawRange] {
        &[]
    }

    fn mmio_ranges() -> &'static [RawRange] {
        &MMIO_RANGES
    }

    fn phys_to_virt(paddr: PhysAddr) -> VirtAddr {
        va!(paddr.as_usize() + plat::PHYS_VIRT_OFFSET)
    }

    fn virt_to_phys(vaddr: VirtAddr) -> PhysAddr {
        pa!(vaddr.as_usize() - plat::PHYS_VIRT_OFFSET)
    }

    fn kernel_aspace() -> (VirtAddr, usize) {
        (va!(plat::KERNEL_ASPACE_BASE), plat::KERNEL_ASPACE_SIZE)
    }
}

const NANOS_PER_TICK: u64 = NANOS_PER_SEC / TIMER_FREQUENCY as u64;

#[impl_plat_interface]
impl TimeIf for Platform {
    fn current_ticks() -> u64 {
        riscv::register::time::read() as u64
    }

    fn ticks_to_nanos(ticks: u64) -> u64 {
        ticks * NANOS_PER_TICK
    }

    fn nanos_to_ticks(nanos: u64) -> u64 {
        nanos / NANOS_PER_TICK
    }

    fn epochoffset_nanos() -> u64 {
        0
    }
}

#[impl_plat_interface]
impl PowerIf for Platform {
    fn system_off() -> ! {
        sbi_rt::system_reset(sbi_rt::Shutdown, sbi_rt::NoReason);
        // The hypervisor does not come back from it.
        loop {
            axcpu::asm::halt();
        }
    }

    fn cpu_num() -> usize {
        plat::MAX_CPU_NUM
    }
}
