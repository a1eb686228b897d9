//! The copy of the workspace that mutants are built in. A file is written only when its contents
//! change, so that cargo builds nothing that it has built already.

use crate::error::Error;
use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::process::Command;

/// The copy, which is the holder's alone while this lives.
#[derive(Debug)]
pub struct Tree {
    path: PathBuf,
    _lock: File,
}

impl Tree {
    /// Makes the copy of `root` in `folder`, or brings it up to date.
    pub async fn of(root: &Path, folder: &Path) -> Result<Self, Error> {
        let path = folder.join("tree");
        fs::create_dir_all(&path).map_err(|e| Error::io("make", &path, &e))?;
        let lock = locked(&folder.join("lock")).await?;
        let files = files(root).await?;
        let mut kept = BTreeSet::new();
        for file in files {
            let from = root.join(&file);
            match fs::read(&from) {
                Ok(bytes) => write(&path.join(&file), &bytes)?,
                // Deleted, and git does not know it yet.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(Error::io("read", &from, &error)),
            }
            kept.insert(path.join(file));
        }
        forget_others(&path, &kept, &path.join("target"))?;
        Ok(Self { path, _lock: lock })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file of it.
    pub fn read(&self, file: &Path) -> io::Result<String> {
        fs::read_to_string(self.path.join(file))
    }

    /// Gives a file new contents, and says what they were.
    pub fn replace(&self, file: &Path, text: &str) -> Result<String, Error> {
        let at = self.path.join(file);
        let before = self.read(file).map_err(|e| Error::io("read", &at, &e))?;
        write(&at, text.as_bytes())?;
        Ok(before)
    }
}

/// Waits until nobody else uses the copy.
async fn locked(path: &Path) -> Result<File, Error> {
    let lock = File::create(path).map_err(|e| Error::io("make", path, &e))?;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::WouldBlock) => tokio::time::sleep(Duration::from_millis(200)).await,
            Err(TryLockError::Error(error)) => return Err(Error::io("lock", path, &error)),
        }
    }
}

/// What belongs to the workspace: what git has, and what it would take.
pub async fn files(root: &Path) -> Result<Vec<PathBuf>, Error> {
    let hint = "mutants are made from a git work tree: install git, or clone the repository";
    let output = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(root)
        .output()
        .await
        .map_err(|e| Error::infrastructure(format!("git could not be started: {e}"), hint))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Error::infrastructure(
            format!("git does not list the workspace: {}", said.trim()),
            hint,
        ));
    }
    let names = String::from_utf8_lossy(&output.stdout);
    let names = names.split('\0').filter(|name| !name.is_empty());
    Ok(names.map(PathBuf::from).collect())
}

fn write(file: &Path, bytes: &[u8]) -> Result<(), Error> {
    if fs::read(file).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    let folder = file.parent().expect("a file is in a folder");
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(file, bytes))
        .map_err(|e| Error::io("write", file, &e))
}

/// Removes the files that are not `kept`, but for those in `spared`.
fn forget_others(folder: &Path, kept: &BTreeSet<PathBuf>, spared: &Path) -> Result<(), Error> {
    let entries = fs::read_dir(folder).map_err(|e| Error::io("read", folder, &e))?;
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        if path == spared || kept.contains(&path) {
            continue;
        }
        if path.is_dir() {
            forget_others(&path, kept, spared)?;
            let _ = fs::remove_dir(&path); // it stays unless it is empty
        } else {
            fs::remove_file(&path).map_err(|e| Error::io("remove", &path, &e))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A git work tree with some files, and the folder for its copy.
    fn work_tree() -> (tempfile::TempDir, PathBuf) {
        let root = tempfile::tempdir().unwrap();
        let git = std::process::Command::new("git")
            .args(["init", "--quiet"])
            .current_dir(&root)
            .status();
        assert!(git.unwrap().success());
        for (file, text) in [
            ("a.rs", "a"),
            ("b/b.rs", "b"),
            ("ignored.log", "i"),
            (".gitignore", "*.log\n/target\n"),
        ] {
            write(&root.path().join(file), text.as_bytes()).unwrap();
        }
        let copy = root.path().join("target/mutants");
        (root, copy)
    }

    #[tokio::test(flavor = "current_thread")]
    async fn the_copy_follows_the_workspace_and_touches_only_what_changed() {
        let (root, copy) = work_tree();
        let tree = Tree::of(root.path(), &copy).await.unwrap();
        let there = |file: &str| fs::read_to_string(copy.join("tree").join(file)).ok();
        let time = |file: &str| copy.join("tree").join(file).metadata().unwrap().modified();
        assert_eq!(there("b/b.rs").as_deref(), Some("b"));
        assert_eq!(there("ignored.log"), None);
        assert_eq!(tree.replace(Path::new("a.rs"), "mutant").unwrap(), "a");
        write(&tree.path().join("target/built"), b"kept").unwrap();
        drop(tree);

        let before = time(".gitignore").unwrap();
        fs::remove_file(root.path().join("b/b.rs")).unwrap();
        Tree::of(root.path(), &copy).await.unwrap();
        assert_eq!(
            there("a.rs").as_deref(),
            Some("a"),
            "a mutant is left in it"
        );
        assert_eq!(there("b/b.rs"), None);
        assert!(!copy.join("tree/b").exists());
        assert_eq!(there("target/built").as_deref(), Some("kept"));
        assert_eq!(time(".gitignore").unwrap(), before);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn no_git_work_tree_is_an_error_with_a_hint() {
        let folder = tempfile::tempdir().unwrap();
        let error = Tree::of(folder.path(), &folder.path().join("copy")).await;
        assert!(
            error
                .unwrap_err()
                .to_string()
                .contains("clone the repository")
        );
    }
}
