//! Reads files that somebody names, on the command line or in another file.
//!
//! Only regular files are read: opening a named pipe may block for ever, and a device has no end. Their
//! size is limited: a larger file cannot be of the expected kind.

use std::fs::{self, File, FileType};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;

/// The largest text (a scenario, a machine, a patch, a record in JSON), in bytes.
pub const TEXT_LIMIT: u64 = 16 << 20;

/// The largest program or flash, in bytes.
pub const IMAGE_LIMIT: u64 = 1 << 30;

/// Opens a regular file; anything else is an error that says what it is.
pub fn open(path: &Path) -> io::Result<File> {
    let kind = fs::metadata(path)?.file_type();
    match named(kind) {
        None => File::open(path),
        Some(what) => Err(io::Error::other(format!(
            "it is {what}, not a regular file"
        ))),
    }
}

/// Reads a regular file of at most `limit` bytes.
pub fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    let size = file.metadata()?.len();
    if size > limit {
        return Err(too_large(limit));
    }
    let mut bytes = Vec::with_capacity(size as usize);
    // The file may grow while it is read.
    if file.take(limit + 1).read_to_end(&mut bytes)? as u64 > limit {
        return Err(too_large(limit));
    }
    Ok(bytes)
}

/// Reads a text of at most [`TEXT_LIMIT`] bytes.
pub fn read_text(path: &Path) -> io::Result<String> {
    String::from_utf8(read(path, TEXT_LIMIT)?).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        io::Error::other(format!("it is not text: byte {at} is not UTF-8"))
    })
}

/// Writes a file, completely or not at all. It replaces one that is there, and has the permissions of a new one.
///
/// # Errors
///
/// It cannot be written; then the folder is as before.
pub fn write_whole(file: &Path, contents: &[u8]) -> io::Result<()> {
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    // As of any new file, less what the user's umask forbids.
    let mode = fs::Permissions::from_mode(0o666);
    let mut unfinished = tempfile::Builder::new()
        .permissions(mode)
        .tempfile_in(folder)?;
    unfinished.write_all(contents)?;
    unfinished.persist(file)?;
    Ok(())
}

fn too_large(limit: u64) -> io::Error {
    let limit = limit >> 20;
    io::Error::other(format!("it is larger than {limit} MiB"))
}

/// The kind of a file that is not a regular one.
fn named(kind: FileType) -> Option<&'static str> {
    if kind.is_file() {
        None
    } else if kind.is_dir() {
        Some("a folder")
    } else if kind.is_fifo() {
        Some("a named pipe")
    } else if kind.is_socket() {
        Some("a socket")
    } else {
        Some("a device")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_of_bounded_size_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |path: &Path| read(path, 4).unwrap_err().to_string();
        let file = folder.path().join("file");
        fs::write(&file, "1234").unwrap();
        assert_eq!(read(&file, 4).unwrap(), b"1234");
        fs::write(&file, "12345").unwrap();
        assert_eq!(refused(&file), "it is larger than 0 MiB");
        assert!(refused(folder.path()).contains("it is a folder"));
        assert!(refused(Path::new("/dev/zero")).contains("it is a device"));
        let socket = folder.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        assert!(refused(&socket).contains("it is a socket"));
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        assert!(refused(&pipe).contains("it is a named pipe"));
    }

    #[test]
    fn a_file_is_written_completely_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "old").unwrap();
        write_whole(&file, b"new").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"new");
        fs::write(folder.path().join("usual"), "").unwrap();
        let mode = |name: &str| {
            fs::metadata(folder.path().join(name))
                .unwrap()
                .permissions()
        };
        assert_eq!(mode("file"), mode("usual"));
        fs::create_dir_all(folder.path().join("in-the-way/x")).unwrap();
        write_whole(&folder.path().join("in-the-way"), b"new").unwrap_err();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
    }

    #[test]
    fn a_text_that_is_none_says_where() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, b"abc\xff").unwrap();
        let error = read_text(&file).unwrap_err().to_string();
        assert_eq!(error, "it is not text: byte 3 is not UTF-8");
    }
}
