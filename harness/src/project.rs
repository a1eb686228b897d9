//! Where things are: the only place that looks for the workspace.

use crate::error::Error;
use std::path::{Path, PathBuf};

/// Finds the workspace: `--root` or `HARNESS_ROOT`, else the first folder upwards of the current
/// one that has `configs/machines`, else the folder this program was built from.
pub fn find_root(given: Option<&Path>) -> Result<PathBuf, Error> {
    const MARK: &str = "configs/machines";
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
    let here = std::env::current_dir().unwrap_or_default();
    let built_from = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    here.ancestors()
        .chain(built_from)
        .find(|dir| dir.join("Cargo.toml").is_file() && dir.join(MARK).is_dir())
        .map(Path::to_owned)
        .ok_or_else(|| {
            Error::Usage(format!(
                "no workspace here (a folder with {MARK}); use --root DIR"
            ))
        })
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
