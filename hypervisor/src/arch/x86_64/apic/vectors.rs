//! Sets of vectors.

/// A set of vectors.
#[derive(Clone, Debug, Default)]
pub struct Vectors([u32; 8]);

impl Vectors {
    /// Adds one.
    pub fn insert(&mut self, vector: u8) {
        self.0[usize::from(vector / 32)] |= 1 << (vector % 32);
    }

    /// Takes one away.
    pub fn remove(&mut self, vector: u8) {
        self.0[usize::from(vector / 32)] &= !(1 << (vector % 32));
    }

    /// Whether one is there.
    pub fn contains(&self, vector: u8) -> bool {
        self.0[usize::from(vector / 32)] >> (vector % 32) & 1 != 0
    }

    /// The one with the highest priority.
    pub fn highest(&self) -> Option<u8> {
        let words = self.0.iter().enumerate().rev();
        words
            .filter_map(|(index, word)| Some(32 * index as u32 + word.checked_ilog2()?))
            .next()
            .map(|vector| vector as u8)
    }

    /// A register of 32 vectors, by its number from 0 on.
    pub fn word(&self, index: u32) -> u32 {
        self.0[index as usize]
    }
}
