//! Registers and ports, every one of them tried: which are not as they should be.

use core::fmt;

/// How many a report names.
const SHOWN: usize = 16;

/// Those that are wrong in one way: how many, and the first of them.
#[derive(Clone, Copy, Debug)]
pub struct Found<T> {
    count: usize,
    first: [Option<T>; SHOWN],
}

impl<T: Copy> Found<T> {
    /// None so far.
    pub const fn new() -> Self {
        Self {
            count: 0,
            first: [None; SHOWN],
        }
    }

    /// One more.
    pub fn note(&mut self, what: T) {
        if let Some(place) = self.first.get_mut(self.count) {
            *place = Some(what);
        }
        self.count += 1;
    }
}

impl<T: Copy> Default for Found<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: fmt::Display> fmt::Display for Found<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.count)?;
        for what in self.first.iter().flatten() {
            write!(f, " {what}")?;
        }
        if self.count > SHOWN {
            write!(f, " ...")?;
        }
        Ok(())
    }
}

/// Whose a register or a port is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The guest's own: it has to answer.
    Guests,
    /// The guest's own, on a machine that has it.
    GuestsIfThere,
    /// Not the guest's: it has to be refused.
    Nobodys,
}

/// What a sweep found.
#[derive(Clone, Copy, Debug)]
pub struct Sweep<T> {
    /// Those that answered and are not the guest's.
    pub open: Found<T>,
    /// Those that are the guest's and were refused.
    pub shut: Found<T>,
}

impl<T: Copy> Sweep<T> {
    /// Nothing so far.
    pub const fn new() -> Self {
        Self {
            open: Found::new(),
            shut: Found::new(),
        }
    }

    /// Takes note of one that answered, or was refused.
    pub fn note(&mut self, what: T, answered: bool, whose: Whose) {
        match (answered, whose) {
            (true, Whose::Nobodys) => self.open.note(what),
            (false, Whose::Guests) => self.shut.note(what),
            _ => {}
        }
    }

    /// Whether all were as they should be.
    pub fn is_clean(&self) -> bool {
        self.open.count + self.shut.count == 0
    }
}

impl<T: Copy> Default for Sweep<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: fmt::Display> fmt::Display for Sweep<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "open: {}; shut: {}", self.open, self.shut)
    }
}

/// An access to a register or a port, by what it is called.
#[derive(Clone, Copy, Debug)]
pub struct Access<N> {
    /// Whether it is a store.
    pub writes: bool,
    /// The register or port.
    pub name: N,
}

impl<N: fmt::Display> fmt::Display for Access<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let access = if self.writes { "w" } else { "r" };
        write!(f, "{access}:{}", self.name)
    }
}

/// A register or a port that has a number for a name.
#[derive(Clone, Copy, Debug)]
pub struct Number(pub u32);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}
