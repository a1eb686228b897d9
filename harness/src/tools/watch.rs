//! Notices that files change, and tells which runs that concerns. `harness watch` runs these again.
//!
//! Folders are watched, not files: an editor that saves puts another file in the place of the old one.

use crate::boot::Request;
use crate::boot::inputs::inputs;
use crate::error::Error;
use crate::project::Project;
use notify::event::ModifyKind;
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
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
    /// the folder among its inputs, and a folder that comes or goes whoever has one that lies in it.
    pub fn of<'b>(&'b self, inputs: &BTreeSet<PathBuf>) -> Vec<&'b Path> {
        let concerns = |file: &&PathBuf| {
            let folder = file.parent();
            // Those that lie in a folder follow it in the order of paths.
            let next = inputs.range::<PathBuf, _>(*file..).next();
            next.is_some_and(|input| input.starts_with(file))
                || folder.is_some_and(|folder| inputs.contains(folder))
        };
        let files = self.files.iter().filter(concerns);
        files.map(PathBuf::as_path).collect()
    }

    /// Whether a run with these inputs is to be run again.
    pub fn concerns(&self, inputs: &BTreeSet<PathBuf>) -> bool {
        self.lost || !self.of(inputs).is_empty()
    }
}

/// The files of a run as far as they can be told, by their physical paths. Where a configuration is wrong, those that
/// were `known` before count too: one of them has to be mended.
pub fn files_of(
    project: &Project,
    request: &Request,
    known: &BTreeSet<PathBuf>,
) -> BTreeSet<PathBuf> {
    let mut named = BTreeSet::new();
    let result = inputs(project, request, &mut named);
    let mut found: BTreeSet<_> = named.iter().flat_map(|file| physical(file)).collect();
    if result.is_err() {
        found.extend(known.iter().cloned());
    }
    found
}

/// The physical paths of a file: where it lies, and if that is a link, what it leads to. The system tells of changes by
/// the paths that are watched, and has one watch for each folder, however it is spelt.
fn physical(file: &Path) -> impl Iterator<Item = PathBuf> {
    let place = match (file.parent(), file.file_name()) {
        (Some(folder), Some(name)) => Some(physical_folder(folder).join(name)),
        _ => None,
    };
    let is_link = fs::symlink_metadata(file).is_ok_and(|meta| meta.is_symlink());
    let target = (is_link || place.is_none()).then(|| physical_folder(file));
    place.into_iter().chain(target)
}

/// The physical path of a folder. What is not there is added to it as it is written.
fn physical_folder(folder: &Path) -> PathBuf {
    for there in folder.ancestors() {
        if let Ok(path) = fs::canonicalize(there)
            && let Ok(rest) = folder.strip_prefix(there)
        {
            // Joining nothing would add a slash.
            return if rest.as_os_str().is_empty() {
                path
            } else {
                path.join(rest)
            };
        }
    }
    folder.to_owned()
}

#[derive(Default)]
struct Seen {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    burst: Burst,
    /// What was removed or renamed. If it is a folder, whatever was watched in it is not any more.
    gone: BTreeSet<PathBuf>,
}

/// What tells a folder from another one of the same path: its device and inode.
type Identity = (u64, u64);

/// The changes in some folders.
pub struct Changes {
    seen: Arc<Seen>,
    watcher: RecommendedWatcher,
    folders: BTreeMap<PathBuf, Identity>,
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
            folders: BTreeMap::new(),
        })
    }

    /// Watches the folders of these files besides, and those among them that are folders. Of a folder that is not there
    /// the nearest one above is watched, in which it may come to be. The files have physical paths.
    ///
    /// # Errors
    ///
    /// The system watches no more.
    pub fn watch(&mut self, files: &BTreeSet<PathBuf>) -> Result<(), Error> {
        for file in files {
            // The first may go while it is looked at; then it is the one above.
            for folder in file.ancestors() {
                let Some(identity) = identity(folder) else {
                    continue;
                };
                if self.folders.get(folder) == Some(&identity) {
                    break;
                }
                if self.folders.remove(folder).is_some() {
                    let _ = self.watcher.unwatch(folder); // it is of another folder by now
                }
                match self.watcher.watch(folder, RecursiveMode::NonRecursive) {
                    Ok(()) => drop(self.folders.insert(folder.to_owned(), identity)),
                    Err(_) if !folder.is_dir() => continue,
                    Err(error) => return Err(cannot_watch(&error)),
                }
                break;
            }
        }
        Ok(())
    }

    /// Watches a folder, and all that are in it, no longer.
    fn forget(&mut self, folder: &Path) {
        let is_in = |other: &PathBuf, _: &mut Identity| other.starts_with(folder);
        for (folder, _) in self.folders.extract_if(folder.to_owned().., is_in) {
            // The system may have done so by itself.
            let _ = self.watcher.unwatch(&folder);
        }
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
                let State { burst, gone } = std::mem::take(&mut *self.seen.lock());
                gone.iter().for_each(|folder| self.forget(folder));
                return burst;
            }
        }
    }
}

impl Seen {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_empty(&self) -> bool {
        self.lock().burst.is_empty()
    }

    fn event(&self, event: notify::Result<notify::Event>) {
        {
            let State { burst, gone } = &mut *self.lock();
            match event {
                // A build reads every file.
                Ok(event) if matches!(event.kind, EventKind::Access(_)) => return,
                Ok(event) => {
                    burst.lost |= event.need_rescan();
                    if is_gone(event.kind) {
                        gone.extend(event.paths.iter().cloned());
                    }
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

/// What a folder is; none if there is no such folder.
fn identity(folder: &Path) -> Option<Identity> {
    let meta = fs::metadata(folder).ok().filter(fs::Metadata::is_dir)?;
    Some((meta.dev(), meta.ino()))
}

/// Whether something is no longer where it was.
fn is_gone(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_))
    )
}

fn cannot_watch(error: &notify::Error) -> Error {
    Error::infrastructure(
        format!("the system does not tell of changes: {error}"),
        "see that /proc/sys/fs/inotify has max_user_instances and max_user_watches left for you",
    )
}

#[cfg(test)]
mod tests;
