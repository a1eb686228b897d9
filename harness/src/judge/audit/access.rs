//! What may be done at an address, or with a register.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What may be done at an address. In files it is some of the letters `rwx`, or `none`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Access {
    /// Loads.
    pub read: bool,
    /// Stores.
    pub write: bool,
    /// Instruction fetches, at any of the guest's privilege levels.
    pub execute: bool,
}

impl Access {
    /// Nothing.
    pub const NONE: Self = Self::new(false, false, false);
    /// Everything.
    pub const ALL: Self = Self::new(true, true, true);

    /// Whether loads, stores and fetches are possible.
    pub const fn new(read: bool, write: bool, execute: bool) -> Self {
        Self {
            read,
            write,
            execute,
        }
    }

    /// What both of them allow.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let Self {
            read,
            write,
            execute,
        } = other;
        Self::new(
            self.read && read,
            self.write && write,
            self.execute && execute,
        )
    }

    /// Whether it allows nothing that the other does not.
    pub fn is_within(self, other: Self) -> bool {
        self.and(other) == self
    }
}

/// In words, such as `read-write`.
impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [
            (self.read, "read"),
            (self.write, "write"),
            (self.execute, "execute"),
        ];
        let words: Vec<_> = words.iter().filter(|(may, _)| *may).collect();
        if words.is_empty() {
            return f.pad("no access");
        }
        let words: Vec<_> = words.into_iter().map(|(_, word)| *word).collect();
        f.pad(&words.join("-"))
    }
}

impl From<Access> for String {
    fn from(access: Access) -> Self {
        let letters = [
            (access.read, 'r'),
            (access.write, 'w'),
            (access.execute, 'x'),
        ];
        let letters: Self = letters
            .iter()
            .filter_map(|(may, c)| may.then_some(*c))
            .collect();
        if letters.is_empty() {
            return "none".into();
        }
        letters
    }
}

impl TryFrom<String> for Access {
    type Error = String;

    fn try_from(letters: String) -> Result<Self, String> {
        let mut access = Self::NONE;
        if letters == "none" {
            return Ok(access);
        }
        for letter in letters.chars() {
            let may = match letter {
                'r' => &mut access.read,
                'w' => &mut access.write,
                'x' => &mut access.execute,
                _ => return Err(not_an_access(&letters)),
            };
            if std::mem::replace(may, true) {
                return Err(not_an_access(&letters));
            }
        }
        if access == Self::NONE {
            return Err(not_an_access(&letters));
        }
        Ok(access)
    }
}

fn not_an_access(letters: &str) -> String {
    format!("`{letters}` is no access; write some of the letters `rwx`, or `none`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_access_is_letters_in_files_and_words_for_people() {
        let cases = [
            ("none", "no access"),
            ("r", "read"),
            ("rw", "read-write"),
            ("rx", "read-execute"),
            ("x", "execute"),
            ("rwx", "read-write-execute"),
        ];
        for (letters, words) in cases {
            let access = Access::try_from(letters.to_owned()).unwrap();
            assert_eq!(access.to_string(), words);
            assert_eq!(String::from(access), letters);
        }
    }

    #[test]
    fn letters_that_say_nothing_or_something_twice_are_refused() {
        for letters in ["", "q", "rr", "read", "none "] {
            let error = Access::try_from(letters.to_owned()).unwrap_err();
            assert_eq!(
                error,
                format!("`{letters}` is no access; write some of the letters `rwx`, or `none`")
            );
        }
    }

    #[test]
    fn less_is_within_more() {
        let (reads, writes) = (
            Access::new(true, false, false),
            Access::new(true, true, false),
        );
        assert!(reads.is_within(writes) && !writes.is_within(reads));
        assert!(Access::NONE.is_within(reads));
    }
}
