//! Reads the files of the FAT32 disk, with axfs.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};

use axfs::api::{File, current_dir, read_dir};
use axstd::io::Read;

use crate::{
    error::{Error, FileFault},
    loader::copy::copy,
    memory::addr::Gpa,
    memory::guest_memory::GuestMemory,
    memory::mapping::Translation,
    vm::params::PATH,
};

/// A larger flash image is refused: it would not fit its window.
const FLASH_LIMIT: u64 = 4 << 20;

/// The most bytes of words that are read.
const WORDS_LIMIT: u64 = 4096;

/// The words of the run ([`PATH`]); none if the file does not exist. A disk that cannot be read gives
/// none either: the error is reported for the guest's image, which is on the same disk.
///
/// # Errors
///
/// The file has more than 4 KiB. Half of its words could mean another run.
pub fn words() -> Result<String, Error> {
    match whole(PATH, WORDS_LIMIT) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(
            error @ Error::File {
                what: FileFault::TooLarge { .. },
                ..
            },
        ) => Err(error),
        Err(_) => Ok(String::new()),
    }
}

/// Loads the image at `path` to `gpa` in the guest's RAM and returns its size in bytes.
pub fn load<T: Translation>(
    path: &str,
    gpa: Gpa,
    memory: &mut GuestMemory<T>,
) -> Result<usize, Error> {
    read(path, memory.room_at(gpa), |offset, bytes| {
        gpa.checked_add(offset)
            .and_then(|gpa| memory.write(gpa, bytes).ok())
            .ok_or(Error::Layout("the image lies outside RAM"))
    })
}

/// Reads the whole flash image at `path`, of at most 4 MiB.
pub fn flash(path: &str) -> Result<Vec<u8>, Error> {
    whole(path, FLASH_LIMIT)
}

fn whole(path: &str, limit: u64) -> Result<Vec<u8>, Error> {
    let mut file = Vec::new();
    read(path, limit, |_, bytes| {
        file.extend_from_slice(bytes);
        Ok(())
    })?;
    Ok(file)
}

/// Passes the whole file at `path` to `put`, piece by piece with the offset of each, and returns its
/// size in bytes. A file of more than `room` bytes is an error.
fn read(
    path: &str,
    room: u64,
    put: impl FnMut(u64, &[u8]) -> Result<(), Error>,
) -> Result<usize, Error> {
    if !has_file_system() {
        return Err(Error::Disk);
    }
    let fail = |what| Error::File {
        path: path.to_string(),
        what,
    };
    let mut file = File::open(path).map_err(|_| fail(missing_or_unreadable(path)))?;
    copy(
        room,
        |piece| file.read(piece).map_err(|_| FileFault::Unreadable),
        put,
        fail,
    )
}

/// Whether ArceOS found a file system. Without one, axfs stops the whole machine at the first path that
/// it is asked for; the only sign is that it has no current folder.
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
