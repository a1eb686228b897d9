//! Snapshots of anybody's making made safe to show.

use super::{Moment, Snapshot};
use crate::judge::lines::normalise;

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
