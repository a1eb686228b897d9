//! Arm's stage 2 (Arm ARM, D8: "The AArch64 Virtual Memory System Architecture").

use super::walk::{self, Entry, Format, Table};
use super::{Access, Hint, Machine, Root, Stands, Unreadable, Walked};

/// What confines a guest.
const REGISTERS: [&str; 19] = [
    "HCR_EL2",
    "VTTBR_EL2",
    "VTCR_EL2",
    "CPTR_EL2",
    "MDCR_EL2",
    "HSTR_EL2",
    "CNTHCTL_EL2",
    "HCRX_EL2",
    // Fine-grained traps.
    "HFGRTR_EL2",
    "HFGWTR_EL2",
    "HFGITR_EL2",
    "HDFGRTR_EL2",
    "HDFGWTR_EL2",
    // What concerns the guest alone, and is not set by it: its identity, the time, its virtual errors, its user
    // mode's counters, self-hosted debug.
    "VMPIDR_EL2",
    "CNTVOFF_EL2",
    "VSESR_EL2",
    "PMUSERENR_EL0",
    "MDSCR_EL1",
    // Whether the host's interrupts are off.
    "cpsr",
];

/// HCR_EL2.VM, and DC, which makes the processor behave as if VM were set.
const HCR_VM_OR_DC: u64 = 1 << 0 | 1 << 12;

/// HCR_EL2.TGE: what runs below EL2 is the host's.
const HCR_TGE: u64 = 1 << 27;

/// Bits of PSTATE, which QEMU shows as `cpsr`: AArch32, and of the exception level the one that says 2 or 3.
const PSTATE_NRW: u64 = 1 << 4;
const PSTATE_EL_2_OR_3: u64 = 1 << 3;

/// VTCR_EL2's bits.
mod vtcr {
    pub const HA: u64 = 1 << 21;
    pub const HD: u64 = 1 << 22;
    pub const DS: u64 = 1 << 32;
    pub const SL2: u64 = 1 << 33;
    pub const S2PIE: u64 = 1 << 36;
    pub const D128: u64 = 1 << 38;
}

/// A descriptor's bits.
mod descriptor {
    pub const VALID: u64 = 1 << 0;
    pub const TABLE_OR_PAGE: u64 = 1 << 1;
    pub const S2AP_READ: u64 = 1 << 6;
    pub const S2AP_WRITE: u64 = 1 << 7;
    pub const AF: u64 = 1 << 10;
    /// Dirty bit modifier: the hardware may set `S2AP_WRITE`.
    pub const DBM: u64 = 1 << 51;
    pub const XN_SHIFT: u32 = 53;
}

pub(super) fn take(machine: &mut dyn Machine, hint: &Hint) -> Result<Walked, Unreadable> {
    let registers = super::registers(machine, &REGISTERS)?;
    let mut walked = Walked {
        stands: hint.stands,
        registers,
        ..Walked::default()
    };
    let of = |name| walked.registers.get(name).copied();
    let (Some(hcr), Some(vttbr), Some(vtcr)) = (of("HCR_EL2"), of("VTTBR_EL2"), of("VTCR_EL2"))
    else {
        let gap = "the machine has no HCR_EL2, VTTBR_EL2 or VTCR_EL2: its processor has no EL2";
        walked.gaps.push(gap.into());
        return Ok(walked);
    };
    let live = (hcr & HCR_VM_OR_DC != 0).then_some(Root::Aarch64 { vttbr, vtcr });
    walked.stands = match hint.stands {
        known if known.confines() || known == Stands::Releasing => known,
        _ if live.is_none() || hcr & HCR_TGE != 0 => Stands::Elsewhere,
        Stands::JustLeft => Stands::InGuest,
        _ if is_below_el2(machine)? => Stands::InGuest,
        _ => Stands::Elsewhere,
    };
    let root = match live {
        None if hint.stands == Stands::Releasing => hint.root,
        live => live,
    };
    if let Some(Root::Aarch64 { vttbr, vtcr }) = root {
        walked.root = root;
        match Stage2::new(vtcr) {
            Ok(stage2) => {
                walked.format = Some(stage2.to_string());
                let root = stage2.root(vttbr);
                walked.keep(walk::walk(machine, &stage2, root));
            }
            Err(gap) => walked.gaps.push(gap),
        }
    }
    Ok(walked)
}

/// Whether the processor stands at EL0 or EL1. Of AArch32 that is not certain.
fn is_below_el2(machine: &mut dyn Machine) -> Result<bool, Unreadable> {
    let pstate = machine.register("cpsr")?;
    Ok(pstate.is_some_and(|pstate| pstate & (PSTATE_NRW | PSTATE_EL_2_OR_3) == 0))
}

/// The format of the tables, as VTCR_EL2 has it.
struct Stage2 {
    /// Bits of an address in a page: 12, 14 or 16.
    grain: u32,
    /// Bits of a guest's address.
    input: u32,
    /// Bits of the machine's.
    output: u32,
    /// The root's, counted from the last.
    level: u8,
    vtcr: u64,
}

impl Stage2 {
    fn new(vtcr: u64) -> Result<Self, String> {
        for (bit, name) in [
            (vtcr::DS, "DS"),
            (vtcr::S2PIE, "S2PIE"),
            (vtcr::D128, "D128"),
        ] {
            if vtcr & bit != 0 {
                return Err(format!(
                    "VTCR_EL2 {vtcr:#x} has {name} set, a format that the audit cannot walk"
                ));
            }
        }
        let reserved = || format!("VTCR_EL2 {vtcr:#x} has a combination that is reserved");
        let start = vtcr >> 6 & 3;
        // By granule: what SL0 0 to 3 name as the root's level, counted from the last.
        let (grain, levels) = match vtcr >> 14 & 3 {
            0 => (12, [Some(1), Some(2), Some(3), Some(0)]),
            1 => (16, [Some(0), Some(1), Some(2), None]),
            2 => (14, [Some(0), Some(1), Some(2), None]),
            _ => return Err(reserved()),
        };
        let level = levels[start as usize].ok_or_else(reserved)?;
        let output = match vtcr >> 16 & 7 {
            0 => 32,
            1 => 36,
            2 => 40,
            3 => 42,
            4 => 44,
            5 => 48,
            // 52 bits want another form of descriptors unless pages have 64 KiB.
            6 if grain == 16 => 52,
            6 => 48,
            _ => return Err(reserved()),
        };
        let format = Self {
            grain,
            input: 64 - (vtcr & 0x3f) as u32,
            output,
            level,
            vtcr,
        };
        // At most 16 tables stand side by side as the root, and it has at least two entries.
        let indexed = format.input.checked_sub(format.shift(level));
        let fits = indexed.is_some_and(|bits| (1..=format.stride() + 4).contains(&bits));
        let widest = if grain == 16 { 52 } else { 48 };
        if !fits || format.input > widest || vtcr & vtcr::SL2 != 0 {
            return Err(reserved());
        }
        Ok(format)
    }

    fn stride(&self) -> u32 {
        self.grain - 3
    }

    fn root(&self, vttbr: u64) -> Table {
        let size = 8 << (self.input - self.shift(self.level));
        let mut hpa = vttbr & 0xffff_ffff_fffe;
        if self.output == 52 {
            hpa = hpa & !0x3f | (vttbr >> 2 & 0xf) << 48;
        }
        Table {
            hpa: hpa & !(size - 1),
            size,
            level: self.level,
            gpa: 0,
            access: Access::ALL,
        }
    }

    /// The address in a descriptor, from that bit up; none if the machine has not so many bits.
    fn address(&self, entry: u64, shift: u32) -> Option<u64> {
        let mut address = entry & 0xffff_ffff_ffff & !((1 << shift) - 1);
        if self.output == 52 {
            address |= (entry >> 12 & 0xf) << 48;
        }
        (address >> self.output == 0).then_some(address)
    }

    /// Whether a descriptor of that level may be a block.
    fn has_blocks(&self, level: u8) -> bool {
        match self.grain {
            12 => level <= 2,
            14 => level <= 1,
            // Those of 4 TiB need FEAT_LPA.
            _ => level <= 2,
        }
    }

    fn leaf(&self, entry: u64, level: u8) -> Entry {
        let has = |bits| entry & bits != 0;
        let sets_af = self.vtcr & vtcr::HA != 0;
        if !has(descriptor::AF) && !sets_af {
            return Entry::Fault;
        }
        let sets_dirty = sets_af && self.vtcr & vtcr::HD != 0;
        // XN is 0b10 for nobody. 0b11 is for EL1 alone where there is FEAT_XNX, 0b01 for EL0.
        let execute = entry >> descriptor::XN_SHIFT & 3 != 2;
        let access = Access::new(
            has(descriptor::S2AP_READ),
            has(descriptor::S2AP_WRITE) || sets_dirty && has(descriptor::DBM),
            execute,
        );
        match self.address(entry, self.shift(level)) {
            Some(hpa) => Entry::Leaf(hpa, access),
            None => Entry::Fault,
        }
    }
}

impl Format for Stage2 {
    fn shift(&self, level: u8) -> u32 {
        self.grain + self.stride() * u32::from(level)
    }

    fn table_size(&self) -> u64 {
        1 << self.grain
    }

    fn decode(&self, entry: u64, level: u8, _: u64, _: Access) -> Entry {
        if entry & descriptor::VALID == 0 {
            return Entry::Fault;
        }
        let table_or_page = entry & descriptor::TABLE_OR_PAGE != 0;
        match (level, table_or_page) {
            (0, true) => self.leaf(entry, 0),
            (0, false) => Entry::Fault,
            (_, true) => match self.address(entry, self.grain) {
                Some(hpa) => Entry::Table(hpa, Access::ALL),
                None => Entry::Fault,
            },
            (_, false) if self.has_blocks(level) => self.leaf(entry, level),
            (_, false) => Entry::Fault,
        }
    }
}

/// Such as `stage 2, 4 KiB granule, 39 bits from level 1`.
impl std::fmt::Display for Stage2 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "stage 2, {} KiB granule, {} bits from level {}",
            1 << (self.grain - 10),
            self.input,
            3 - self.level
        )
    }
}

#[cfg(test)]
mod tests;
