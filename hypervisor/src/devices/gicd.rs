//! The distributor of a GICv2 (Arm IHI 0048B, chapter 4.3) with one CPU and 64 interrupts: which of them are
//! pending, and in which order the CPU is to see them. It has one security state, and all interrupts are of
//! group 0.
//!
//! Its guest takes interrupts at a CPU interface of the hardware's (GICV), from lists that the hypervisor
//! fills. So what is active, and whether what was pending has been taken, is known when the lists have been
//! looked at: [`Gicd::present`] says what belongs there, [`Gicd::settle`] takes what was found there.

use alloc::rc::Rc;
use core::cell::RefCell;

use super::{Device, Line, Terminal};
use crate::vm::exit::Size;

#[cfg(test)]
mod tests;

/// The size of its registers' window in bytes.
pub const WINDOW: u64 = 0x1000;

/// The number of interrupts: 16 of software (SGIs), 16 of the CPU's own (PPIs), and 32 shared ones (SPIs).
pub const INTERRUPTS: usize = 64;
const SGIS: u64 = 0xFFFF;
const PPIS: u64 = 0xFFFF_0000;

/// The bits of a priority that are there: 32 priorities, as many as a list can tell apart.
const PRIORITY: u8 = 0xF8;

/// What a list is to hold, or held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The interrupt's number (INTID).
    pub intid: u8,
    /// Its priority; 0 is the highest.
    pub priority: u8,
    /// It is to be taken.
    pub pending: bool,
    /// It was taken, and has not been deactivated yet.
    pub active: bool,
}

/// A distributor. A bit stands for an interrupt.
#[derive(Debug)]
pub struct Gicd {
    /// GICD_CTLR.
    forwards: bool,
    enabled: u64,
    /// Made pending by an edge, by software, or as an SGI, and not taken yet.
    latched: u64,
    /// Whose line is high.
    high: u64,
    /// Whose line may become so by what is typed.
    awaiting: u64,
    active: u64,
    /// Those that are edge-triggered; the others follow their lines.
    edge: u64,
    priorities: [u8; INTERRUPTS],
}

impl Default for Gicd {
    /// As after a reset.
    fn default() -> Self {
        Self {
            forwards: false,
            enabled: SGIS,
            latched: 0,
            high: 0,
            awaiting: 0,
            active: 0,
            edge: SGIS,
            priorities: [0; INTERRUPTS],
        }
    }
}

impl Gicd {
    /// The line of an interrupt is high, or low.
    pub fn set_line(&mut self, intid: u8, high: bool) {
        let bit = bit(intid);
        if high {
            self.latched |= bit & self.edge & !self.high;
            self.high |= bit;
        } else {
            self.high &= !bit;
        }
    }

    fn pending(&self) -> u64 {
        self.latched | self.high & !self.edge
    }

    /// Those that the CPU is told of, if they are pending.
    fn forwarded(&self) -> u64 {
        if self.forwards { self.enabled } else { 0 }
    }

    /// Whether an interrupt would be taken, once it is pending, by a CPU that takes those with a priority
    /// below `mask`: it is enabled, and not active.
    pub fn would_interrupt(&self, intid: u8, mask: u8) -> bool {
        let able = self.forwarded() & !self.active & bit(intid) != 0;
        able && self.priority(intid) < mask
    }

    /// Whether any interrupt is pending that such a CPU takes.
    pub fn interrupts(&self, mask: u8) -> bool {
        each(self.pending()).any(|intid| self.would_interrupt(intid, mask))
    }

    /// Whether what is typed may lead to an interrupt that such a CPU takes.
    pub fn awaits_input(&self, mask: u8) -> bool {
        each(self.awaiting).any(|intid| self.would_interrupt(intid, mask))
    }

    /// What the lists are to hold: the active interrupts, then those that are pending, the higher priority
    /// first. Of two of the same priority, the one with the lower number comes first.
    pub fn present(&self, lists: &mut [Option<Entry>]) {
        let pending = self.pending() & self.forwarded();
        let mut left = pending | self.active;
        for list in lists {
            let first = each(left)
                .min_by_key(|intid| (self.active & bit(*intid) == 0, self.priority(*intid)));
            *list = first.map(|intid| Entry {
                intid,
                priority: self.priority(intid),
                pending: pending & bit(intid) != 0,
                active: self.active & bit(intid) != 0,
            });
            left &= !first.map_or(0, bit);
        }
    }

    /// What became of an entry of a list: whether it is still pending, and whether it is active.
    pub fn settle(&mut self, presented: &Entry, pending: bool, active: bool) {
        let bit = bit(presented.intid);
        if presented.pending && !pending {
            self.latched &= !bit;
        }
        if active {
            self.active |= bit;
        } else {
            self.active &= !bit;
        }
    }

    fn priority(&self, intid: u8) -> u8 {
        self.priorities[usize::from(intid)]
    }

    /// A register of 32 bits. What is not there reads as zero.
    fn register(&self, offset: u64) -> u32 {
        let bits = |bits: u64, at: u64| match offset - at {
            0 => bits as u32,
            4 => (bits >> 32) as u32,
            _ => 0,
        };
        match offset {
            CTLR => self.forwards.into(),
            // ITLinesNumber: 32 times one more than this. One CPU, no security extensions.
            TYPER => (INTERRUPTS / 32 - 1) as u32,
            ISENABLER..ICENABLER => bits(self.enabled, ISENABLER),
            ICENABLER..ISPENDR => bits(self.enabled, ICENABLER),
            ISPENDR..ICPENDR => bits(self.pending(), ISPENDR),
            ICPENDR..ISACTIVER => bits(self.pending(), ICPENDR),
            ISACTIVER..ICACTIVER => bits(self.active, ISACTIVER),
            ICACTIVER..IPRIORITYR => bits(self.active, ICACTIVER),
            IPRIORITYR..IPRIORITYR_END => self.bytes(offset - IPRIORITYR, |n| self.priorities[n]),
            // Each of them is for CPU 0.
            ITARGETSR..ITARGETSR_END => self.bytes(offset - ITARGETSR, |_| 1),
            ICFGR..ICFGR_END => self.configuration(offset - ICFGR),
            CPENDSGIR..SPENDSGIR => self.bytes(offset - CPENDSGIR, |n| self.pending_sgi(n)),
            SPENDSGIR..SPENDSGIR_END => self.bytes(offset - SPENDSGIR, |n| self.pending_sgi(n)),
            // ArchRev: a GICv2.
            ICPIDR2 => 2 << 4,
            _ => 0,
        }
    }

    fn bytes(&self, first: u64, byte: impl Fn(usize) -> u8) -> u32 {
        u32::from_le_bytes(core::array::from_fn(|n| byte(first as usize + n)))
    }

    /// Which CPU an SGI is from: bit 0, the only one.
    fn pending_sgi(&self, intid: usize) -> u8 {
        (self.latched >> intid & 1) as u8
    }

    /// Two bits for each of 16 interrupts: the upper one says that it is edge-triggered.
    fn configuration(&self, offset: u64) -> u32 {
        let edge = self.edge >> (offset * 4);
        (0..16).fold(0, |bits, n| bits | ((edge >> n & 1) as u32) << (2 * n + 1))
    }

    fn set_register(&mut self, offset: u64, value: u32) {
        let bits = |at: u64| match offset - at {
            0 => u64::from(value),
            4 => u64::from(value) << 32,
            _ => 0,
        };
        match offset {
            CTLR => self.forwards = value & 1 != 0,
            ISENABLER..ICENABLER => self.enabled |= bits(ISENABLER),
            ICENABLER..ISPENDR => self.enabled &= !bits(ICENABLER) | SGIS,
            // Whether an SGI is pending is for SGIR, CPENDSGIR and SPENDSGIR to say.
            ISPENDR..ICPENDR => self.latched |= bits(ISPENDR) & !SGIS,
            ICPENDR..ISACTIVER => self.latched &= !bits(ICPENDR) | SGIS,
            ISACTIVER..ICACTIVER => self.active |= bits(ISACTIVER),
            ICACTIVER..IPRIORITYR => self.active &= !bits(ICACTIVER),
            ICFGR..ICFGR_END => self.configure(offset - ICFGR, value),
            SGIR => self.send(value),
            _ => self.set_bytes(offset, &value.to_le_bytes()),
        }
    }

    /// Those registers that have a byte for each interrupt.
    fn set_bytes(&mut self, offset: u64, bytes: &[u8]) {
        for (byte, at) in bytes.iter().zip(offset..) {
            match at {
                IPRIORITYR..IPRIORITYR_END => {
                    self.priorities[(at - IPRIORITYR) as usize] = byte & PRIORITY;
                }
                CPENDSGIR..SPENDSGIR if byte & 1 != 0 => self.latched &= !(1 << (at - CPENDSGIR)),
                SPENDSGIR..SPENDSGIR_END if byte & 1 != 0 => self.latched |= 1 << (at - SPENDSGIR),
                _ => {}
            }
        }
    }

    /// SGIs are edge-triggered and PPIs are not, whatever is written.
    fn configure(&mut self, offset: u64, value: u32) {
        let edge = (0..16).fold(0, |edge, n| edge | u64::from(value >> (2 * n + 1) & 1) << n);
        let (first, fixed) = (offset * 4, SGIS | PPIS);
        let changed = (0xFFFF_u64 << first) & !fixed;
        self.edge = self.edge & !changed | edge << first & changed;
    }

    /// GICD_SGIR: to the CPUs of the list, to all but the own one, or to the own one. There is CPU 0 alone.
    fn send(&mut self, value: u32) {
        let to_this = match value >> 24 & 0b11 {
            0 => value & 1 << 16 != 0,
            2 => true,
            _ => false,
        };
        if to_this {
            self.latched |= 1 << (value & 0xF);
        }
    }
}

/// The line of a device to a distributor.
pub struct Wire {
    /// Where it goes.
    pub chip: Rc<RefCell<Gicd>>,
    /// Which interrupt it is there.
    pub intid: u8,
}

impl Line for Wire {
    fn set(&self, high: bool, awaits: bool) {
        let mut chip = self.chip.borrow_mut();
        chip.set_line(self.intid, high);
        let bit = bit(self.intid);
        if awaits {
            chip.awaiting |= bit;
        } else {
            chip.awaiting &= !bit;
        }
    }
}

/// The registers, by their offsets. Those of a kind follow one another up to the next.
const CTLR: u64 = 0x000;
const TYPER: u64 = 0x004;
const ISENABLER: u64 = 0x100;
const ICENABLER: u64 = 0x180;
const ISPENDR: u64 = 0x200;
const ICPENDR: u64 = 0x280;
const ISACTIVER: u64 = 0x300;
const ICACTIVER: u64 = 0x380;
const IPRIORITYR: u64 = 0x400;
const IPRIORITYR_END: u64 = IPRIORITYR + INTERRUPTS as u64;
const ITARGETSR: u64 = 0x800;
const ITARGETSR_END: u64 = ITARGETSR + INTERRUPTS as u64;
const ICFGR: u64 = 0xC00;
const ICFGR_END: u64 = ICFGR + INTERRUPTS as u64 / 4;
const SGIR: u64 = 0xF00;
const CPENDSGIR: u64 = 0xF10;
const SPENDSGIR: u64 = 0xF20;
const SPENDSGIR_END: u64 = SPENDSGIR + 16;
const ICPIDR2: u64 = 0xFE8;

const fn bit(intid: u8) -> u64 {
    1 << intid
}

/// The numbers of the bits that are set.
fn each(bits: u64) -> impl Iterator<Item = u8> {
    let without_lowest = |bits: &u64| Some(bits & (bits - 1)).filter(|left| *left != 0);
    let left = core::iter::successors(Some(bits).filter(|bits| *bits != 0), without_lowest);
    left.map(|bits| bits.trailing_zeros() as u8)
}

/// Registers are read and written as words, and those with a byte for each interrupt also as bytes (§4.1.4).
/// No other size is there.
impl Device for Gicd {
    fn read(&mut self, offset: u64, size: Size, _: &mut dyn Terminal) -> Option<u64> {
        let word = u64::from(self.register(offset & !0b11));
        match size {
            Size::Word => Some(word),
            Size::Byte if has_bytes(offset) => Some(word >> (8 * (offset & 0b11))),
            _ => None,
        }
    }

    fn write(&mut self, offset: u64, size: Size, value: u64, _: &mut dyn Terminal) -> Option<()> {
        match size {
            Size::Word => self.set_register(offset, value as u32),
            Size::Byte if has_bytes(offset) => self.set_bytes(offset, &[value as u8]),
            _ => return None,
        }
        Some(())
    }
}

fn has_bytes(offset: u64) -> bool {
    matches!(
        offset,
        IPRIORITYR..ICFGR | CPENDSGIR..SPENDSGIR_END
    )
}
