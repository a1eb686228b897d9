//! The receive FIFO of a UART: 16 bytes, or a single one while it is off.

use alloc::collections::VecDeque;

use super::Terminal;

/// How much it holds while it is on.
pub const SIZE: usize = 16;

/// A FIFO.
#[derive(Default)]
pub struct Fifo {
    bytes: VecDeque<u8>,
    is_on: bool,
}

impl Fifo {
    /// Turns it on or off. What is in it stays.
    pub fn turn(&mut self, on: bool) {
        self.is_on = on;
    }

    /// Whether it is on.
    pub fn is_on(&self) -> bool {
        self.is_on
    }

    /// How many bytes are in it.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// How many more it takes.
    pub fn room(&self) -> usize {
        let size = if self.is_on { SIZE } else { 1 };
        size.saturating_sub(self.bytes.len())
    }

    /// Takes what was typed, as far as there is room.
    pub fn fill(&mut self, terminal: &mut dyn Terminal) {
        while self.room() > 0
            && let Some(byte) = terminal.get()
        {
            self.bytes.push_back(byte);
        }
    }

    /// Puts a byte behind the others, if there is room.
    pub fn put(&mut self, byte: u8) {
        if self.room() > 0 {
            self.bytes.push_back(byte);
        }
    }

    /// Gives the first byte, or 0 if there is none.
    pub fn take(&mut self) -> u8 {
        self.bytes.pop_front().unwrap_or(0)
    }

    /// Drops all.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_finds_no_room_is_lost() {
        for on in [false, true] {
            let mut fifo = Fifo::default();
            fifo.turn(on);
            let size = if on { SIZE } else { 1 };
            for byte in 1..=SIZE as u8 + 1 {
                fifo.put(byte);
            }
            assert_eq!((fifo.len(), fifo.room()), (size, 0));
            for byte in 1..=size as u8 {
                assert_eq!(fifo.take(), byte);
            }
            assert_eq!((fifo.take(), fifo.is_empty()), (0, true));
        }
    }
}
