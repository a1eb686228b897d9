//! The flash's challenge: a word that differs in each run, on a page of the flash that differs too. A guest
//! that prints the word has read that page of that flash. No constant, no copy that was made beforehand and
//! no other page holds it.
//!
//! | offset | bytes |
//! |---|---|
//! | 0 | what the machine says, such as `pfld` |
//! | 8 | where the word is: its offset, little-endian |
//! | that one | the word, little-endian |

use super::machine::{FlashContent, Machine};
use super::template::Values;

/// The pages that the word may lie on: not the first, which is read anyway. A hypervisor that copies the
/// flash from a file gets these and no more.
const PAGES: std::ops::Range<u64> = 1..16;
const PAGE: u64 = 4096;

/// Where the flash says at which offset the word lies.
const POINTER: usize = 8;

/// The pattern for a challenge that is not known, as in the console of an earlier run.
const ANY: [(&str, &str); 2] = [
    ("{challenge}", "0x[0-9a-f]{16} at offset 0x[0-9a-f]+"),
    ("{challenge_gpa}", "0x[0-9A-F]{8,}"),
];

/// The challenge of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Challenge {
    offset: u64,
    word: u64,
}

impl Challenge {
    /// Makes a challenge from random bytes, which choose its place and its word.
    pub fn of([place, word]: [u64; 2]) -> Self {
        let page = PAGES.start + place % (PAGES.end - PAGES.start);
        let in_page = (place >> 32) % (PAGE / 8) * 8;
        Self {
            offset: page * PAGE + in_page,
            word,
        }
    }

    /// Whether a machine has a flash that can hold one: one that is filled with a text, which ends before
    /// it begins.
    pub fn fits(machine: &Machine) -> bool {
        let content = machine.flash.as_ref().map(|flash| &flash.content);
        matches!(content, Some(FlashContent::Text(text)) if text.len() <= POINTER)
    }

    /// The flash's contents with the challenge in them.
    pub fn put_into(self, mut contents: Vec<u8>) -> Vec<u8> {
        contents.resize((PAGES.end * PAGE) as usize, 0);
        let mut put = |at: usize, word: u64| {
            contents[at..at + 8].copy_from_slice(&word.to_le_bytes());
        };
        put(POINTER, self.offset);
        put(self.offset as usize, self.word);
        contents
    }

    /// What `{challenge}` stands for in a scenario, and `{challenge_gpa}` where the machine says in
    /// `{pflash}` where its flash is.
    pub fn values(self, machine: &Machine, values: &mut Values) {
        let Self { offset, word } = self;
        values.insert(
            "challenge".into(),
            format!("{word:#018x} at offset {offset:#x}"),
        );
        let base = machine.values.get("pflash");
        let base = base.and_then(|base| u64::from_str_radix(base.strip_prefix("0x")?, 16).ok());
        if let Some(gpa) = base.and_then(|base| base.checked_add(offset)) {
            values.insert("challenge_gpa".into(), format!("{gpa:#010X}"));
        }
    }
}

/// A pattern in which any challenge will do.
pub fn any(pattern: &str, machine: &Machine) -> String {
    if !Challenge::fits(machine) {
        return pattern.to_owned();
    }
    let fill = |text: String, (name, any): &(&str, &str)| text.replace(name, any);
    ANY.iter().fold(pattern.to_owned(), fill)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flash_says_where_its_word_is() {
        for place in [0, 1, 14, 15, u64::MAX, 0x1FF << 32 | 14, 0x200 << 32] {
            let challenge = Challenge::of([place, 0x0123_4567_89AB_CDEF]);
            let flash = challenge.put_into(b"pfld".to_vec());
            assert!(flash.starts_with(b"pfld\0\0\0\0"));
            let word = |at: usize| u64::from_le_bytes(flash[at..at + 8].try_into().unwrap());
            let offset = word(8);
            assert!((0x1000..0x10000).contains(&offset) && offset % 8 == 0);
            assert_eq!(word(offset as usize), 0x0123_4567_89AB_CDEF);
            assert_eq!(flash.len(), 0x10000);
        }
    }
}
