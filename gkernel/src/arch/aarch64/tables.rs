//! The guest's own page tables: one table for both halves, a gigabyte an entry.

use core::{arch::asm, cell::UnsafeCell};

use super::{DEMAND_PAGE, OFFSET, TCR};

/// The only table: 512 entries of a gigabyte.
#[repr(C, align(4096))]
struct Table(UnsafeCell<[u64; 512]>);

// SAFETY: there is one CPU, and only the fault handler writes, one entry.
unsafe impl Sync for Table {}

impl Table {
    const BLOCK: u64 = 1 | 1 << 10 | 1 << 54; // valid, accessed, no execution at EL0
    const DEVICE: u64 = Self::BLOCK | 1 << 53; // none at EL1 either; attribute 0
    const NORMAL: u64 = Self::BLOCK | 3 << 8 | 1 << 2; // inner shareable; attribute 1
    /// For EL0 (AP 1): no execution at EL1, but at EL0.
    const USER: u64 = Self::NORMAL & !(1 << 54) | 1 << 53 | 1 << 6;
    const RAM: u64 = 0x4000_0000;
}

/// Devices and flash in the first gigabyte, RAM in the second.
#[unsafe(export_name = "guest_l1")]
#[unsafe(link_section = ".data")]
static L1: Table = Table(UnsafeCell::new({
    let mut entries = [0; 512];
    entries[0] = Table::DEVICE;
    entries[1] = Table::RAM | Table::NORMAL;
    entries
}));

/// Maps the gigabyte of the demand page, as an alias of RAM.
pub fn map_demand_page(address: u64) -> bool {
    const GIGABYTE: u64 = 1 << 30;
    if address / GIGABYTE != DEMAND_PAGE / GIGABYTE {
        return false;
    }
    map_gigabyte((address - OFFSET) / GIGABYTE, Table::RAM);
    true
}

/// An address at which `physical` can be loaded, stored and executed, as normal memory. One at a time:
/// each call takes the place of the last.
pub fn map_physical(physical: u64) -> u64 {
    const GIGABYTE: u64 = 1 << 30;
    const INDEX: u64 = 3;
    map_gigabyte(INDEX, physical - physical % GIGABYTE);
    OFFSET + INDEX * GIGABYTE + physical % GIGABYTE
}

/// The same for the guest's user mode, EL0, which may do all three there, as the kernel may load and store.
pub fn map_user(physical: u64) -> u64 {
    const GIGABYTE: u64 = 1 << 30;
    const INDEX: u64 = 4;
    set_entry(INDEX, (physical - physical % GIGABYTE) | Table::USER);
    OFFSET + INDEX * GIGABYTE + physical % GIGABYTE
}

/// The same in the low half and below 4 GiB, where AArch32 reaches it.
pub fn map_user_low(physical: u64) -> u64 {
    const GIGABYTE: u64 = 1 << 30;
    const INDEX: u64 = 2;
    set_entry(INDEX, (physical - physical % GIGABYTE) | Table::USER);
    // SAFETY: the table is the kernel's own, which maps nothing of Rust's in the low half.
    unsafe { asm!("msr tcr_el1, {}", "isb", in(reg) TCR, options(nostack)) };
    INDEX * GIGABYTE + physical % GIGABYTE
}

fn map_gigabyte(index: u64, physical: u64) {
    set_entry(index, physical | Table::NORMAL);
}

fn set_entry(index: u64, value: u64) {
    // SAFETY: the entries that are written map nothing that Rust has references to. The barriers and
    // the invalidation make the walker see them before the next access.
    unsafe {
        let entry = L1.0.get().cast::<u64>().add(index as usize);
        entry.write_volatile(value);
        asm!(
            "dsb ishst",
            "tlbi vmalle1",
            "dsb nsh",
            "isb",
            options(nostack)
        );
    }
}

/// Points the guest's own tables (the kernel's half) to a root at `physical`, and goes on from there.
pub fn set_root(physical: u64) {
    // SAFETY: this is what the guest is for; with a root outside RAM nothing comes back.
    unsafe {
        asm!("msr ttbr1_el1, {}", "isb", "tlbi vmalle1", "dsb nsh", "isb", in(reg) physical);
    }
}
