//! A platform-level interrupt controller (RISC-V Platform-Level Interrupt Controller Specification 1.0.0) with 63
//! sources, for one hart: context 1 is its S-mode, as on QEMU's `virt`, whose contexts 0 are for machine modes.

use alloc::rc::Rc;
use core::cell::RefCell;

use super::{Device, Line, Terminal};
use crate::vm::exit::Size;

#[cfg(test)]
mod tests;

/// The size of its registers' window in bytes: as on QEMU's `virt`.
pub const WINDOW: u64 = 0x60_0000;

/// The number of sources, and one, as there is no source 0.
const SOURCES: usize = 64;
const ALL: u64 = !1;

/// The bits of a priority and of the threshold that are there. Priority 0 never interrupts.
const PRIORITY: u32 = 0b111;

/// The registers, by their offsets: a word for each source; a bit for each source; and the context's.
const PRIORITIES: u64 = 0x0000;
const FIRST_PRIORITY: u64 = PRIORITIES + 4;
const PRIORITIES_END: u64 = PRIORITIES + 4 * SOURCES as u64;
const PENDING: u64 = 0x1000;
const ENABLED: u64 = 0x2080;
const THRESHOLD: u64 = 0x20_1000;
/// Loads claim an interrupt, and stores complete one.
const CLAIM: u64 = THRESHOLD + 4;

/// A PLIC. A bit stands for a source.
#[derive(Debug)]
pub struct Plic {
    priorities: [u8; SOURCES],
    /// Whose line is high.
    high: u64,
    /// Whose line may become so by what is typed.
    awaiting: u64,
    /// Those that want to interrupt, from when the line is high until they are claimed.
    pending: u64,
    /// Claimed and not completed yet: their lines do not count meanwhile.
    claimed: u64,
    enabled: u64,
    threshold: u8,
}

impl Default for Plic {
    /// As after a reset.
    fn default() -> Self {
        Self {
            priorities: [0; SOURCES],
            high: 0,
            awaiting: 0,
            pending: 0,
            claimed: 0,
            enabled: 0,
            threshold: 0,
        }
    }
}

impl Plic {
    /// The line of a source is high, or low.
    pub fn set_line(&mut self, source: u8, high: bool) {
        let bit = bit(source) & ALL;
        if high {
            self.high |= bit;
        } else {
            self.high &= !bit;
        }
        self.forward();
    }

    /// Whether the hart is to be interrupted.
    pub fn interrupts(&self) -> bool {
        self.notifies(self.pending)
    }

    /// Whether what is typed may lead to that.
    pub fn awaits_input(&self) -> bool {
        self.notifies(self.awaiting & !self.claimed)
    }

    /// Whether one of these, if it is pending, interrupts the hart.
    fn notifies(&self, sources: u64) -> bool {
        each(sources & self.enabled).any(|source| self.priority(source) > self.threshold)
    }

    /// What a gateway does: a line that is high makes its source pending, but for one that is being handled. The
    /// source stays pending when the line goes low ("Interrupt Gateways").
    fn forward(&mut self) {
        self.pending |= self.high & !self.claimed;
    }

    fn priority(&self, source: u8) -> u8 {
        self.priorities[usize::from(source)]
    }

    /// Takes the source of the highest priority among those that are pending and enabled, of two the one with the
    /// lower number; 0 if there is none. The threshold does not matter to this.
    fn claim(&mut self) -> u32 {
        let candidates = each(self.pending & self.enabled).filter(|n| self.priority(*n) > 0);
        // Of equals, this gives the last one.
        let Some(source) = candidates.rev().max_by_key(|n| self.priority(*n)) else {
            return 0;
        };
        self.pending &= !bit(source);
        self.claimed |= bit(source);
        source.into()
    }

    /// The hart is done with a source. One that is not enabled is passed over.
    fn complete(&mut self, source: u32) {
        if let Ok(source @ 0..64) = u8::try_from(source) {
            self.claimed &= !(bit(source) & self.enabled);
            self.forward();
        }
    }

    /// A register of 32 bits. What is not there reads as zero.
    fn register(&mut self, offset: u64) -> u32 {
        match offset {
            PRIORITIES..PRIORITIES_END => self.priorities[(offset / 4) as usize].into(),
            THRESHOLD => self.threshold.into(),
            CLAIM => self.claim(),
            _ => match half(offset, PENDING) {
                Some(shift) => (self.pending >> shift) as u32,
                None => half(offset, ENABLED).map_or(0, |shift| (self.enabled >> shift) as u32),
            },
        }
    }

    fn set_register(&mut self, offset: u64, value: u32) {
        match offset {
            // There is no source 0.
            FIRST_PRIORITY..PRIORITIES_END => {
                self.priorities[(offset / 4) as usize] = (value & PRIORITY) as u8;
            }
            THRESHOLD => self.threshold = (value & PRIORITY) as u8,
            CLAIM => self.complete(value),
            _ => {
                if let Some(shift) = half(offset, ENABLED) {
                    let others = self.enabled & !(u64::from(u32::MAX) << shift);
                    self.enabled = (others | u64::from(value) << shift) & ALL;
                }
            }
        }
    }
}

/// Which half of the bits is in the register at `offset`, if that is one of the two at `first`: its lowest bit.
fn half(offset: u64, first: u64) -> Option<u32> {
    match offset.checked_sub(first)? {
        0 => Some(0),
        4 => Some(32),
        _ => None,
    }
}

/// The line of a device to a PLIC.
pub struct Wire {
    /// Where it goes.
    pub chip: Rc<RefCell<Plic>>,
    /// Which source it is there.
    pub source: u8,
}

impl Line for Wire {
    fn set(&self, high: bool, awaits: bool) {
        let mut chip = self.chip.borrow_mut();
        chip.set_line(self.source, high);
        if awaits {
            chip.awaiting |= bit(self.source);
        } else {
            chip.awaiting &= !bit(self.source);
        }
    }
}

const fn bit(source: u8) -> u64 {
    1 << source
}

/// The numbers of the bits that are set.
fn each(bits: u64) -> impl DoubleEndedIterator<Item = u8> {
    (0..SOURCES as u8).filter(move |source| bits & bit(*source) != 0)
}

/// Registers are words. Those that do nothing but hold bits can also be accessed in parts, and two at a time.
impl Device for Plic {
    fn read(&mut self, offset: u64, size: Size, _: &mut dyn Terminal) -> Option<u64> {
        if size != Size::Word && touches_claim(offset, size) {
            return None;
        }
        let word = offset & !0b11;
        let low = u64::from(self.register(word));
        Some(match size {
            Size::Double => low | u64::from(self.register(word + 4)) << 32,
            _ => low >> (8 * (offset & 0b11)),
        })
    }

    fn write(&mut self, offset: u64, size: Size, value: u64, _: &mut dyn Terminal) -> Option<()> {
        if size != Size::Word && touches_claim(offset, size) {
            return None;
        }
        let word = offset & !0b11;
        match size {
            Size::Word => self.set_register(word, value as u32),
            Size::Double => {
                self.set_register(word, value as u32);
                self.set_register(word + 4, (value >> 32) as u32);
            }
            Size::Byte | Size::Half => {
                let shift = 8 * (offset & 0b11);
                let part = size.cut(u64::MAX) << shift;
                let others = u64::from(self.register(word)) & !part;
                self.set_register(word, (others | value << shift) as u32);
            }
        }
        Some(())
    }
}

/// Whether an access has to do with the register at which loads and stores do something.
fn touches_claim(offset: u64, size: Size) -> bool {
    offset < CLAIM + 4 && CLAIM < offset + size.bytes()
}
