//! The registers of a local APIC in memory, for a guest whose APIC is not in x2APIC mode (APM vol. 2 §16.3.2): one each
//! 16 bytes, of 32 bits.
//!
//! Beside those that the MSRs of x2APIC have, which count from [`FIRST`] as the registers here do, there is the one
//! that sends interrupts, to the one processor that there is. There are no others: who is at one is told by ESR.

use alloc::rc::Rc;
use core::cell::RefCell;

use super::{
    DELIVERY_STATUS, EOI, ESR, LVT_BITS, LVT_TIMER, LocalApic, Now, SVR, SVR_BITS, TDCR, TMICT, TPR,
};
use crate::{
    devices::{Device, Terminal},
    memory::addr::PAGE,
    vm::exit::Size,
};

/// How large the window is.
pub const WINDOW: u64 = PAGE;

/// The first number of an x2APIC register.
pub const FIRST: u32 = 0x800;
const STEP: u64 = 16;

/// The command, lower and upper half.
const ICR: u32 = 0x830;
const ICR_UPPER: u32 = 0x831;
/// Vector, delivery mode, destination mode, level, trigger mode and shorthand can be written.
const ICR_BITS: u32 = 0xC_CFFF;
const DELIVERY_MODE: u32 = 0b111 << 8;
/// The delivery modes that lead to an interrupt with the vector.
const FIXED: u32 = 0;
const LOWEST: u32 = 1 << 8;
const LOGICAL: u32 = 1 << 11;
/// To whom it goes: to its destination, to itself, to all, to all others.
const SHORTHAND: u32 = 0b11 << 18;
const TO_DESTINATION: u32 = 0;
const TO_OTHERS: u32 = 0b11 << 18;
const DESTINATION: u32 = 0xFF << 24;

/// The command that was last written.
#[derive(Clone, Copy, Debug, Default)]
struct Command {
    low: u32,
    high: u32,
}

impl Command {
    /// The vector that it sends to the processor itself: by its ID, as one of the first group, or with all. There is
    /// nobody else.
    fn sent(self) -> Option<u8> {
        let destination = self.high >> 24;
        let is_ours = match self.low & SHORTHAND {
            TO_DESTINATION if self.low & LOGICAL != 0 => destination & 1 != 0,
            TO_DESTINATION => destination == 0 || destination == 0xFF,
            TO_OTHERS => false,
            _ => true,
        };
        let has_vector = matches!(self.low & DELIVERY_MODE, FIXED | LOWEST);
        (is_ours && has_vector).then_some(self.low as u8)
    }
}

/// The registers in memory.
pub struct Page {
    apic: Rc<RefCell<LocalApic>>,
    now: fn() -> Now,
    command: Command,
}

impl Page {
    /// Those of `apic`. `now` gives the time.
    pub fn new(apic: Rc<RefCell<LocalApic>>, now: fn() -> Now) -> Self {
        Self {
            apic,
            now,
            command: Command::default(),
        }
    }
}

/// Only words, and only at the beginning of a register.
impl Device for Page {
    fn read(&mut self, offset: u64, size: Size, _: &mut dyn Terminal) -> Option<u64> {
        let register = register(offset, size)?;
        let mut apic = self.apic.borrow_mut();
        Some(match register {
            ICR => self.command.low.into(),
            ICR_UPPER => self.command.high.into(),
            _ => match apic.register(register, (self.now)()) {
                Some(value) => value,
                None => {
                    apic.note_illegal_register();
                    0
                }
            },
        })
    }

    fn write(&mut self, offset: u64, size: Size, value: u64, _: &mut dyn Terminal) -> Option<()> {
        let register = register(offset, size)?;
        let mut apic = self.apic.borrow_mut();
        let word = value as u32;
        match register {
            ICR => {
                self.command.low = word & ICR_BITS;
                if let Some(vector) = self.command.sent() {
                    apic.send(vector);
                }
            }
            ICR_UPPER => self.command.high = word & DESTINATION,
            _ => {
                if let Some(bits) = writable(register) {
                    // A mode of the timer's that does not exist is not taken.
                    apic.set_register(register, value & bits, (self.now)());
                } else {
                    apic.note_illegal_register();
                }
            }
        }
        Some(())
    }
}

/// The number of the register that an access is for.
fn register(offset: u64, size: Size) -> Option<u32> {
    let is_whole = size == Size::Word && offset.is_multiple_of(STEP);
    is_whole.then_some(FIRST + (offset / STEP) as u32)
}

/// The bits of a register that can be written; the others are ignored. None if it has none.
const fn writable(register: u32) -> Option<u64> {
    match register {
        TPR => Some(0xFF),
        // Whatever is written.
        EOI | ESR => Some(0),
        SVR => Some(SVR_BITS),
        LVT_TIMER => Some(LVT_BITS & !DELIVERY_STATUS),
        TMICT => Some(u32::MAX as u64),
        TDCR => Some(0b1011),
        _ => None,
    }
}
