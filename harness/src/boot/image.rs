//! The images a machine boots from: flat kernels, the FAT32 disk, the flash.
//!
//! All are sparse, and written under a temporary name that is renamed when they are whole.

use crate::config::scenario::DiskFault;
use fatfs::{
    Date, DateTime, FatType, FileSystem, FormatVolumeOptions, FsOptions, Time, TimeProvider,
};
use object::read::elf::{ElfFile64, FileHeader, ProgramHeader};
use object::{Endianness, elf};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// Where ArceOS mounts file systems of its own. It makes these folders if they are not there, and stops
/// if it cannot.
const MOUNT_POINTS: [&str; 2] = ["proc", "sys"];

/// The largest flat image; a load address far from the others is a mistake, not a request.
const FLAT_LIMIT: u64 = 256 << 20;

/// Lays an ELF file's load segments out as they are in memory, by physical address, from the lowest
/// one up to the end of what the file holds. Bytes that are no ELF file are flat already.
pub fn flatten(bytes: &[u8]) -> Result<Vec<u8>, String> {
    if !bytes.starts_with(b"\x7fELF") {
        return Ok(bytes.to_vec());
    }
    let file = ElfFile64::<Endianness>::parse(bytes)
        .map_err(|error| format!("not a 64-bit ELF file: {error}"))?;
    let endian = file.endian();
    let mut segments = Vec::new();
    let headers = file
        .elf_header()
        .program_headers(endian, bytes)
        .map_err(|error| error.to_string())?;
    for header in headers {
        if header.p_type(endian) == elf::PT_LOAD && header.p_filesz(endian) > 0 {
            let data = header
                .data(endian, bytes)
                .map_err(|()| "a segment is outside the file")?;
            segments.push((header.p_paddr(endian), data));
        }
    }
    let lowest = segments
        .iter()
        .map(|(at, _)| *at)
        .min()
        .ok_or("no segment to load")?;
    let mut flat = Vec::new();
    for (at, data) in segments {
        let start = at - lowest;
        if start.saturating_add(data.len() as u64) > FLAT_LIMIT {
            return Err(format!(
                "its segments span more than {} MiB",
                FLAT_LIMIT >> 20
            ));
        }
        let (start, end) = (start as usize, start as usize + data.len());
        if flat.len() < end {
            flat.resize(end, 0);
        }
        flat[start..end].copy_from_slice(data);
    }
    Ok(flat)
}

/// The date of every file and folder: FAT's first day. FAT has no date 0, and file systems that are
/// strict (rust-fatfs in ArceOS 0.2) stop at one; the day a disk was made would make no two alike.
#[derive(Debug)]
struct FirstDay;

static FIRST_DAY: FirstDay = FirstDay;

impl TimeProvider for FirstDay {
    fn get_current_date(&self) -> Date {
        Date {
            year: 1980,
            month: 1,
            day: 1,
        }
    }

    fn get_current_date_time(&self) -> DateTime {
        DateTime {
            date: self.get_current_date(),
            time: Time {
                hour: 0,
                min: 0,
                sec: 0,
                millis: 0,
            },
        }
    }
}

/// The bytes of a cluster: one sector. Below some 33 MiB even that is too few clusters for FAT32.
const CLUSTER: u32 = 512;

/// The size of a disk that is to have `size` bytes, or as many more as its files need.
fn disk_size(size: u64, files: &[(String, Vec<u8>)]) -> u64 {
    const MIB: u64 = 1 << 20;
    let contents: u64 = files.iter().map(|(_, file)| file.len() as u64).sum();
    // Two tables have 4 bytes each for a cluster of 512: less than a fiftieth. The folders, and
    // what is left of each file's last cluster, have room in the MiB besides.
    let needed = contents + contents / 50 + 2 * MIB;
    size.max(needed.next_multiple_of(MIB))
}

/// Makes a FAT32 disk with some files; each path is absolute and its folders are made. It has `size`
/// bytes, or more if the files need more.
pub fn write_disk(path: &Path, size: u64, files: &[(String, Vec<u8>)]) -> io::Result<()> {
    let size = disk_size(size, files);
    write_whole(path, |file| {
        file.set_len(size)?;
        {
            let options = FormatVolumeOptions::new()
                .fat_type(FatType::Fat32)
                .bytes_per_cluster(CLUSTER);
            let mut buffered = fscommon::BufStream::new(&mut *file);
            fatfs::format_volume(&mut buffered, options)?;
        }
        file.seek(SeekFrom::Start(0))?;
        let options = FsOptions::new().time_provider(&FIRST_DAY);
        let volume = FileSystem::new(fscommon::BufStream::new(&mut *file), options)?;
        for folder in MOUNT_POINTS {
            volume.root_dir().create_dir(folder)?;
        }
        for (path, contents) in files {
            let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
            let mut folder = volume.root_dir();
            for part in folders.split('/').filter(|part| !part.is_empty()) {
                folder = folder.create_dir(part)?;
            }
            folder.create_file(name)?.write_all(contents)?;
        }
        volume.unmount()
    })
}

/// Reads a file of a disk that [`write_disk`] made.
pub fn read_from_disk(disk: &Path, path: &str) -> io::Result<Vec<u8>> {
    let file =
        fscommon::BufStream::new(std::fs::File::options().read(true).write(true).open(disk)?);
    let volume = FileSystem::new(file, FsOptions::new())?;
    let mut contents = Vec::new();
    volume
        .root_dir()
        .open_file(path.trim_start_matches('/'))?
        .read_to_end(&mut contents)?;
    Ok(contents)
}

/// Breaks a disk that [`write_disk`] made.
pub fn break_disk(path: &Path, fault: DiskFault) -> io::Result<()> {
    let mut file = std::fs::File::options().read(true).write(true).open(path)?;
    match fault {
        // The boot sector goes, and with it all that says where things are.
        DiskFault::NotFat => file.write_all(&[0; 512]),
        // What the files' clusters hold comes last; the half of it goes.
        DiskFault::Truncated => {
            let data = data_end(&mut file)?;
            file.set_len(data.start + (data.end - data.start) / 2)
        }
    }
}

/// Where the first bytes of the disk's last file are, and the end of the last one that is not zero.
fn data_end(file: &mut std::fs::File) -> io::Result<std::ops::Range<u64>> {
    const SECTOR: usize = 512;
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_end(&mut bytes)?;
    let field = |at: usize| u64::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
    let long = |at: usize| {
        u64::from(u32::from_le_bytes([
            bytes[at],
            bytes[at + 1],
            bytes[at + 2],
            bytes[at + 3],
        ]))
    };
    // BPB: reserved sectors, number of FATs, sectors of a FAT32.
    let start = (field(14) + u64::from(bytes[16]) * long(36)) * SECTOR as u64;
    let used = bytes
        .chunks(SECTOR)
        .rposition(|sector| sector.iter().any(|&byte| byte != 0));
    let end = used.map_or(0, |sector| (sector as u64 + 1) * SECTOR as u64);
    Ok(start..end.max(start))
}

/// Makes a flash image of a size that begins with some contents.
pub fn write_flash(path: &Path, size: u64, contents: &[u8]) -> io::Result<()> {
    if contents.len() as u64 > size {
        return Err(io::Error::other(format!(
            "the contents do not fit into {size} bytes"
        )));
    }
    write_whole(path, |file| {
        file.set_len(size)?;
        file.write_all(contents)
    })
}

/// Writes a file of plain contents.
pub fn write_plain(path: &Path, contents: &[u8]) -> io::Result<()> {
    write_whole(path, |file| file.write_all(contents))
}

/// Writes a file under a temporary name in its folder and renames it once it is whole.
fn write_whole(
    path: &Path,
    fill: impl FnOnce(&mut std::fs::File) -> io::Result<()>,
) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut temporary = tempfile::Builder::new()
        .prefix(".part-")
        .tempfile_in(folder)?;
    fill(temporary.as_file_mut())?;
    temporary.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;
    use std::time::{Duration, Instant};

    /// An ELF file with load segments at the given physical addresses.
    fn elf(segments: &[(u64, &[u8])]) -> Vec<u8> {
        let mut out = b"\x7fELF\x02\x01\x01".to_vec();
        out.resize(16, 0);
        for (value, size) in [
            (2, 2),
            (243, 2),
            (1, 4),
            (0, 8),
            (64, 8),
            (0, 8),
            (0, 4),
            (64, 2),
            (56, 2),
            (segments.len() as u64, 2),
            (0, 2),
            (0, 2),
            (0, 2u64),
        ] {
            out.extend(&value.to_le_bytes()[..size as usize]);
        }
        let mut offset = (64 + 56 * segments.len()) as u64;
        for (at, data) in segments {
            let (len, more) = (data.len() as u64, data.len() as u64 + 0x1000);
            for (value, size) in [
                (1, 4),
                (5, 4),
                (offset, 8),
                (at | 0xffff_0000_0000_0000, 8),
                (*at, 8),
                (len, 8),
                (more, 8),
                (1, 8u64),
            ] {
                out.extend(&value.to_le_bytes()[..size as usize]);
            }
            offset += len;
        }
        segments.iter().for_each(|(_, data)| out.extend(*data));
        out
    }

    #[test]
    fn segments_are_laid_out_by_physical_address_without_trailing_zeros() {
        let file = elf(&[(0x8000_0008, b"late"), (0x8000_0000, b"early")]);
        assert_eq!(flatten(&file).unwrap(), b"early\0\0\0late");
    }

    #[test]
    fn what_is_no_elf_stays_and_what_is_broken_is_refused() {
        assert_eq!(flatten(b"flat").unwrap(), b"flat");
        assert!(flatten(b"\x7fELF").is_err());
        assert!(flatten(&elf(&[])).unwrap_err().contains("no segment"));
        assert!(
            flatten(&elf(&[(0, b"a"), (1 << 40, b"b")]))
                .unwrap_err()
                .contains("span")
        );
        assert!(flatten(&elf(&[(0, b"a"), (u64::MAX, b"b")])).is_err());
        let mut cut = elf(&[(0, b"abc")]);
        cut.pop();
        assert!(flatten(&cut).unwrap_err().contains("outside"));
    }

    #[test]
    fn the_disk_is_fat32_sparse_quick_and_holds_its_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a, b.img");
        let guest: Vec<u8> = (0..200_000u32).map(|n| n as u8).collect();
        let files = [
            ("/sbin/gkernel".into(), guest),
            ("/sbin/guest-own-fault".into(), b"a long name".to_vec()),
            ("/boot/cmdline".into(), b"nonce=1".to_vec()),
        ];
        let start = Instant::now();
        write_disk(&path, 64 << 20, &files).unwrap();
        let took = start.elapsed();
        for (name, contents) in &files {
            assert!(
                read_from_disk(&path, name).unwrap() == *contents,
                "{name} differs"
            );
        }
        let disk = std::fs::File::options()
            .read(true)
            .write(true)
            .open(&path)
            .unwrap();
        let volume = FileSystem::new(disk, FsOptions::new()).unwrap();
        assert_eq!(volume.fat_type(), FatType::Fat32);
        let sbin = volume.root_dir().open_dir("sbin").unwrap();
        let names: Vec<_> = sbin
            .iter()
            .map(|entry| entry.unwrap().file_name())
            .filter(|name| !name.starts_with('.'))
            .collect();
        assert_eq!(names, ["gkernel", "guest-own-fault"]);
        let meta = std::fs::metadata(&path).unwrap();
        assert_eq!(meta.len(), 64 << 20);
        assert!(
            meta.blocks() * 512 < 3 << 20,
            "{} bytes on disk",
            meta.blocks() * 512
        );
        // Ten times the budget: this must not fail on a busy machine; `harness bench` has the figure.
        assert!(took < Duration::from_millis(500), "{took:?}");
        assert_eq!(
            std::fs::read_dir(folder.path()).unwrap().count(),
            1,
            "a temporary file is left"
        );
    }

    /// Every directory entry of a disk that is no long name's: its name and its three dates.
    fn dates(disk: &Path) -> Vec<(String, [u16; 3])> {
        let bytes = std::fs::read(disk).unwrap();
        let number = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let is_name = |b: &u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b" ~.-_".contains(b);
        let entries = (0..bytes.len()).step_by(32).filter(|&at| {
            let [folder, file] = [0x10, 0x20];
            let is_entry = [folder, file, 0].contains(&bytes[at + 11]);
            is_entry && bytes[at] != b' ' && bytes[at..at + 11].iter().all(is_name)
        });
        entries
            .map(|at| {
                let name = String::from_utf8_lossy(&bytes[at..at + 11]).into_owned();
                // Created, accessed, written: offsets 16, 18, 24 of an entry (FAT specification).
                (name, [16, 18, 24].map(|field| number(at + field)))
            })
            .collect()
    }

    #[test]
    fn all_files_and_folders_are_of_fats_first_day_and_two_disks_are_alike() {
        let folder = tempfile::tempdir().unwrap();
        let [one, two] = ["1.img", "2.img"].map(|name| folder.path().join(name));
        let files = [("/sbin/gkernel".into(), vec![0xff; 700])];
        write_disk(&one, 34 << 20, &files).unwrap();
        write_disk(&two, 34 << 20, &files).unwrap();
        let entries = dates(&one);
        // proc, sys, sbin and their `.` and `..`, and the guest.
        let count = entries.len();
        assert!(count > 3 * 3, "{entries:?}");
        let first_day = (1 << 5) | 1; // year 0 since 1980, month 1, day 1
        for (name, dates) in &entries {
            assert_eq!(*dates, [first_day; 3], "{name}");
        }
        assert!(std::fs::read(&one).unwrap() == std::fs::read(&two).unwrap());
    }

    #[test]
    fn the_disk_grows_with_what_is_put_on_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("disk.img");
        let mut guest = vec![0x5a; 40 << 20];
        guest.push(1);
        let files = [
            ("/sbin/large".into(), guest),
            ("/boot/cmdline".into(), b"x".to_vec()),
        ];
        write_disk(&path, 34 << 20, &files).unwrap();
        for (name, contents) in &files {
            assert!(read_from_disk(&path, name).unwrap() == *contents, "{name}");
        }
        let size = std::fs::metadata(&path).unwrap().len();
        assert!((40 << 20..48 << 20).contains(&size), "{size}");
        // Small files have a cluster and two entries each.
        let small = |n| (format!("/sbin/small-{n}"), vec![1]);
        let many: Vec<_> = (0..50).map(small).collect();
        write_disk(&path, 34 << 20, &many).unwrap();
    }

    #[test]
    fn flash_is_sparse_and_begins_with_its_contents() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("flash.img");
        write_flash(&path, 32 << 20, b"pfld").unwrap();
        let meta = std::fs::metadata(&path).unwrap();
        assert_eq!(meta.len(), 32 << 20);
        assert!(meta.blocks() * 512 < 1 << 20);
        assert!(std::fs::read(&path).unwrap().starts_with(b"pfld\0"));
        assert!(write_flash(&path, 2, b"pfld").is_err());
    }
}
