//! What the guest's own tables map besides what they start with.

use core::arch::asm;

use super::{DEMAND_PAGE, FREE_RAM, OFFSET, guest_pdpt};

/// Maps the gigabyte of the demand page, as an alias of RAM.
pub fn map_demand_page(address: u64) -> bool {
    const GIGABYTE: u64 = 1 << 30;
    if address / GIGABYTE != DEMAND_PAGE / GIGABYTE {
        return false;
    }
    map_gigabyte((address >> 30) as usize % 512, 0);
    true
}

/// An address at which `physical` can be loaded, stored and executed. One at a time: each call takes
/// the place of the last.
pub fn map_physical(physical: u64) -> u64 {
    const GIGABYTE: u64 = 1 << 30;
    const INDEX: usize = 508;
    map_gigabyte(INDEX, physical - physical % GIGABYTE);
    0xFFFF_FFFF_0000_0000 + physical % GIGABYTE
}

/// The same for the guest's user mode, ring 3.
pub fn map_user(physical: u64) -> u64 {
    const GIGABYTE: u64 = 1 << 30;
    const INDEX: usize = 507;
    /// User mode may go through the entry.
    const USER: u64 = 1 << 2;
    // SAFETY: CR3 has the guest's own table, in its RAM, which is in the high half too; user mode gets
    // nothing by this entry alone.
    unsafe {
        let root: u64;
        asm!("mov {}, cr3", out(reg) root, options(nomem, nostack));
        let entry = ((root + OFFSET) as *mut u64).add(511);
        entry.write_volatile(entry.read_volatile() | USER);
    }
    map_gigabyte(INDEX, (physical - physical % GIGABYTE) | USER);
    0xFFFF_FFFE_C000_0000 + physical % GIGABYTE
}

/// Maps two pages, one behind the other, and gives the address of the first. The tables for that are in the last free
/// RAM.
pub(super) fn map_pages(pages: [u64; 2]) -> u64 {
    const INDEX: usize = 506;
    const WRITABLE: u64 = 0b11;
    let directory = FREE_RAM.0 + FREE_RAM.1 - 0x2000;
    let table = directory + 0x1000;
    let put = |at: u64, entry: u64| {
        // SAFETY: the RAM is free, and mapped in the high half.
        unsafe { ((at + OFFSET) as *mut u64).write_volatile(entry | WRITABLE) };
    };
    put(directory, table);
    put(table, pages[0]);
    put(table + 8, pages[1]);
    map_entry(INDEX, directory | WRITABLE);
    0xFFFF_FFFE_8000_0000
}

fn map_gigabyte(index: usize, physical: u64) {
    map_entry(index, physical | 0x83);
}

fn map_entry(index: usize, entry: u64) {
    // SAFETY: the entries that are written map nothing that Rust has references to; loading CR3 drops
    // what the TLB knew of the last mapping there.
    unsafe {
        (&raw mut guest_pdpt[index]).write_volatile(entry);
        asm!("mov {tmp}, cr3", "mov cr3, {tmp}", tmp = out(reg) _, options(nostack));
    }
}

/// Points the guest's own tables to a root at `physical`, and goes on from there.
pub fn set_root(physical: u64) {
    // SAFETY: this is what the guest is for; with a root outside RAM nothing comes back.
    unsafe { asm!("mov cr3, {}", in(reg) physical) };
}
