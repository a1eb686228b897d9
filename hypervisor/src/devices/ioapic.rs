//! An I/O APIC (Intel 82093AA), for one processor whose local APIC has ID 0: lines come in, and messages for the local
//! APIC go out.
//!
//! A line at the level is told again once the local APIC has said that the interrupt is over; an edge is told once.
//! There are no other kinds of message than interrupts with a vector: what asks for another one leads to none.

use alloc::rc::Rc;
use core::cell::RefCell;

use super::{Device, Line, Terminal};
use crate::{memory::addr::PAGE, vm::exit::Size};

#[cfg(test)]
mod tests;

/// How large its window is.
pub const WINDOW: u64 = PAGE;

/// How many lines come in.
const PINS: usize = 24;

/// The registers in the window, of 32 bits: which one of the others is meant, and that one.
const SELECT: u64 = 0x00;
const SELECTED: u64 = 0x10;

/// The others: ID, version and number of pins, ID for arbitration; then two for each pin.
const ID: u8 = 0x00;
const VERSION: u8 = 0x01;
const ARBITRATION: u8 = 0x02;
const TABLE: u8 = 0x10;

const VERSION_11: u32 = 0x11 | (PINS as u32 - 1) << 16;
const ID_BITS: u32 = 0xF << 24;

/// A pin's entry, lower half: vector, delivery mode, destination mode, polarity, trigger mode, mask can be written;
/// delivery status and remote IRR are read only.
const WRITABLE: u32 = 0x1_AFFF;
const DELIVERY_MODE: u32 = 0b111 << 8;
/// The delivery modes that lead to an interrupt with the vector: fixed, and lowest priority.
const FIXED: u32 = 0;
const LOWEST: u32 = 1 << 8;
const LOGICAL: u32 = 1 << 11;
const REMOTE_IRR: u32 = 1 << 14;
const LEVEL: u32 = 1 << 15;
const MASKED: u32 = 1 << 16;
/// Upper half: the destination.
const DESTINATION: u32 = 0xFF << 24;

/// What the local APIC is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// The interrupt's vector.
    pub vector: u8,
    /// It is of a line at the level, and wants to hear of its end.
    pub level: bool,
}

/// An I/O APIC.
pub struct IoApic {
    select: u8,
    id: u32,
    pins: [Pin; PINS],
}

/// A line that comes in, with its entry of the table.
#[derive(Clone, Copy)]
struct Pin {
    low: u32,
    high: u32,
    is_high: bool,
    /// It went high, and nobody was told yet.
    edge: bool,
    /// What is typed may make it high.
    awaits: bool,
}

impl Default for IoApic {
    /// As after a reset: all is masked.
    fn default() -> Self {
        let pin = Pin {
            low: MASKED,
            high: 0,
            is_high: false,
            edge: false,
            awaits: false,
        };
        Self {
            select: 0,
            id: 0,
            pins: [pin; PINS],
        }
    }
}

impl IoApic {
    /// The next thing to tell the local APIC; none if there is nothing, until a line or the table changes.
    pub fn take(&mut self) -> Option<Message> {
        self.pins.iter_mut().find_map(Pin::take)
    }

    /// The local APIC says that the interrupt with this vector is over, which was of a line at the level: no other pin
    /// has its remote IRR set.
    pub fn end(&mut self, vector: u8) {
        for pin in &mut self.pins {
            if pin.vector() == vector {
                pin.low &= !REMOTE_IRR;
            }
        }
    }

    /// The vectors that what is typed may lead to.
    pub fn awaited(&self) -> impl Iterator<Item = u8> {
        let awaiting = |pin: &&Pin| pin.awaits && pin.is_heard();
        self.pins.iter().filter(awaiting).map(Pin::vector)
    }

    /// A line is high or low from now on, and what is typed may make it high or not. There are lines up to 23.
    fn set(&mut self, pin: usize, high: bool, awaits: bool) {
        let Some(pin) = self.pins.get_mut(pin) else {
            return;
        };
        // An edge while it is masked is lost; and one that is not told is over with the line.
        pin.edge = high && (pin.edge || !pin.is_high && !pin.is(MASKED));
        (pin.is_high, pin.awaits) = (high, awaits);
    }

    /// Sets the lower half of a pin's entry, as the guest does.
    #[cfg(test)]
    pub fn set_entry(&mut self, pin: usize, low: u32) {
        self.pins[pin].set_low(low);
    }

    /// The pin that the register that is selected belongs to, and whether it is the upper half of its entry.
    fn selected(&self) -> Option<(usize, bool)> {
        let index = self.select.checked_sub(TABLE)?;
        let pin = usize::from(index / 2);
        (pin < PINS).then_some((pin, index % 2 == 1))
    }

    fn register(&self) -> u32 {
        match self.select {
            ID | ARBITRATION => self.id,
            VERSION => VERSION_11,
            _ => match self.selected() {
                Some((pin, false)) => self.pins[pin].low,
                Some((pin, true)) => self.pins[pin].high,
                None => 0,
            },
        }
    }

    fn set_register(&mut self, value: u32) {
        if self.select == ID {
            self.id = value & ID_BITS;
        }
        match self.selected() {
            Some((pin, false)) => self.pins[pin].set_low(value),
            Some((pin, true)) => self.pins[pin].high = value & DESTINATION,
            None => {}
        }
    }
}

impl Pin {
    const fn is(&self, bits: u32) -> bool {
        self.low & bits != 0
    }

    const fn vector(&self) -> u8 {
        self.low as u8
    }

    /// Whether the processor hears of it: by its ID, as one of the first group, or with all.
    fn is_heard(&self) -> bool {
        let destination = self.high >> 24;
        let is_ours = match self.is(LOGICAL) {
            true => destination & 1 != 0,
            false => destination == 0 || destination == 0xFF,
        };
        is_ours && !self.is(MASKED) && matches!(self.low & DELIVERY_MODE, FIXED | LOWEST)
    }

    fn set_low(&mut self, value: u32) {
        self.low = value & WRITABLE | self.low & REMOTE_IRR;
        // Nobody will hear of its end.
        if !self.is(LEVEL) {
            self.low &= !REMOTE_IRR;
        }
    }

    fn take(&mut self) -> Option<Message> {
        let level = self.is(LEVEL);
        let due = match level {
            true => self.is_high && !self.is(REMOTE_IRR),
            false => self.edge,
        };
        if !due || !self.is_heard() {
            return None;
        }
        self.edge = false;
        if level {
            self.low |= REMOTE_IRR;
        }
        let vector = self.vector();
        Some(Message { vector, level })
    }
}

/// Only words, and only its two registers.
impl Device for IoApic {
    fn read(&mut self, offset: u64, size: Size, _: &mut dyn Terminal) -> Option<u64> {
        match (offset, size) {
            (SELECT, Size::Word) => Some(self.select.into()),
            (SELECTED, Size::Word) => Some(self.register().into()),
            _ => None,
        }
    }

    fn write(&mut self, offset: u64, size: Size, value: u64, _: &mut dyn Terminal) -> Option<()> {
        match (offset, size) {
            (SELECT, Size::Word) => self.select = value as u8,
            (SELECTED, Size::Word) => self.set_register(value as u32),
            _ => return None,
        }
        Some(())
    }
}

/// A device's line to one of its pins.
pub struct Wire {
    /// Where it goes.
    pub chip: Rc<RefCell<IoApic>>,
    /// Which pin it is there.
    pub pin: usize,
}

impl Line for Wire {
    fn set(&self, high: bool, awaits: bool) {
        self.chip.borrow_mut().set(self.pin, high, awaits);
    }
}
