//! From the hypervisor's entry to ArceOS: a stack, a first Sv39 table, the jump to high addresses.

use core::sync::atomic::{AtomicU64, Ordering};

use axplat::mem::{Aligned4K, pa};

use crate::config::plat::{BOOT_STACK_SIZE, PHYS_VIRT_OFFSET};

#[unsafe(link_section = ".bss.stack")]
static mut BOOT_STACK: [u8; BOOT_STACK_SIZE] = [0; BOOT_STACK_SIZE];

/// Two gigapages, each at its own address and at its high one: devices and flash (0 to 1 GiB), and
/// RAM (2 to 3 GiB).
#[unsafe(link_section = ".data")]
static mut BOOT_TABLE: Aligned4K<[u64; 512]> = {
    const GIGAPAGE: u64 = 0xef; // V, R, W, X, G, A, D
    let mut table = [0; 512];
    let (devices, ram) = (GIGAPAGE, 0x8_0000 << 10 | GIGAPAGE);
    table[0] = devices;
    table[2] = ram;
    table[0x100] = devices;
    table[0x102] = ram;
    Aligned4K::new(table)
};

/// The number that the hypervisor hands over. Not in .bss, which is cleared after it is set.
#[unsafe(link_section = ".data")]
static ARGUMENT: AtomicU64 = AtomicU64::new(0);

/// The number from the run's parameters.
pub fn argument() -> u64 {
    ARGUMENT.load(Ordering::Relaxed)
}

/// Translation on. Runs at physical addresses, on the boot stack.
unsafe extern "C" fn enable_translation() {
    let root = pa!(&raw const BOOT_TABLE as usize);
    // SAFETY: the table maps where we run, at the same addresses, and the high half.
    unsafe { axcpu::asm::write_kernel_page_table(root) };
    axcpu::asm::flush_tlb(None);
}

/// The entry: a0 = hart ID, a1 = device tree (none here), a2 = the run's number, translation off.
#[unsafe(naked)]
#[unsafe(no_mangle)]
#[unsafe(link_section = ".text.boot")]
unsafe extern "C" fn _start() -> ! {
    core::arch::naked_asm!(
        "mv     s0, a0",
        "mv     s1, a1",
        "la     t0, {argument}",
        "sd     a2, (t0)",
        "la     sp, {stack}",
        "li     t0, {stack_size}",
        "add    sp, sp, t0",
        "call   {enable_translation}",
        "li     t0, {offset}",
        "add    sp, sp, t0",
        "la     t1, {main}",
        "add    t1, t1, t0",
        "mv     a0, s0",
        "mv     a1, s1",
        "jr     t1",
        argument = sym ARGUMENT,
        stack = sym BOOT_STACK,
        stack_size = const BOOT_STACK_SIZE,
        enable_translation = sym enable_translation,
        offset = const PHYS_VIRT_OFFSET,
        main = sym axplat::call_main,
    )
}
