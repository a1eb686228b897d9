//! The images a machine boots from: flat kernels, the FAT disk, the flash.
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

/// A part of a program that can be executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// The virtual address at which it is linked.
    pub linked: u64,
    /// Where it is in the flat image, in bytes from its start.
    pub offset: u64,
    /// Its size in bytes.
    pub size: u64,
}

/// The executable segments of an ELF file of 64 bits; of any other file nothing is known.
pub fn code(bytes: &[u8]) -> Vec<Code> {
    let Ok(file) = ElfFile64::<Endianness>::parse(bytes) else {
        return Vec::new();
    };
    let endian = file.endian();
    let headers = file.elf_program_headers().iter();
    let loaded = headers.filter(|h| h.p_type(endian) == elf::PT_LOAD && h.p_memsz(endian) > 0);
    // As `flatten` lays them out.
    let in_file = loaded.clone().filter(|h| h.p_filesz(endian) > 0);
    let lowest = in_file.map(|h| h.p_paddr(endian)).min().unwrap_or(0);
    let executable = loaded.filter(|h| h.p_flags(endian) & elf::PF_X != 0);
    let code = executable.map(|h| Code {
        linked: h.p_vaddr(endian),
        offset: h.p_paddr(endian).saturating_sub(lowest),
        size: h.p_memsz(endian),
    });
    code.collect()
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

const MIB: u64 = 1 << 20;

/// The bytes of a sector.
const SECTOR: usize = 512;

/// How many bytes of a disk are read at once.
const PIECE: usize = 1 << 20;

/// The kind of FAT of a disk so large, and the bytes of its clusters, if not as is usual. What decides
/// the kind is the number of clusters (Microsoft's FAT specification, section 3.5): 65,525 of one sector
/// are some 33 MiB. So a disk is FAT32 from 34 MiB on, which is what guests expect that know one kind only.
/// Clusters of one sector make for small tables, and need no room for a file's end; a large disk's would
/// be many, and their table is written out.
fn format_of(size: u64) -> FormatVolumeOptions {
    let options = FormatVolumeOptions::new();
    match size {
        0..THIRTY_FOUR => options, // FAT12 or FAT16, as the size has it
        THIRTY_FOUR..LARGE => options.fat_type(FatType::Fat32).bytes_per_cluster(512),
        LARGE.. => options.fat_type(FatType::Fat32),
    }
}

const THIRTY_FOUR: u64 = 34 * MIB;
const LARGE: u64 = 512 * MIB;

/// The size of a disk that is to have `size` bytes, or as many more as its files need.
fn disk_size(size: u64, files: &[(String, Vec<u8>)]) -> u64 {
    let contents: u64 = files.iter().map(|(_, file)| file.len() as u64).sum();
    // Two tables have 4 bytes each for a cluster of 512: less than a fiftieth. The folders, and
    // what is left of each file's last cluster, have room in the MiB besides.
    let needed = contents + contents / 50 + 2 * MIB;
    size.max(needed.next_multiple_of(MIB))
}

/// Makes a FAT disk with some files; each path is absolute and its folders are made. It has `size`
/// bytes, or more if the files need more; from 34 MiB on it is FAT32.
pub fn write_disk(path: &Path, size: u64, files: &[(String, Vec<u8>)]) -> io::Result<()> {
    let size = disk_size(size, files);
    write_whole(path, |file| {
        file.set_len(size)?;
        {
            let mut buffered = fscommon::BufStream::new(&mut *file);
            fatfs::format_volume(&mut buffered, format_of(size))?;
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
        // What the files' clusters hold comes last, the guest behind all else; an eighth of it goes.
        DiskFault::Truncated => {
            let data = data_end(&mut file)?;
            file.set_len(data.end - (data.end - data.start) / 8)
        }
    }
}

/// Where the first bytes of the disk's last file are, and the end of the last sector that is not zero.
/// What the file leaves out is not read.
fn data_end(file: &mut std::fs::File) -> io::Result<std::ops::Range<u64>> {
    let mut boot = [0; SECTOR];
    file.seek(SeekFrom::Start(0))?;
    file.read_exact(&mut boot)?;
    let field = |at: usize| u64::from(u16::from_le_bytes([boot[at], boot[at + 1]]));
    // BPB: reserved sectors, number of FATs, sectors of one (of 16 bits, or 0 and of 32 bits), and the
    // root folder's entries of 32 bytes, where that has a place of its own.
    let table = match field(22) {
        0 => field(36) | field(38) << 16,
        sectors => sectors,
    };
    let root = (field(17) * 32).div_ceil(SECTOR as u64);
    let start = (field(14) + u64::from(boot[16]) * table + root) * SECTOR as u64;
    let (mut end, mut at) = (0, 0);
    while let Some(data) = next(file, rustix::fs::SeekFrom::Data(at))? {
        at = next(file, rustix::fs::SeekFrom::Hole(data))?.unwrap_or(data);
        if let Some(last) = last_written(file, data..at)? {
            end = last.next_multiple_of(SECTOR as u64);
        }
        if at == data {
            break;
        }
    }
    Ok(start..end.max(start))
}

/// The end of the last byte of a part of a file that is not zero.
fn last_written(mut file: &std::fs::File, part: std::ops::Range<u64>) -> io::Result<Option<u64>> {
    let mut piece = vec![0; PIECE];
    let (mut at, mut last) = (part.start, None);
    file.seek(SeekFrom::Start(at))?;
    while at < part.end {
        let room = piece.len().min((part.end - at) as usize);
        let read = file.read(&mut piece[..room])?;
        if read == 0 {
            break;
        }
        if let Some(byte) = piece[..read].iter().rposition(|&byte| byte != 0) {
            last = Some(at + byte as u64 + 1);
        }
        at += read as u64;
    }
    Ok(last)
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

/// Copies an image that belongs to the user, and never writes to it. The file system shares the bytes if
/// it can, and holes stay holes in the copy.
pub fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut from = std::fs::File::open(from)?;
    write_whole(to, |to| {
        let mut at = 0;
        while let Some(data) = next(&from, rustix::fs::SeekFrom::Data(at))? {
            at = next(&from, rustix::fs::SeekFrom::Hole(data))?.unwrap_or(data);
            from.seek(SeekFrom::Start(data))?;
            to.seek(SeekFrom::Start(data))?;
            if io::copy(&mut (&from).take(at - data), to)? == 0 {
                break; // it has become shorter meanwhile
            }
        }
        to.set_len(from.metadata()?.len())
    })
}

/// The offset of the next data, or of the next hole, of a file; none behind its end.
fn next(file: &std::fs::File, what: rustix::fs::SeekFrom) -> io::Result<Option<u64>> {
    match rustix::fs::seek(file, what) {
        Ok(at) => Ok(Some(at)),
        Err(rustix::io::Errno::NXIO) => Ok(None),
        Err(error) => Err(error.into()),
    }
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
pub(super) mod tests;
