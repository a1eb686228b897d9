//! Copies a file to its place, through a buffer of bounded size.

use alloc::vec;

use crate::error::{Error, FileFault};

/// The most bytes that are read before they are put in their place.
const PIECE: usize = 64 << 10;

/// Passes everything that `read` returns, up to its first 0, to `put`, in pieces of at most 64 KiB with
/// their offsets. Returns the total size in bytes. `fail` makes an error from what is wrong with the
/// file: it cannot be read, is empty, or has more than `room` bytes.
///
/// Short reads are normal (axfs returns at most one sector per call).
pub fn copy(
    room: u64,
    mut read: impl FnMut(&mut [u8]) -> Result<usize, FileFault>,
    mut put: impl FnMut(u64, &[u8]) -> Result<(), Error>,
    fail: impl Fn(FileFault) -> Error,
) -> Result<usize, Error> {
    let mut piece = vec![0; PIECE.min(usize::try_from(room).unwrap_or(PIECE).saturating_add(1))];
    let mut done = 0;
    loop {
        let mut len = 0;
        while len < piece.len() {
            match read(&mut piece[len..]).map_err(&fail)? {
                0 => break,
                count => len += count,
            }
        }
        if len as u64 > room - done {
            let room = usize::try_from(room).unwrap_or(usize::MAX);
            return Err(fail(FileFault::TooLarge { room }));
        }
        put(done, &piece[..len])?;
        done += len as u64;
        if len < piece.len() {
            break;
        }
    }
    match done {
        0 => Err(fail(FileFault::Empty)),
        len => Ok(len as usize),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{string::ToString, vec::Vec};

    fn fail(what: FileFault) -> Error {
        Error::File {
            path: "/f".to_string(),
            what,
        }
    }

    /// Copies a file that is read in `sector`s; a read at `broken` fails. Returns the bytes that were
    /// put.
    fn copied(
        file: &[u8],
        room: u64,
        sector: usize,
        broken: Option<usize>,
    ) -> Result<Vec<u8>, Error> {
        let (mut at, mut target) = (0, Vec::new());
        let read = |piece: &mut [u8]| {
            assert!(!piece.is_empty(), "a read of nothing looks like the end");
            if broken == Some(at) {
                return Err(FileFault::Unreadable);
            }
            let count = piece.len().min(sector).min(file.len() - at);
            piece[..count].copy_from_slice(&file[at..at + count]);
            at += count;
            Ok(count)
        };
        let put = |offset, bytes: &[u8]| {
            assert_eq!(offset, target.len() as u64);
            assert!(bytes.len() <= PIECE);
            target.extend_from_slice(bytes);
            Ok(())
        };
        let len = copy(room, read, put, fail)?;
        assert_eq!(len, target.len());
        Ok(target)
    }

    fn bytes(len: usize) -> Vec<u8> {
        (0..len).map(|at| (at % 251) as u8).collect()
    }

    #[test]
    fn all_of_a_file_arrives_however_little_a_read_gives() {
        for len in [
            1,
            511,
            512,
            513,
            PIECE - 1,
            PIECE,
            PIECE + 1,
            3 * PIECE + 77,
        ] {
            for sector in [100, 512, usize::MAX] {
                let file = bytes(len);
                assert_eq!(copied(&file, 1 << 20, sector, None).as_ref(), Ok(&file));
            }
        }
    }

    #[test]
    fn a_file_may_fill_its_room_and_not_a_byte_more() {
        for room in [1, 512, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE] {
            let file = bytes(room);
            assert_eq!(copied(&file, room as u64, 512, None).as_ref(), Ok(&file));
            let larger = copied(&bytes(room + 1), room as u64, 512, None);
            assert_eq!(larger, Err(fail(FileFault::TooLarge { room })), "{room}");
        }
    }

    #[test]
    fn a_file_without_bytes_or_that_breaks_off_is_an_error() {
        assert_eq!(copied(&[], 10, 512, None), Err(fail(FileFault::Empty)));
        for broken in [0, 512, PIECE] {
            let found = copied(&bytes(2 * PIECE), 1 << 20, 512, Some(broken));
            assert_eq!(found, Err(fail(FileFault::Unreadable)), "{broken}");
        }
    }

    #[test]
    fn nothing_fits_where_there_is_no_room() {
        let found = copied(&bytes(1), 0, 512, None);
        assert_eq!(found, Err(fail(FileFault::TooLarge { room: 0 })));
    }
}
