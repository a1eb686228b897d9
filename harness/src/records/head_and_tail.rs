//! A file of bounded size, however much is written to it: it keeps the beginning and the end.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// What stands in place of the middle: this, the number of its bytes, and the rest.
const MARK: &str = "\n[";
const MARK_END: &str = " bytes are left out here]\n";

/// How many bytes such a file says that it leaves out; 0 if it is whole.
pub fn left_out(file: &[u8]) -> u64 {
    let Some(end) = memchr::memmem::find(file, MARK_END.as_bytes()) else {
        return 0;
    };
    let digits = file[..end].rsplit(|byte| !byte.is_ascii_digit()).next();
    let number = digits.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
    number.unwrap_or(0)
}

/// A file that may leave out its middle. Its end is written when this is dropped.
#[derive(Debug)]
pub(super) struct HeadAndTail {
    file: File,
    /// How many bytes of the beginning may still be written directly.
    room: usize,
    /// The last bytes after the beginning.
    tail: VecDeque<u8>,
    tail_limit: usize,
    left_out: u64,
}

impl HeadAndTail {
    /// An empty file that keeps this many bytes of its beginning and of its end.
    pub(super) fn create(path: &Path, head: usize, tail: usize) -> io::Result<Self> {
        Ok(Self {
            file: File::create(path)?,
            room: head,
            tail: VecDeque::new(),
            tail_limit: tail,
            left_out: 0,
        })
    }

    /// Adds bytes.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let (head, rest) = bytes.split_at(bytes.len().min(self.room));
        self.room -= head.len();
        // Of bytes longer than the tail, only the end fits into it.
        let skipped = rest.len().saturating_sub(self.tail_limit);
        let kept = &rest[skipped..];
        let surplus = (self.tail.len() + kept.len()).saturating_sub(self.tail_limit);
        self.tail.drain(..surplus);
        self.tail.extend(kept);
        self.left_out += (skipped + surplus) as u64;
        self.file.write_all(head)
    }

    /// Writes the end: once, after everything else.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        let tail = std::mem::take(&mut self.tail);
        if self.left_out > 0 {
            let left_out = std::mem::take(&mut self.left_out);
            write!(self.file, "{MARK}{left_out}{MARK_END}")?;
        }
        let (first, second) = tail.as_slices();
        self.file.write_all(first)?;
        self.file.write_all(second)
    }
}

impl Drop for HeadAndTail {
    fn drop(&mut self) {
        let _ = self.finish(); // nobody is left to be told
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn kept(pieces: &[&[u8]]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut file = HeadAndTail::create(&path, 4, 3).unwrap();
        for piece in pieces {
            file.write(piece).unwrap();
        }
        drop(file);
        fs::read_to_string(path).unwrap()
    }

    #[test]
    fn what_is_left_out_can_be_read_back() {
        assert_eq!(left_out(kept(&[b"abcdefghijklmnop"]).as_bytes()), 9);
        for whole in [&b"abc"[..], b"[x bytes are left out here]\n", b""] {
            assert_eq!(left_out(whole), 0);
        }
    }

    #[test]
    fn what_fits_is_kept_as_it_is_however_it_comes() {
        assert_eq!(kept(&[]), "");
        assert_eq!(kept(&[b"abcdefg"]), "abcdefg");
        assert_eq!(kept(&[b"abc", b"de", b"", b"fg"]), "abcdefg");
    }

    #[test]
    fn the_middle_of_more_than_that_is_left_out_and_counted() {
        let whole = b"abcdefghijklmnop";
        let expected = "abcd\n[9 bytes are left out here]\nnop";
        assert_eq!(kept(&[whole]), expected);
        for size in 1..whole.len() {
            let pieces: Vec<_> = whole.chunks(size).collect();
            assert_eq!(kept(&pieces), expected, "in pieces of {size}");
        }
    }
}
