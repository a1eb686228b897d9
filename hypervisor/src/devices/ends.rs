//! For tests of devices: a terminal and a line, which a test looks at.

use alloc::{collections::VecDeque, rc::Rc};
use core::cell::Cell;
use std::string::String;

use super::{Line, Terminal};

/// What was printed, and what is still to be read.
#[derive(Default)]
pub struct Typed(pub String, pub VecDeque<u8>);

impl Terminal for Typed {
    fn put(&mut self, byte: u8) {
        self.0.push(byte.into());
    }

    fn get(&mut self) -> Option<u8> {
        self.1.pop_front()
    }
}

/// Whether the line is high, and whether what is typed may make it so.
#[derive(Clone, Default)]
pub struct Wire(pub Rc<Cell<(bool, bool)>>);

impl Line for Wire {
    fn set(&self, high: bool, awaits: bool) {
        self.0.set((high, awaits));
    }
}
