//! The guest's image and the run's parameters, from the FAT32 disk.

use alloc::{
    string::{String, ToString},
    vec,
    vec::Vec,
};

use axfs::api::{File, current_dir, read_dir};
use axstd::io::Read;

use crate::{
    error::{Error, FileFault},
    memory::addr::Gpa,
    memory::guest_memory::{GuestMemory, Translation},
    vm::params::Params,
};

/// A flash image larger than this is refused: it would not fit its window.
pub const FLASH_LIMIT: usize = 4 << 20;

const PARAMS_LIMIT: usize = 4096;

/// The words of `/boot/cmdline`; the defaults where there is no such file.
pub fn params() -> Params {
    let mut bytes = vec![0; PARAMS_LIMIT];
    match read("/boot/cmdline", &mut bytes) {
        Ok(len) => Params::parse(&String::from_utf8_lossy(&bytes[..len])),
        Err(_) => Params::default(),
    }
}

/// Loads the image at `path` to `gpa` in the guest's RAM and returns its size in bytes.
pub fn load<T: Translation>(
    path: &str,
    gpa: Gpa,
    memory: &mut GuestMemory<T>,
) -> Result<usize, Error> {
    let room = memory.room_at(gpa);
    let target = memory
        .ram_mut(gpa, room)
        .ok_or(Error::Layout("the image lies outside RAM"))?;
    read(path, target)
}

/// The whole file at `path`, of at most [`FLASH_LIMIT`] bytes.
pub fn flash(path: &str) -> Result<Vec<u8>, Error> {
    let mut bytes = vec![0; FLASH_LIMIT];
    let len = read(path, &mut bytes)?;
    bytes.truncate(len);
    Ok(bytes)
}

/// Reads the file at `path` into `target`, from the start to its end. A short read is normal
/// (axfs gives at most a sector a call); only a read of 0 bytes is the end.
fn read(path: &str, target: &mut [u8]) -> Result<usize, Error> {
    if !has_file_system() {
        return Err(Error::Disk);
    }
    let fail = |what| Error::File {
        path: path.to_string(),
        what,
    };
    let mut file = File::open(path).map_err(|_| fail(missing_or_unreadable(path)))?;
    let mut len = 0;
    while len < target.len() {
        match file
            .read(&mut target[len..])
            .map_err(|_| fail(FileFault::Unreadable))?
        {
            0 => break,
            count => len += count,
        }
    }
    let more = len == target.len() && matches!(file.read(&mut [0]), Ok(1..));
    match len {
        0 => Err(fail(FileFault::Empty)),
        _ if more => Err(fail(FileFault::TooLarge { room: target.len() })),
        _ => Ok(len),
    }
}

/// Whether ArceOS has found a file system. Without one, axfs stops the whole machine at the first path
/// that it is asked for; that it has no current folder is how to know.
fn has_file_system() -> bool {
    current_dir().is_ok_and(|folder| !folder.is_empty())
}

fn missing_or_unreadable(path: &str) -> FileFault {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let listed = read_dir(folder).is_ok_and(|mut entries| {
        entries.any(|entry| entry.is_ok_and(|entry| entry.file_name() == name))
    });
    if listed {
        FileFault::Unreadable
    } else {
        FileFault::Missing
    }
}
