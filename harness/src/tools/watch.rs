//! Notices that files change, and tells which runs that concerns. `harness watch` runs these again.
//!
//! Folders are watched, not files: an editor that saves puts another file in the place of the old one.

use crate::boot::Request;
use crate::boot::inputs::inputs;
use crate::error::Error;
use crate::project::Project;
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// A burst of changes has ended when none came for this long: an editor's save, or a checkout of another branch, is
/// many of them.
const QUIET: Duration = Duration::from_millis(40);

/// How long a burst may take. What changes all the time must not keep everything waiting.
const LONGEST: Duration = Duration::from_millis(400);

/// The files that changed together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Burst {
    /// What changed, appeared or went.
    pub files: BTreeSet<PathBuf>,
    /// The system could not say what changed, because there was too much of it.
    pub lost: bool,
}

impl Burst {
    fn is_empty(&self) -> bool {
        self.files.is_empty() && !self.lost
    }

    /// The files that a run with these inputs is concerned by. A change of what is in a folder concerns whoever has
    /// the folder among its inputs.
    pub fn of<'b>(&'b self, inputs: &BTreeSet<PathBuf>) -> Vec<&'b Path> {
        let concerns = |file: &&PathBuf| {
            let folder = file.parent();
            inputs.contains(*file) || folder.is_some_and(|folder| inputs.contains(folder))
        };
        let files = self.files.iter().filter(concerns);
        files.map(PathBuf::as_path).collect()
    }

    /// Whether a run with these inputs is to be run again.
    pub fn concerns(&self, inputs: &BTreeSet<PathBuf>) -> bool {
        self.lost || !self.of(inputs).is_empty()
    }
}

/// The files of a run as far as they can be told. Where a configuration is wrong, those that were `known` before
/// count too: one of them has to be mended.
pub fn files_of(
    project: &Project,
    request: &Request,
    known: &BTreeSet<PathBuf>,
) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    if inputs(project, request, &mut found).is_err() {
        found.extend(known.iter().cloned());
    }
    found
}

#[derive(Default)]
struct Seen {
    burst: Mutex<Burst>,
    changed: Notify,
}

/// The changes in some folders.
pub struct Changes {
    seen: Arc<Seen>,
    watcher: RecommendedWatcher,
    folders: BTreeSet<PathBuf>,
}

impl Changes {
    /// Watches no folder yet.
    pub fn new() -> Result<Self, Error> {
        let seen = Arc::new(Seen::default());
        let take = Arc::clone(&seen);
        let watcher = notify::recommended_watcher(move |event| take.event(event));
        Ok(Self {
            seen,
            watcher: watcher.map_err(|error| cannot_watch(&error))?,
            folders: BTreeSet::new(),
        })
    }

    /// Watches the folders of these files besides, and those among them that are folders.
    ///
    /// # Errors
    ///
    /// The system watches no more. A folder that is not there is left out: nothing in it can change.
    pub fn watch(&mut self, files: &BTreeSet<PathBuf>) -> Result<(), Error> {
        for file in files {
            let folder = if file.is_dir() {
                Some(file.as_path())
            } else {
                file.parent()
            };
            let Some(folder) = folder.filter(|folder| !self.folders.contains(*folder)) else {
                continue;
            };
            match self.watcher.watch(folder, RecursiveMode::NonRecursive) {
                Ok(()) => drop(self.folders.insert(folder.to_owned())),
                Err(_) if !folder.is_dir() => {}
                Err(error) => return Err(cannot_watch(&error)),
            }
        }
        Ok(())
    }

    /// Waits for the next burst of changes, to its end. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Burst {
        while self.seen.is_empty() {
            self.seen.changed.notified().await;
        }
        let last = Instant::now() + LONGEST;
        loop {
            let quiet = Instant::now() + QUIET;
            let more = timeout_at(quiet.min(last), self.seen.changed.notified()).await;
            if more.is_err() {
                return std::mem::take(&mut *self.seen.lock());
            }
        }
    }
}

impl Seen {
    fn lock(&self) -> std::sync::MutexGuard<'_, Burst> {
        self.burst.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn event(&self, event: notify::Result<notify::Event>) {
        {
            let mut burst = self.lock();
            match event {
                // A build reads every file.
                Ok(event) if matches!(event.kind, EventKind::Access(_)) => return,
                Ok(event) => {
                    burst.lost |= event.need_rescan();
                    burst.files.extend(event.paths);
                }
                Err(_) => burst.lost = true,
            }
            if burst.is_empty() {
                return;
            }
        }
        self.changed.notify_one();
    }
}

fn cannot_watch(error: &notify::Error) -> Error {
    Error::infrastructure(
        format!("the system does not tell of changes: {error}"),
        "see that /proc/sys/fs/inotify has max_user_instances and max_user_watches left for you",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn set(files: &[&str]) -> BTreeSet<PathBuf> {
        files.iter().map(PathBuf::from).collect()
    }

    #[test]
    fn a_run_is_concerned_by_its_files_and_by_what_is_in_its_folders() {
        let burst = |files: &[&str]| Burst {
            files: set(files),
            lost: false,
        };
        let inputs = set(&["/w/a.rs", "/w/folder"]);
        assert!(burst(&["/w/a.rs", "/w/b.rs"]).concerns(&inputs));
        assert!(burst(&["/w/folder/new.rs"]).concerns(&inputs));
        assert!(!burst(&["/w/b.rs", "/w/folder/deeper/new.rs"]).concerns(&inputs));
        assert_eq!(
            burst(&["/w/a.rs", "/w/b.rs"]).of(&inputs),
            [Path::new("/w/a.rs")]
        );
        let lost = Burst {
            lost: true,
            ..Burst::default()
        };
        assert!(lost.concerns(&inputs) && lost.of(&inputs).is_empty());
    }

    #[tokio::test]
    async fn many_changes_are_one_burst_and_reading_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        fs::write(file("a"), "").unwrap();
        let mut changes = Changes::new().unwrap();
        changes.watch(&BTreeSet::from([file("a")])).unwrap();
        for nth in 0..100 {
            fs::write(file("a"), nth.to_string()).unwrap();
            fs::write(file("new"), nth.to_string()).unwrap();
        }
        // As an editor saves.
        fs::write(file("swap"), "").unwrap();
        fs::rename(file("swap"), file("a")).unwrap();
        let burst = changes.next().await;
        assert!(burst.concerns(&BTreeSet::from([file("a")])), "{burst:?}");
        assert!(burst.files.contains(&file("new")), "{burst:?}");
        fs::read(file("a")).unwrap();
        let none = tokio::time::timeout(10 * QUIET, changes.next()).await;
        assert!(none.is_err(), "{none:?}");
        fs::remove_file(file("a")).unwrap();
        assert_eq!(changes.next().await.files, BTreeSet::from([file("a")]));
    }

    #[tokio::test]
    async fn what_changes_all_the_time_keeps_nobody_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("busy");
        fs::write(&file, "").unwrap();
        let mut changes = Changes::new().unwrap();
        changes.watch(&BTreeSet::from([file.clone()])).unwrap();
        let busy = tokio::spawn(async move {
            loop {
                fs::write(&file, "x").unwrap();
                tokio::time::sleep(QUIET / 4).await;
            }
        });
        let since = Instant::now();
        changes.next().await;
        assert!(since.elapsed() < 2 * LONGEST, "{:?}", since.elapsed());
        busy.abort();
    }
}
