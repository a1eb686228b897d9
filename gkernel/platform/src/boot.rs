//! From the hypervisor's entry to ArceOS: a stack, a first Sv39 table, the jump to high addresses.

use core::sync::atomic::{AtomicU64, Ordering};

use axplat::mem::{Aligned4K, pa};

use crate::config::plat::{BOOT_STACK_SIZE, PHYS_VIRT_OFFSET};

#[unsafe(link_section = ".bss.stack")]
static mut BOOT_STACK: [u8; BOOT_STACK_SIZE] = [0; BOOT_STACK_SIZE];

/// The entry of the root table for the first of the high addresses.
const HIGH: usize = PHYS_VIRT_OFFSET >> 30 & 0x1FF;

/// Two gigapages, each at its own address and at its high one: devices and flash (0 to 1 GiB), and
/// RAM (2 to 3 GiB).
#[unsafe(link_section = ".data")]
static mut BOOT_TABLE: Aligned4K<[u64; 512]> = {
    const GIGAPAGE: u64 = 0xef; // V, R, W, X, G, A, D
    let mut table = [0; 512];
    let (devices, ram) = (GIGAPAGE, 0x8_0000 << 10 | GIGAPAGE);
    table[0] = devices;
    table[2] = ram;
    table[HIGH] = devices;
    table[HIGH + 2] = ram;
    Aligned4K::new(table)
};

/// The number that the hypervisor hands over. Not in .bss, which is cleared after it is set.
#[unsafe(link_section = ".data")]
static ARGUMENT: AtomicU64 = AtomicU64::new(0);

/// The number from the run's parameters.
pub fn argument() -> u64 {
    ARGUMENT.load(Ordering::Relaxed)
}

/// The index of x0 in [`start_state`].
pub const GENERAL: usize = 0;
/// The index of f0 in [`start_state`].
pub const FLOATS: usize = 32;
/// The index of the first CSR in [`start_state`]: sstatus, sie, stvec, scounteren, senvcfg, sscratch, sepc,
/// scause, stval, sip, satp, fcsr.
pub const CSRS: usize = 64;

const STATE_WORDS: usize = CSRS + 12;

/// The registers as the first instruction found them. Not in .bss either.
#[unsafe(link_section = ".data")]
static STATE: [AtomicU64; STATE_WORDS] = [const { AtomicU64::new(0) }; STATE_WORDS];

/// The registers as the guest's first instruction found them: x0 to x31, f0 to f31 and some CSRs. Of
/// x11, with which the entry works, it tells only whether it was zero.
pub fn start_state() -> [u64; STATE_WORDS] {
    core::array::from_fn(|n| STATE[n].load(Ordering::Relaxed))
}

/// Turns translation on. Runs at physical addresses, on the boot stack.
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
        ".option push",
        ".option arch, +d",
        // a1 is zero, or else the address of its own place, which is not, stands for it.
        "bnez   a1, 1f",
        "la     a1, {state}",
        "sd     zero, 11 * 8(a1)",
        "j      2f",
        "1:",
        "la     a1, {state}",
        "sd     a1, 11 * 8(a1)",
        "2:",
        ".irp n, 1,2,3,4,5,6,7,8,9,10,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
        "sd     x\\n, \\n * 8(a1)",
        ".endr",
        ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
        "fsd    f\\n, (32 + \\n) * 8(a1)",
        ".endr",
        ".macro STORE_CSR at, csr",
        "csrr   t0, \\csr",
        "sd     t0, (64 + \\at) * 8(a1)",
        ".endm",
        "STORE_CSR 0, sstatus",
        "STORE_CSR 1, sie",
        "STORE_CSR 2, stvec",
        "STORE_CSR 3, scounteren",
        "STORE_CSR 4, senvcfg",
        "STORE_CSR 5, sscratch",
        "STORE_CSR 6, sepc",
        "STORE_CSR 7, scause",
        "STORE_CSR 8, stval",
        "STORE_CSR 9, sip",
        "STORE_CSR 10, satp",
        "STORE_CSR 11, fcsr",
        ".option pop",
        "li     a1, 0",
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
        state = sym STATE,
        argument = sym ARGUMENT,
        stack = sym BOOT_STACK,
        stack_size = const BOOT_STACK_SIZE,
        enable_translation = sym enable_translation,
        offset = const PHYS_VIRT_OFFSET,
        main = sym axplat::call_main,
    )
}
