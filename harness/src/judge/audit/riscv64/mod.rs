//! The G-stage of the H-extension (RISC-V Privileged Architecture, "Hypervisor" and "Two-Stage Address
//! Translation").

use super::walk::{self, Entry, Format, Table};
use super::{Access, Hint, Machine, Root, Stands, Unreadable, Walked};

/// What confines a guest.
const REGISTERS: [&str; 14] = [
    "hgatp",
    "hstatus",
    "hedeleg",
    "hideleg",
    "hcounteren",
    "henvcfg",
    "htimedelta",
    "hie",
    "hvip",
    "hstateen0",
    "hstateen1",
    "hstateen2",
    "hstateen3",
    "vsiselect",
];

/// sstatus.MXR: what is executable is readable too, in both stages where the host has set it.
const MXR: u64 = 1 << 19;

/// hgatp.PPN.
const PPN: u64 = (1 << 44) - 1;

/// A page table entry's bits ("Virtual-Memory System").
mod pte {
    pub const VALID: u64 = 1 << 0;
    pub const READ: u64 = 1 << 1;
    pub const WRITE: u64 = 1 << 2;
    pub const EXECUTE: u64 = 1 << 3;
    pub const USER: u64 = 1 << 4;
    pub const ACCESSED: u64 = 1 << 6;
    pub const DIRTY: u64 = 1 << 7;
    /// Bits 60 to 54.
    pub const RESERVED: u64 = 0x7f << 54;
    /// Page-based memory types; 3 is reserved.
    pub const PBMT: u64 = 3 << 61;
    /// One of several pages that are mapped as one.
    pub const NAPOT: u64 = 1 << 63;
}

/// The virtualization mode in `priv`, by which QEMU shows the privilege mode (RISC-V Debug Specification,
/// 4.10.1 "Virtual Debug Registers"). Before QEMU 10.0 the bit is always clear.
const PRIV_V: u64 = 1 << 2;

pub(super) fn take(machine: &mut dyn Machine, hint: &Hint) -> Result<Walked, Unreadable> {
    let registers = super::registers(machine, &REGISTERS)?;
    let stands = match hint.stands {
        known if known.confines() || known == Stands::Releasing => known,
        _ if machine.register("priv")?.unwrap_or(0) & PRIV_V != 0 => Stands::InGuest,
        _ => Stands::Elsewhere,
    };
    let mut walked = Walked {
        stands,
        registers,
        ..Walked::default()
    };
    let Some(&hgatp) = walked.registers.get("hgatp") else {
        let gap = "the machine has no register hgatp: its processor has no H-extension";
        walked.gaps.push(gap.into());
        return Ok(walked);
    };
    let live = match mode(hgatp) {
        0 => None,
        _ => Some(Root::Riscv64 {
            hgatp,
            mxr: mxr(machine, stands, hint.root)?,
        }),
    };
    let root = match live {
        None if hint.stands == Stands::Releasing => hint.root,
        live => live,
    };
    if let Some(Root::Riscv64 { hgatp, mxr }) = root {
        walked.root = root;
        tables(machine, hgatp, mxr, &mut walked);
    }
    Ok(walked)
}

/// While a guest runs, sstatus is its own: if the host's was never seen, it may have MXR set.
fn mxr(
    machine: &mut dyn Machine,
    stands: Stands,
    before: Option<Root>,
) -> Result<bool, Unreadable> {
    match (stands, before) {
        (Stands::InGuest, Some(Root::Riscv64 { mxr, .. })) => Ok(mxr),
        (Stands::InGuest, _) => Ok(true),
        _ => Ok(machine.register("sstatus")?.unwrap_or(0) & MXR != 0),
    }
}

fn mode(hgatp: u64) -> u64 {
    hgatp >> 60
}

fn tables(machine: &mut dyn Machine, hgatp: u64, mxr: bool, walked: &mut Walked) {
    let (name, level) = match mode(hgatp) {
        8 => ("Sv39x4", 2),
        9 => ("Sv48x4", 3),
        10 => ("Sv57x4", 4),
        reserved => {
            let gap = format!("hgatp {hgatp:#x} has the reserved mode {reserved}");
            walked.gaps.push(gap);
            return;
        }
    };
    let root = Table {
        // The root has 16 KiB and lies at a multiple of that.
        hpa: (hgatp & PPN & !3) << 12,
        size: 4 * 4096,
        level,
        gpa: 0,
        access: Access::ALL,
    };
    walked.format = Some(name.into());
    walked.keep(walk::walk(machine, &GStage { mxr }, root));
}

struct GStage {
    mxr: bool,
}

impl Format for GStage {
    fn shift(&self, level: u8) -> u32 {
        12 + 9 * u32::from(level)
    }

    fn table_size(&self) -> u64 {
        4096
    }

    /// Accessed and dirty bits are passed over: whether the hardware sets them itself is up to it.
    fn decode(&self, entry: u64, level: u8, gpa: u64, _: Access) -> Entry {
        let has = |bits| entry & bits != 0;
        let reserved = has(pte::RESERVED) || entry & pte::PBMT == pte::PBMT;
        if !has(pte::VALID) || reserved || has(pte::WRITE) && !has(pte::READ) {
            return Entry::Fault;
        }
        let page = entry >> 10 & PPN;
        if has(pte::READ | pte::EXECUTE) {
            return self.leaf(entry, page, level, gpa);
        }
        let of_leaves = pte::USER | pte::ACCESSED | pte::DIRTY | pte::PBMT | pte::NAPOT;
        if level == 0 || has(of_leaves) {
            return Entry::Fault;
        }
        Entry::Table(page << 12, Access::ALL)
    }
}

impl GStage {
    /// All accesses through this stage are a user's, so none passes without U.
    fn leaf(&self, entry: u64, page: u64, level: u8, gpa: u64) -> Entry {
        let has = |bits| entry & bits != 0;
        if !has(pte::USER) {
            return Entry::Fault;
        }
        let page = if has(pte::NAPOT) {
            // Svnapot has one size, 64 KiB: the low bits of the page are the address's own.
            if level != 0 || page & 0xf != 8 {
                return Entry::Fault;
            }
            page & !0xf | gpa >> 12 & 0xf
        } else {
            page
        };
        let below = (1 << (9 * u32::from(level))) - 1;
        if page & below != 0 {
            return Entry::Fault;
        }
        let execute = has(pte::EXECUTE);
        let read = has(pte::READ) || self.mxr && execute;
        Entry::Leaf(page << 12, Access::new(read, has(pte::WRITE), execute))
    }
}

#[cfg(test)]
mod tests;
