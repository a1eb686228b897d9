//! From QEMU's entry to ArceOS: the exception level, a stack, a first table, the jump to high
//! addresses.

use core::{
    arch::{asm, naked_asm},
    sync::atomic::{AtomicBool, Ordering},
};

use aarch64_cpu::registers::{CurrentEL, ID_AA64MMFR1_EL1, Readable};
use axplat::mem::{Aligned4K, pa};
use page_table_entry::{GenericPTE, MappingFlags, aarch64::A64PTE};

use crate::config::plat::{BOOT_STACK_SIZE, PHYS_VIRT_OFFSET};

#[unsafe(link_section = ".bss.stack")]
static mut BOOT_STACK: [u8; BOOT_STACK_SIZE] = [0; BOOT_STACK_SIZE];

#[unsafe(link_section = ".data")]
static mut BOOT_L0: Aligned4K<[A64PTE; 512]> = Aligned4K::new([A64PTE::empty(); 512]);

#[unsafe(link_section = ".data")]
static mut BOOT_L1: Aligned4K<[A64PTE; 512]> = Aligned4K::new([A64PTE::empty(); 512]);

/// HCR_EL2 of the host: EL1 would be AArch64 (RW), the extensions are on (E2H), and what EL0 does is
/// the host's business (TGE).
pub const HCR_HOST: u64 = 1 << 31 | 1 << 34 | 1 << 27;

/// SCTLR with translation and caches off: the bits that are 1 by definition.
const SCTLR_RESET: u64 = 0x30D0_0800;

/// Whether ArceOS runs at EL2. If not, it runs at EL1 and there is no second stage.
pub fn host_is_at_el2() -> bool {
    CurrentEL.read(CurrentEL::EL) == 2
}

/// Not in .bss, which is cleared after it is set.
#[unsafe(link_section = ".data")]
static MACHINE_HAS_EL2: AtomicBool = AtomicBool::new(false);

/// Whether the machine started at EL2, wherever ArceOS runs now.
pub fn machine_has_el2() -> bool {
    MACHINE_HAS_EL2.load(Ordering::Relaxed)
}

/// Chooses the exception level. Runs with translation off.
unsafe extern "C" fn settle_exception_level() {
    MACHINE_HAS_EL2.store(host_is_at_el2(), Ordering::Relaxed);
    let has_vhe = ID_AA64MMFR1_EL1.read(ID_AA64MMFR1_EL1::VH) != 0;
    if machine_has_el2() && has_vhe {
        // SAFETY: translation is off before and after; E2H changes which registers the `*_EL1`
        // names reach, and none of them holds anything yet. The virtual counter shows the
        // physical one.
        unsafe {
            asm!(
                "msr    hcr_el2, {hcr}",
                "isb",
                "msr    spsel, #1",
                "msr    cntvoff_el2, xzr",
                "msr    sctlr_el1, {sctlr}",
                "isb",
                hcr = in(reg) HCR_HOST,
                sctlr = in(reg) SCTLR_RESET,
                options(nostack),
            );
        }
    } else {
        // SAFETY: this early there is nothing to lose; it returns at EL1, on the same stack.
        unsafe { axcpu::init::switch_to_el1() };
    }
}

unsafe extern "C" fn fill_boot_tables() {
    let rw = MappingFlags::READ | MappingFlags::WRITE;
    // SAFETY: one CPU, nothing else has a reference to the tables, and they are not in use yet.
    unsafe {
        BOOT_L0[0] = A64PTE::new_table(pa!(&raw mut BOOT_L1 as usize));
        // 0 to 1 GiB: devices; 1 to 2 GiB: RAM.
        BOOT_L1[0] = A64PTE::new_page(pa!(0), rw | MappingFlags::DEVICE, true);
        BOOT_L1[1] = A64PTE::new_page(pa!(0x4000_0000), rw | MappingFlags::EXECUTE, true);
    }
}

/// The first bytes of the image: the header of a Linux image (Linux, "Booting AArch64 Linux"), from
/// which QEMU learns to put the image 2 MiB into RAM and the device tree's address into x0.
#[unsafe(naked)]
#[unsafe(no_mangle)]
#[unsafe(link_section = ".text.boot")]
unsafe extern "C" fn _start() -> ! {
    const LITTLE_ENDIAN_4K_ANYWHERE: usize = 0b1010;
    naked_asm!(
        "add    x13, x18, #0x16",       // reads as "MZ"
        "b      {entry}",
        ".quad  0",                     // load offset
        ".quad  _ekernel - _start",     // size
        ".quad  {flags}",
        ".quad  0, 0, 0",
        ".ascii \"ARM\\x64\"",
        ".long  0",
        flags = const LITTLE_ENDIAN_4K_ANYWHERE,
        entry = sym start,
    )
}

#[unsafe(naked)]
unsafe extern "C" fn start() -> ! {
    naked_asm!(
        "mrs    x19, mpidr_el1",
        "and    x19, x19, #0xffffff",   // CPU ID
        "mov    x20, x0",               // device tree
        "adrp   x8, {stack}",
        "add    x8, x8, {stack_size}",
        "mov    sp, x8",
        "bl     {settle_exception_level}",
        "bl     {fill_boot_tables}",
        "adrp   x0, {table}",
        "bl     {init_mmu}",
        "mov    x8, {offset}",
        "add    sp, sp, x8",
        "mov    x0, x19",
        "mov    x1, x20",
        "ldr    x8, ={main}",
        "blr    x8",
        "b      .",
        stack = sym BOOT_STACK,
        stack_size = const BOOT_STACK_SIZE,
        settle_exception_level = sym settle_exception_level,
        fill_boot_tables = sym fill_boot_tables,
        table = sym BOOT_L0,
        init_mmu = sym axcpu::init::init_mmu,
        offset = const PHYS_VIRT_OFFSET,
        main = sym axplat::call_main,
    )
}
