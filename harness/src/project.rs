//! Where things are: the only place that looks for the workspace.

use crate::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};

/// What a workspace has.
const MARK: &str = "configs/machines";

/// Finds the workspace: `--root` or `HARNESS_ROOT`; else the first folder upwards of the current one
/// that is one; else, and this is said on stderr, the first upwards of this program. Where there is
/// none, as for a program that was installed, it is the current folder, which then [is none](is_workspace).
pub fn find_root(given: Option<&Path>) -> Result<PathBuf, Error> {
    if let Some(root) = given {
        let root = std::path::absolute(root)
            .map_err(|e| Error::Usage(format!("--root `{}`: {e}", root.display())))?;
        if root.join(MARK).is_dir() {
            return Ok(root);
        }
        return Err(Error::Usage(format!(
            "{} has no folder {MARK}",
            root.display()
        )));
    }
    if let Some(root) = std::env::current_dir().ok().and_then(|here| above(&here)) {
        return Ok(root);
    }
    let program = std::env::current_exe().ok();
    let Some(root) = program.and_then(|program| above(&program)) else {
        return std::env::current_dir()
            .map_err(|e| Error::Usage(format!("the current folder cannot be used: {e}")));
    };
    let _ = writeln!(std::io::stderr(), "workspace: {}", root.display());
    Ok(root)
}

/// Whether a folder is a workspace: one with machine files.
pub fn is_workspace(root: &Path) -> bool {
    root.join(MARK).is_dir()
}

/// The first workspace at or above a path.
fn above(path: &Path) -> Option<PathBuf> {
    let is_workspace = |dir: &&Path| dir.join("Cargo.toml").is_file() && dir.join(MARK).is_dir();
    path.ancestors().find(is_workspace).map(Path::to_owned)
}

/// The names of the guest programs there are: those of `gkernel/src/bin`, sorted.
pub fn guests(root: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(root.join("gkernel/src/bin"))
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    names
}
