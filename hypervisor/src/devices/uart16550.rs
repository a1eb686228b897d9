//! The UART 16550A (National Semiconductor PC16550D): what is stored to it is printed at once, and what is typed waits
//! in its receive FIFO. There are no errors, no modem but the one that loops back, and no rate matters.
//!
//! Its eight registers are bytes, one behind the other: at I/O ports on a PC, at physical addresses elsewhere.

use alloc::boxed::Box;

use super::{Device, Line, Terminal, fifo::Fifo};
use crate::vm::exit::Size;

#[cfg(test)]
mod tests;

/// How many registers it has.
pub const REGISTERS: u64 = 8;

/// The registers, by their offsets. While LCR.DLAB is set, the first two are the divisor's.
const DATA: u64 = 0;
const IER: u64 = 1;
/// IIR for loads, FCR for stores.
const IIR: u64 = 2;
const LCR: u64 = 3;
const MCR: u64 = 4;
const LSR: u64 = 5;
const MSR: u64 = 6;
const SCR: u64 = 7;

const IER_RECEIVED: u8 = 1 << 0;
const IER_EMPTY: u8 = 1 << 1;
/// IIR: what the interrupt is about, the most urgent first; and that FIFOs are on.
const IIR_RECEIVED: u8 = 0b0100;
const IIR_TIMEOUT: u8 = 0b1100;
const IIR_EMPTY: u8 = 0b0010;
const IIR_NONE: u8 = 0b0001;
const IIR_FIFO: u8 = 0b1100_0000;
const FCR_ON: u8 = 1 << 0;
const FCR_CLEAR_RECEIVED: u8 = 1 << 1;
const LCR_DLAB: u8 = 1 << 7;
/// MCR: DTR, RTS, OUT1, OUT2; and that the UART hears itself.
const MCR_LOOP: u8 = 1 << 4;
const MCR_BITS: u8 = 0x1F;
const LSR_DATA: u8 = 1 << 0;
/// There is room to send, and all is sent.
const LSR_EMPTY: u8 = 0b11 << 5;
/// A terminal is there, and ready: DCD, DSR, CTS.
const MSR_READY: u8 = 0xB0;

/// A UART.
pub struct Uart16550 {
    received: Fifo,
    divisor: [u8; 2],
    enabled: u8,
    fifo_control: u8,
    line_control: u8,
    modem_control: u8,
    scratch: u8,
    /// All was sent, and nobody has been told yet.
    has_sent: bool,
    line: Box<dyn Line>,
}

impl Uart16550 {
    /// A UART as after a reset, whose interrupt is `line`.
    pub fn new(line: Box<dyn Line>) -> Self {
        Self {
            received: Fifo::default(),
            divisor: [0; 2],
            enabled: 0,
            fifo_control: 0,
            line_control: 0,
            modem_control: 0,
            scratch: 0,
            has_sent: true,
            line,
        }
    }

    /// How many bytes there have to be for an interrupt of its own (FCR's trigger); fewer lead to a timeout, since
    /// nothing more comes for now.
    fn level(&self) -> usize {
        if !self.received.is_on() {
            return 1;
        }
        [1, 4, 8, 14][usize::from(self.fifo_control >> 6)]
    }

    /// Takes what was typed, as far as there is room. While it hears itself, it hears nothing else.
    fn receive(&mut self, terminal: &mut dyn Terminal) {
        if self.modem_control & MCR_LOOP == 0 {
            self.received.fill(terminal);
        }
    }

    fn send(&mut self, byte: u8, terminal: &mut dyn Terminal) {
        if self.modem_control & MCR_LOOP == 0 {
            terminal.put(byte);
        } else {
            self.received.put(byte);
        }
        // It is gone at once.
        self.has_sent = true;
    }

    /// What its interrupt is about.
    fn cause(&self) -> u8 {
        if self.enabled & IER_RECEIVED != 0 && !self.received.is_empty() {
            return match self.received.len() >= self.level() {
                true => IIR_RECEIVED,
                false => IIR_TIMEOUT,
            };
        }
        if self.enabled & IER_EMPTY != 0 && self.has_sent {
            return IIR_EMPTY;
        }
        IIR_NONE
    }

    fn is_high(&self) -> bool {
        self.cause() != IIR_NONE
    }

    /// The line is high while there is a cause; what is typed may be one.
    fn drive(&self) {
        let awaits = self.enabled & IER_RECEIVED != 0;
        self.line.set(self.is_high(), awaits);
    }

    /// Looking at the cause is enough for what was sent.
    fn identify(&mut self) -> u8 {
        let cause = self.cause();
        if cause == IIR_EMPTY {
            self.has_sent = false;
        }
        if self.received.is_on() {
            cause | IIR_FIFO
        } else {
            cause
        }
    }

    fn set_fifo_control(&mut self, value: u8) {
        // Turning FIFOs on or off empties them.
        if value & FCR_CLEAR_RECEIVED != 0 || (value ^ self.fifo_control) & FCR_ON != 0 {
            self.received.clear();
        }
        // Its other bits can be written only with that one.
        self.fifo_control = if value & FCR_ON != 0 { value } else { 0 };
        self.received.turn(value & FCR_ON != 0);
    }

    /// While it hears itself, the modem's four lines are its own.
    fn modem(&self) -> u8 {
        if self.modem_control & MCR_LOOP == 0 {
            return MSR_READY;
        }
        let [dtr, rts, out1, out2] = [0, 1, 2, 3].map(|bit| self.modem_control >> bit & 1);
        rts << 4 | dtr << 5 | out1 << 6 | out2 << 7
    }

    fn has_divisor_shown(&self) -> bool {
        self.line_control & LCR_DLAB != 0
    }

    fn register(&mut self, offset: u64) -> u8 {
        match offset {
            DATA | IER if self.has_divisor_shown() => self.divisor[offset as usize],
            DATA => self.received.take(),
            IER => self.enabled,
            IIR => self.identify(),
            LCR => self.line_control,
            MCR => self.modem_control,
            LSR if self.received.is_empty() => LSR_EMPTY,
            LSR => LSR_EMPTY | LSR_DATA,
            MSR => self.modem(),
            _ => self.scratch,
        }
    }

    fn set_register(&mut self, offset: u64, value: u8, terminal: &mut dyn Terminal) {
        match offset {
            DATA | IER if self.has_divisor_shown() => self.divisor[offset as usize] = value,
            DATA => self.send(value, terminal),
            IER => {
                let enabled = value & 0xF;
                // There is room to send: that is told to whoever asks anew.
                self.has_sent |= enabled & !self.enabled & IER_EMPTY != 0;
                self.enabled = enabled;
            }
            IIR => self.set_fifo_control(value),
            LCR => self.line_control = value,
            MCR => self.modem_control = value & MCR_BITS,
            SCR => self.scratch = value,
            _ => {}
        }
    }
}

/// Only bytes, and only its registers.
impl Device for Uart16550 {
    fn read(&mut self, offset: u64, size: Size, terminal: &mut dyn Terminal) -> Option<u64> {
        if size != Size::Byte || offset >= REGISTERS {
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
        if size != Size::Byte || offset >= REGISTERS {
            return None;
        }
        self.set_register(offset, value as u8, terminal);
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
