//! The machine's RAM as a file in memory that QEMU inherits: what is in it is read without asking QEMU.

use rustix::fs::{MemfdFlags, memfd_create};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;

/// The machine's RAM.
#[derive(Debug)]
pub struct Ram(File);

impl Ram {
    /// Makes RAM of a size in bytes, all zero: what the harness reads, and what QEMU inherits.
    pub fn new(size: u64) -> io::Result<(Self, OwnedFd)> {
        let file = File::from(memfd_create("ram", MemfdFlags::CLOEXEC)?);
        file.set_len(size)?;
        let for_qemu = file.try_clone()?;
        Ok((Self(file), for_qemu.into()))
    }

    /// Reads from an offset on.
    pub fn read(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(into, offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_side_writes_the_other_reads() {
        let (ram, for_qemu) = Ram::new(1 << 20).unwrap();
        File::from(for_qemu)
            .write_all_at(b"pfld", 0xf_fffc)
            .unwrap();
        let mut read = [1; 8];
        ram.read(0xf_fff8, &mut read).unwrap();
        assert_eq!(&read, b"\0\0\0\0pfld");
        assert!(ram.read(0xf_fffc, &mut read).is_err());
    }
}
