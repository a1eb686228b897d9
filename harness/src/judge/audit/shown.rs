//! Moments in words, and snapshots of anybody's making made safe to show.

use super::{Moment, Snapshot};
use crate::judge::lines::normalise;
use std::fmt;

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Symbol { name, nth: 1 } => write!(f, "seen at {name}"),
            Self::Symbol { name, nth } => write!(f, "seen at {name}, time {nth}"),
            Self::Exits { count: 1 } => f.write_str("seen after the guest's first exit"),
            Self::Exits { count } => write!(f, "seen after {count} exits of the guest"),
            Self::Step { name } => write!(f, "seen at step `{name}`"),
            Self::Time { seconds } => write!(f, "seen after {seconds:.3} s"),
        }
    }
}

impl Snapshot {
    /// The same with nothing in its texts that a terminal acts on.
    #[must_use]
    pub fn made_safe(mut self) -> Self {
        let safe = |text: &mut String| *text = normalise(text.as_bytes()).into_owned();
        match &mut self.at {
            Moment::Symbol { name, .. } | Moment::Step { name } => safe(name),
            Moment::Exits { .. } | Moment::Time { .. } => {}
        }
        self.format.iter_mut().for_each(safe);
        self.gaps.iter_mut().for_each(safe);
        self.texts.iter_mut().for_each(|text| safe(&mut text.of));
        let regions = self.regions.iter_mut();
        regions.for_each(|region| safe(&mut region.name));
        let registers = std::mem::take(&mut self.registers).into_iter();
        let registers = registers.map(|(name, value)| {
            let name = normalise(name.as_bytes()).into_owned();
            (name, value)
        });
        self.registers = registers.collect();
        self
    }
}
