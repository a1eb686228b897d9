//! The errors that can occur before a guest runs, and whose fault each is.

use core::fmt;

/// The file that holds the words.
pub const CMDLINE: &str = "/boot/cmdline";

/// An error of the hypervisor. Each one says who can fix it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The machine lacks something: the text names it and the QEMU option that gives it.
    Machine(&'static str),
    /// The disk holds no readable file system.
    Disk,
    /// A file on the disk is missing or cannot be read.
    File {
        /// Its path on the disk.
        path: alloc::string::String,
        /// What is wrong with it.
        what: FileFault,
    },
    /// The hypervisor ran out of memory.
    OutOfMemory {
        /// What it was needed for.
        purpose: &'static str,
    },
    /// A word of `/boot/cmdline` cannot be obeyed.
    Word {
        /// The word, safe to show.
        word: alloc::string::String,
        /// What is wrong with it.
        why: alloc::string::String,
    },
    /// The disk asks for something that the architecture does not have.
    Choice {
        /// What: `mode`, `timer`.
        what: &'static str,
        /// Which one.
        asked: alloc::string::String,
        /// Those that the architecture has.
        known: alloc::vec::Vec<&'static str>,
    },
    /// The guest's memory map is declared wrongly: a bug in the hypervisor.
    Layout(&'static str),
}

/// What is wrong with a file on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFault {
    /// The file does not exist.
    Missing,
    /// The file is empty.
    Empty,
    /// The file is larger than the room for it.
    TooLarge {
        /// The room, in bytes.
        room: usize,
    },
    /// Reading it failed.
    Unreadable,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Machine(what) => write!(f, "the machine is not fit: {what}"),
            Self::Disk => f.write_str("the disk holds no FAT32 file system"),
            Self::File { path, what } => write!(f, "{path}: {what}"),
            Self::OutOfMemory { purpose } => write!(f, "out of host memory for {purpose}"),
            Self::Word { word, why } => write!(f, "{CMDLINE}: `{word}`: {why}"),
            Self::Choice { what, asked, known } if known.is_empty() => {
                write!(
                    f,
                    "there is no {what} `{asked}`; guests of this architecture get none"
                )
            }
            Self::Choice { what, asked, known } => {
                write!(
                    f,
                    "there is no {what} `{asked}`; the {what}s are {}",
                    known.join(", ")
                )
            }
            Self::Layout(what) => write!(f, "the guest's memory map is wrong: {what}"),
        }
    }
}

impl fmt::Display for FileFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("no such file on the disk"),
            Self::Empty => f.write_str("the file is empty"),
            Self::TooLarge { room } => {
                write!(f, "the file is larger than the {room} bytes of room for it")
            }
            Self::Unreadable => f.write_str("the file cannot be read"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn a_choice_that_is_not_there_names_those_that_are() {
        let error = |known: &[&'static str]| Error::Choice {
            what: "timer",
            asked: "hpet".into(),
            known: known.to_vec(),
        };
        assert_eq!(
            error(&["sbi", "sstc"]).to_string(),
            "there is no timer `hpet`; the timers are sbi, sstc"
        );
        assert_eq!(
            error(&[]).to_string(),
            "there is no timer `hpet`; guests of this architecture get none"
        );
    }
}
