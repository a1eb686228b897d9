//! Records of runs that passed, packed: few people look at them, and QEMU's log alone would be most of a matrix's folder.
//!
//! `NAME.gz` (RFC 1952) stands for `NAME`. Who reads a record need not know which of them is there.

use crate::files;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The largest record that is packed, and the most that one is unpacked to, in bytes.
const LIMIT: u64 = files::IMAGE_LIMIT;

/// Packs a record of a run. One that is not there needs no packing.
///
/// # Errors
///
/// It cannot be packed; then it stays as it is.
pub fn pack(run: &Path, name: &str) -> io::Result<()> {
    let plain = run.join(name);
    let mut file = match files::open(&plain) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if file.metadata()?.len() > LIMIT {
        return Err(too_large(LIMIT));
    }
    // Only what is packed is held in memory.
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    io::copy(&mut file, &mut packer)?;
    files::write_whole(&packed(run, name), &packer.finish()?)?;
    fs::remove_file(plain)
}

/// Opens a record of a run, packed or not.
///
/// # Errors
///
/// It is not there, or is no regular file. What is damaged is found when it is read.
pub fn open(run: &Path, name: &str) -> io::Result<Record> {
    match files::open(&run.join(name)) {
        Ok(file) => Ok(Record::Plain(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let file = files::open(&packed(run, name)).map_err(|_| error)?;
            let unpacker = GzDecoder::new(file).take(LIMIT + 1);
            Ok(Record::Packed(Box::new(unpacker)))
        }
        Err(error) => Err(error),
    }
}

/// Reads a record of at most `limit` bytes, packed or not.
///
/// # Errors
///
/// It is not there, is larger, or is damaged.
pub fn read(run: &Path, name: &str, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = open(run, name)?.take(limit + 1).read_to_end(&mut bytes)?;
    match read as u64 > limit {
        true => Err(too_large(limit)),
        false => Ok(bytes),
    }
}

fn packed(run: &Path, name: &str) -> PathBuf {
    let mut file = OsString::from(name);
    file.push(".gz");
    run.join(file)
}

fn too_large(limit: u64) -> io::Error {
    io::Error::other(format!("it is larger than {} MiB", limit >> 20))
}

/// A record that is being read.
#[derive(Debug)]
pub enum Record {
    /// As it was written.
    Plain(File),
    /// Unpacked as it is read.
    Packed(Box<io::Take<GzDecoder<File>>>),
}

impl Read for Record {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.read(buffer),
            Self::Packed(unpacker) => match unpacker.read(buffer) {
                // A small file may unpack to any size.
                Ok(_) if unpacker.limit() == 0 => Err(too_large(LIMIT)),
                read => read,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packed_record_is_read_like_any() {
        let run = tempfile::tempdir().unwrap();
        let text = b"riscv_trap: cause:20\n".repeat(10_000);
        let path = |name: &str| run.path().join(name);
        fs::write(path("log"), &text).unwrap();
        assert_eq!(read(run.path(), "log", 1 << 20).unwrap(), text);
        pack(run.path(), "log").unwrap();
        pack(run.path(), "log").unwrap();
        pack(run.path(), "none").unwrap();
        assert!(!path("log").exists());
        assert!(path("log.gz").metadata().unwrap().len() * 20 < text.len() as u64);
        assert_eq!(read(run.path(), "log", 1 << 20).unwrap(), text);
        let error = read(run.path(), "log", 1 << 10).unwrap_err().to_string();
        assert_eq!(error, "it is larger than 0 MiB");
        let error = read(run.path(), "none", 1 << 10).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_damaged_one_is_an_error_and_not_a_shorter_record() {
        let run = tempfile::tempdir().unwrap();
        let file = run.path().join("log.gz");
        fs::write(run.path().join("log"), "line\n".repeat(1000)).unwrap();
        pack(run.path(), "log").unwrap();
        let whole = fs::read(&file).unwrap();
        for length in 0..whole.len() {
            fs::write(&file, &whole[..length]).unwrap();
            read(run.path(), "log", 1 << 20).unwrap_err();
        }
        for nth in whole.len() - 8..whole.len() {
            let mut other = whole.clone();
            other[nth] ^= 1;
            fs::write(&file, other).unwrap();
            read(run.path(), "log", 1 << 20).unwrap_err();
        }
    }
}
