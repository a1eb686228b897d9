//! What ArceOS asks of a platform. The drivers are shared; what differs is what depends on the
//! exception level: the timer's interrupt and the way to the firmware.

use axplat::{
    console::ConsoleIf,
    impl_plat_interface,
    init::InitIf,
    mem::{MemIf, PhysAddr, RawRange, VirtAddr, pa, phys_to_virt, va},
    power::PowerIf,
    time::TimeIf,
};
use axplat_aarch64_peripherals::{generic_timer, gic, pl011, psci};

use crate::{
    boot::{host_is_at_el2, machine_has_el2},
    config::{
        devices::{self, MMIO_RANGES},
        plat,
    },
};

axplat_aarch64_peripherals::irq_if_impl!(Irq);

struct Platform;
struct Time;

/// The physical timer of the level we are at: CNTHP at EL2 (PPI 10), CNTP at EL1 (PPI 14).
fn timer_irq() -> usize {
    if host_is_at_el2() {
        devices::TIMER_IRQ
    } else {
        devices::EL1_TIMER_IRQ
    }
}

#[impl_plat_interface]
impl InitIf for Platform {
    fn init_early(_cpu_id: usize, _device_tree: usize) {
        axcpu::init::init_trap();
        pl011::init_early(phys_to_virt(pa!(devices::UART_PADDR)));
        // QEMU's firmware is one level above the machine's highest.
        psci::init(if machine_has_el2() { "smc" } else { "hvc" });
        generic_timer::init_early();
    }

    fn init_later(_cpu_id: usize, _device_tree: usize) {
        gic::init_gic(
            phys_to_virt(pa!(devices::GICD_PADDR)),
            phys_to_virt(pa!(devices::GICC_PADDR)),
        );
        gic::init_gicc();
        generic_timer::enable_irqs(timer_irq());
    }
}

#[impl_plat_interface]
impl ConsoleIf for Platform {
    fn write_bytes(bytes: &[u8]) {
        pl011::write_bytes(bytes);
    }

    fn read_bytes(bytes: &mut [u8]) -> usize {
        pl011::read_bytes(bytes)
    }

    fn irq_num() -> Option<usize> {
        Some(devices::UART_IRQ)
    }
}

#[impl_plat_interface]
impl MemIf for Platform {
    fn phys_ram_ranges() -> &'static [RawRange] {
        &[(plat::PHYS_MEMORY_BASE, plat::PHYS_MEMORY_SIZE)]
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

#[impl_plat_interface]
impl TimeIf for Time {
    fn current_ticks() -> u64 {
        generic_timer::current_ticks()
    }

    fn ticks_to_nanos(ticks: u64) -> u64 {
        generic_timer::ticks_to_nanos(ticks)
    }

    fn nanos_to_ticks(nanos: u64) -> u64 {
        generic_timer::nanos_to_ticks(nanos)
    }

    fn epochoffset_nanos() -> u64 {
        0
    }

    fn irq_num() -> usize {
        timer_irq()
    }

    fn set_oneshot_timer(deadline_ns: u64) {
        generic_timer::set_oneshot_timer(deadline_ns);
    }
}

#[impl_plat_interface]
impl PowerIf for Platform {
    fn system_off() -> ! {
        psci::system_off()
    }

    fn cpu_num() -> usize {
        plat::MAX_CPU_NUM
    }
}
