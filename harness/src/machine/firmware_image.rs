//! The firmware images that come with QEMU.

use super::ask::{Answer, ask, version};
use crate::error::Error;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Finds the first of `candidates` in QEMU's data folders; none if there are no candidates. QEMU must
/// answer within `patience`, and its version must be `oldest` or later.
///
/// QEMU itself lists these folders (`-L help`), because they differ between distributions.
pub async fn find(
    program: &Path,
    oldest: (u64, u64),
    candidates: &[String],
    patience: Duration,
) -> Result<Option<PathBuf>, Error> {
    if candidates.is_empty() {
        return Ok(None);
    }
    let anywhere = Path::new("/");
    let told = ask(program, &["-L", "help"], anywhere, patience).await?;
    if let Some(file) = in_folders(&told, candidates) {
        return Ok(Some(file));
    }
    // If QEMU lists no folders, that counts only if it works and is not too old to be asked.
    let versions = ask(program, &["--version"], anywhere, patience).await?;
    let line = versions.first_line().unwrap_or_default();
    let name = program.display();
    match version(&line).filter(|_| versions.status.success()) {
        Some(version) if version < oldest => Err(too_old(program, &line, oldest)),
        Some(_) if told.status.success() => Err(Error::infrastructure(
            format!(
                "{name} has none of the firmware images {}",
                candidates.join(", ")
            ),
            "install the firmware that goes with QEMU (Debian: apt install seabios)",
        )),
        _ => {
            let told = if versions.status.success() {
                told
            } else {
                versions
            };
            Err(Error::infrastructure(
                format!("{name} does not work ({}): {}", told.status, told.words()),
                "start it by hand to see more",
            ))
        }
    }
}

/// The error for a QEMU whose version is older than `oldest`.
pub fn too_old(program: &Path, said: &str, (major, minor): (u64, u64)) -> Error {
    Error::infrastructure(
        format!("{} is too old: version {said}", program.display()),
        format!("install QEMU {major}.{minor} or later"),
    )
}

fn in_folders(told: &Answer, candidates: &[String]) -> Option<PathBuf> {
    let folders: Vec<_> = told.stdout.split(|&byte| byte == b'\n').collect();
    let mut files = candidates.iter().flat_map(|name| {
        let folders = folders
            .iter()
            .map(|folder| Path::new(OsStr::from_bytes(folder)));
        folders.map(move |folder| folder.join(name))
    });
    files.find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    /// Looks for firmware with a program that is this shell script.
    fn look(script: &str) -> Result<Option<PathBuf>, Error> {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("qemu");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let candidates = ["bios.bin".to_owned()];
        let patience = Duration::from_secs(5);
        runtime.block_on(find(&program, (7, 2), &candidates, patience))
    }

    #[track_caller]
    fn fails(script: &str, words: &[&str]) {
        let error = look(script).unwrap_err();
        assert_eq!(error.exit_code(), 4);
        for word in words {
            assert!(error.to_string().contains(word), "{word:?}: {error}");
        }
        let none = error.to_string().contains("has none of");
        assert_eq!(none, words.contains(&"has none of"), "{error}");
    }

    #[test]
    fn an_image_is_found_in_a_folder_of_any_name() {
        let data = tempfile::tempdir().unwrap();
        let folder = data.path().join(OsStr::from_bytes(b"data \xff"));
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("bios.bin"), "").unwrap();
        let parent = data.path().display();
        let script = format!("printf '/no/such/folder\\n{parent}/data \\377\\n'");
        assert_eq!(look(&script).unwrap(), Some(folder.join("bios.bin")));
    }

    #[test]
    fn a_qemu_that_is_too_old_or_does_not_work_is_told_from_one_without_firmware() {
        let old = "[ $1 = --version ] && echo QEMU emulator version 2.11.1 && exit; exit 1";
        fails(old, &["is too old", "2.11.1", "install QEMU 7.2"]);
        fails(
            "echo 'error while loading shared libraries: libx.so' >&2; exit 127",
            &["does not work", "exit status: 127", "libx.so"],
        );
        fails("kill -SEGV $$", &["does not work", "signal: 11"]);
        let new = "[ $1 = --version ] && echo QEMU emulator version 10.0.2";
        fails(
            &format!("{new} && exit; echo 'no help for -L' >&2; exit 1"),
            &["does not work", "no help for -L"],
        );
        fails(&format!("{new}; exit 0"), &["has none of", "bios.bin"]);
    }
}
