//! The PrimeCell UART, PL011 (Arm DDI 0183): what is stored to it is printed at once, and what is typed waits in
//! its receive FIFO. There are no modem lines, no DMA and no errors, and no rate matters.

use alloc::boxed::Box;

use super::{
    Device, Line, Terminal,
    fifo::{self, Fifo},
};
use crate::vm::exit::Size;

#[cfg(test)]
mod tests;

/// The size of its registers' window in bytes.
pub const WINDOW: u64 = 0x1000;

/// The registers, by their offsets.
const DR: u64 = 0x000;
const FR: u64 = 0x018;
const ILPR: u64 = 0x020;
const IBRD: u64 = 0x024;
const FBRD: u64 = 0x028;
const LCR_H: u64 = 0x02C;
const CR: u64 = 0x030;
const IFLS: u64 = 0x034;
const IMSC: u64 = 0x038;
const RIS: u64 = 0x03C;
const MIS: u64 = 0x040;
const ICR: u64 = 0x044;
const DMACR: u64 = 0x048;
/// UARTPeriphID0 to 3 (r1p5) and UARTPCellID0 to 3, a byte in each word.
const IDENTIFICATION: u64 = 0xFE0;
const IDENTITY: [u8; 8] = [0x11, 0x10, 0x34, 0x00, 0x0D, 0xF0, 0x05, 0xB1];

const FR_RXFE: u32 = 1 << 4;
const FR_RXFF: u32 = 1 << 6;
const FR_TXFE: u32 = 1 << 7;
const LCR_H_FEN: u32 = 1 << 4;
const CR_UARTEN: u32 = 1 << 0;
const CR_TXE: u32 = 1 << 8;
const CR_RXE: u32 = 1 << 9;
/// Interrupts: receive, transmit, receive timeout; and all that there are.
const RX: u32 = 1 << 4;
const TX: u32 = 1 << 5;
const RT: u32 = 1 << 6;
const INTERRUPTS: u32 = 0x7FF;

/// A UART.
pub struct Pl011 {
    received: Fifo,
    /// IBRD, FBRD, ILPR, DMACR: kept, and without effect.
    rates: [u32; 4],
    line_control: u32,
    control: u32,
    levels: u32,
    mask: u32,
    raised: u32,
    line: Box<dyn Line>,
}

impl Pl011 {
    /// A UART whose interrupt is `line`. It is on, as a firmware leaves it, with its FIFOs off.
    pub fn new(line: Box<dyn Line>) -> Self {
        Self {
            received: Fifo::default(),
            rates: [0; 4],
            line_control: 0,
            control: CR_UARTEN | CR_TXE | CR_RXE,
            levels: 0b010_010,
            mask: 0,
            raised: 0,
            line,
        }
    }

    /// How many bytes raise the receive interrupt (IFLS.RXIFLSEL: eighths of the FIFO).
    fn level(&self) -> usize {
        if !self.received.is_on() {
            return 1;
        }
        match self.levels >> 3 & 0b111 {
            0 => fifo::SIZE / 8,
            1 => fifo::SIZE / 4,
            2 => fifo::SIZE / 2,
            3 => fifo::SIZE * 3 / 4,
            _ => fifo::SIZE * 7 / 8,
        }
    }

    fn is_on(&self, part: u32) -> bool {
        self.control & (CR_UARTEN | part) == CR_UARTEN | part
    }

    /// Takes what was typed, as far as there is room. Nothing more comes for now, so that less than the level
    /// raises the receive timeout.
    fn receive(&mut self, terminal: &mut dyn Terminal) {
        if !self.is_on(CR_RXE) {
            return;
        }
        let before = self.received.len();
        self.received.fill(terminal);
        if self.received.len() > before {
            self.raised |= RT;
            if self.received.len() >= self.level() {
                self.raised |= RX;
            }
        }
    }

    fn take(&mut self) -> u8 {
        let byte = self.received.take();
        if self.received.len() < self.level() {
            self.raised &= !RX;
        }
        if self.received.is_empty() {
            self.raised &= !RT;
        }
        byte
    }

    fn send(&mut self, byte: u8, terminal: &mut dyn Terminal) {
        if self.is_on(CR_TXE) {
            terminal.put(byte);
            // It is gone at once, so that there is room again.
            self.raised |= TX;
        }
    }

    fn flags(&self) -> u32 {
        let mut flags = FR_TXFE;
        if self.received.is_empty() {
            flags |= FR_RXFE;
        }
        if self.received.room() == 0 {
            flags |= FR_RXFF;
        }
        flags
    }

    /// The line is high while an interrupt is raised and not masked; what is typed may raise it.
    fn drive(&self) {
        let awaits = self.mask & (RX | RT) != 0 && self.is_on(CR_RXE);
        self.line.set(self.is_high(), awaits);
    }

    fn is_high(&self) -> bool {
        self.raised & self.mask != 0
    }

    fn register(&mut self, offset: u64) -> u32 {
        match offset {
            DR => self.take().into(),
            FR => self.flags(),
            ILPR | IBRD | FBRD | DMACR => self.rates[kept(offset)],
            LCR_H => self.line_control,
            CR => self.control,
            IFLS => self.levels,
            IMSC => self.mask,
            RIS => self.raised,
            MIS => self.raised & self.mask,
            IDENTIFICATION.. => {
                let byte = IDENTITY.get((offset - IDENTIFICATION) as usize / 4);
                byte.copied().unwrap_or(0).into()
            }
            _ => 0,
        }
    }

    fn set_register(&mut self, offset: u64, value: u32, terminal: &mut dyn Terminal) {
        match offset {
            DR => self.send(value as u8, terminal),
            ILPR | IBRD | FBRD | DMACR => self.rates[kept(offset)] = value & 0xFFFF,
            LCR_H => {
                self.line_control = value & 0xFF;
                self.received.turn(value & LCR_H_FEN != 0);
            }
            CR => self.control = value & 0xFFFF,
            IFLS => self.levels = value & 0x3F,
            IMSC => self.mask = value & INTERRUPTS,
            ICR => self.raised &= !value,
            _ => {}
        }
    }
}

/// The place of a register among those that are only kept.
fn kept(offset: u64) -> usize {
    match offset {
        ILPR => 0,
        IBRD => 1,
        FBRD => 2,
        _ => 3,
    }
}

/// Registers have 32 bits, of which the low bytes alone may be read or written.
impl Device for Pl011 {
    fn read(&mut self, offset: u64, size: Size, terminal: &mut dyn Terminal) -> Option<u64> {
        if size > Size::Word || !offset.is_multiple_of(4) {
            return None;
        }
        self.receive(terminal);
        let value = self.register(offset);
        self.receive(terminal);
        self.drive();
        Some(value.into())
    }

    fn write(
        &mut self,
        offset: u64,
        size: Size,
        value: u64,
        terminal: &mut dyn Terminal,
    ) -> Option<()> {
        if size > Size::Word || !offset.is_multiple_of(4) {
            return None;
        }
        self.set_register(offset, value as u32, terminal);
        self.receive(terminal);
        self.drive();
        Some(())
    }

    fn poll(&mut self, terminal: &mut dyn Terminal) -> bool {
        let was_high = self.is_high();
        self.receive(terminal);
        self.drive();
        self.is_high() && !was_high
    }
}
