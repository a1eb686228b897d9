//! The hypervisor's memory map and its page tables, on the host: what is declared, what a walk of
//! the tables finds, and what is refused.

mod tables;
mod windows;

use std::cell::{Cell, RefCell};

use hypervisor::{
    error::Error,
    memory::addr::{Gpa, Hpa, PAGE},
    memory::guest_memory::{GuestMemory, NotRam},
    memory::mapping::{Kind, MapError, Permits, Translation},
    memory::stage2::{Flush, Format, Tables},
    vm::exit::{Access, Fault, Refusal},
};

/// A format as wide as Sv39x4: three levels, a root of four pages. Bit 0: valid, bit 1: a block. An entry of the
/// last level looks like one that leads to a table, as on x86_64 and aarch64.
struct Wide;

impl Format for Wide {
    const LEVELS: u32 = 3;
    const ROOT_EXTRA_BITS: u32 = 2;

    fn leaf(hpa: Hpa, level: u32, permits: Permits, _kind: Kind) -> u64 {
        hpa.get() | 1 | u64::from(level > 0) << 1 | u64::from(permits.write) << 2
    }

    fn table(hpa: Hpa) -> u64 {
        hpa.get() | 1
    }

    fn next_table(entry: u64) -> Option<Hpa> {
        (entry & 2 == 0).then_some(Hpa::new(entry & !0xFFF))
    }
}

impl Flush for Wide {
    fn publish() {
        PUBLISHED.set(PUBLISHED.get() + 1);
    }

    fn invalidate(gpa: Gpa) {
        INVALIDATED.with_borrow_mut(|pages| pages.push(gpa.get()));
    }
}

thread_local! {
    /// The pages that `Wide` was told to drop from the TLBs, in order.
    static INVALIDATED: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
    /// How often `Wide` was told to make new entries visible.
    static PUBLISHED: Cell<u32> = const { Cell::new(0) };
}

/// Walks as the hardware would: from the root's address, through memory.
fn translate(root: Hpa, gpa: u64) -> Option<u64> {
    let (entry, level) = leaf(root, gpa)?;
    Some((entry & !0xFFF) + (gpa & ((PAGE << (9 * level)) - 1)))
}

fn leaf(root: Hpa, gpa: u64) -> Option<(u64, u32)> {
    let mut table = root.get();
    for (level, bits) in [(2, 11), (1, 9), (0, 9)] {
        let index = gpa >> (12 + 9 * level) & ((1 << bits) - 1);
        // SAFETY: on the host a table's address is its pointer, and the tables are alive.
        let entry = unsafe { *((table + 8 * index) as *const u64) };
        match (entry & 3, level) {
            (1, 1..) => table = entry & !0xFFF,
            (3, _) | (1, 0) => {
                // The hardware ignores the bits below, or faults.
                let offset = (entry & !0xFFF) % (PAGE << (9 * level));
                assert_eq!(offset, 0, "a block begins at a multiple of its size");
                return Some((entry, level));
            }
            _ => return None,
        }
    }
    None
}

fn tables() -> Tables<Wide> {
    Tables::new().unwrap()
}
