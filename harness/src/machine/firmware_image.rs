//! The firmware images that come with QEMU.

use super::process::cannot_start;
use crate::error::Error;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::process::Command;

/// The first of `candidates` that is in one of QEMU's data folders; none if there are no candidates.
///
/// QEMU itself says which folders those are (`-L help`): distributions spread them.
pub async fn find(program: &str, candidates: &[String]) -> Result<Option<PathBuf>, Error> {
    if candidates.is_empty() {
        return Ok(None);
    }
    let told = Command::new(program)
        .args(["-L", "help"])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|error| cannot_start(program, &error))?;
    let told = String::from_utf8_lossy(&told.stdout);
    let folders: Vec<_> = told.lines().map(Path::new).collect();
    let files = candidates
        .iter()
        .flat_map(|name| folders.iter().map(move |dir| dir.join(name)));
    match { files }.find(|file| file.is_file()) {
        Some(file) => Ok(Some(file)),
        None => Err(Error::infrastructure(
            format!(
                "{program} has none of the firmware images {}",
                candidates.join(", ")
            ),
            "install the firmware that goes with QEMU (Debian: seabios), or run ./x setup",
        )),
    }
}
