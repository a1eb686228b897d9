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
mod tests {
    use super::*;

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
        // What is above comes and goes with all that is in it.
        let deep = set(&["/w/a.rs/x", "/w/b/c/d.rs"]);
        assert!(burst(&["/w/b"]).concerns(&deep));
        assert!(!burst(&["/w/b/d", "/w/b.rs", "/w/b/c/d"]).concerns(&deep));
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

    fn changes_of(file: &Path) -> (Changes, BTreeSet<PathBuf>) {
        let files: BTreeSet<_> = physical(file).collect();
        let mut changes = Changes::new().unwrap();
        changes.watch(&files).unwrap();
        (changes, files)
    }

    /// As a checkout of another branch and back has it.
    #[tokio::test]
    async fn a_folder_that_goes_and_comes_back_is_watched_again() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("a/b");
        let file = deep.join("file");
        fs::create_dir_all(&deep).unwrap();
        fs::write(&file, "").unwrap();
        let (mut changes, files) = changes_of(&file);
        let above = folder.path().join("a");
        for gone in [&deep, &above] {
            fs::remove_dir_all(gone).unwrap();
            assert!(changes.next().await.concerns(&files), "{gone:?} goes");
            changes.watch(&files).unwrap();
            fs::create_dir_all(&deep).unwrap();
            assert!(changes.next().await.concerns(&files), "{gone:?} comes");
            changes.watch(&files).unwrap();
            fs::write(&file, "new").unwrap();
            let burst = soon(&mut changes).await;
            assert!(burst.concerns(&files), "a change after {gone:?} came");
        }
        // Nobody watches what is above all; whoever looks again sees that it is another.
        let (mut changes, files) = changes_of(&file);
        fs::rename(&above, folder.path().join("c")).unwrap();
        fs::create_dir_all(&deep).unwrap();
        changes.watch(&files).unwrap();
        fs::write(&file, "new").unwrap();
        assert!(soon(&mut changes).await.concerns(&files));
    }

    async fn soon(changes: &mut Changes) -> Burst {
        let burst = tokio::time::timeout(100 * QUIET, changes.next());
        burst.await.expect("something changed")
    }

    #[tokio::test]
    async fn a_folder_may_have_several_names() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        fs::create_dir_all(at("real/folder")).unwrap();
        std::os::unix::fs::symlink("real", at("link")).unwrap();
        std::os::unix::fs::symlink("../real/folder/two", at("real/three")).unwrap();
        for name in ["one", "two"] {
            fs::write(at("real/folder").join(name), "").unwrap();
        }
        let mut changes = Changes::new().unwrap();
        let names = [
            "real/folder/one",
            "link/../real/folder/two",
            "link/folder/one",
            "link/three",
        ];
        let sets = names.map(|name| physical(&at(name)).collect::<BTreeSet<_>>());
        for set in &sets {
            changes.watch(set).unwrap();
        }
        fs::write(at("link/folder/one"), "new").unwrap();
        let burst = changes.next().await;
        assert_eq!(
            sets.each_ref().map(|set| burst.concerns(set)),
            [true, false, true, false]
        );
        fs::write(at("real/folder/two"), "new").unwrap();
        let burst = changes.next().await;
        assert_eq!(
            sets.each_ref().map(|set| burst.concerns(set)),
            [false, true, false, true]
        );
        let missing = at("link/no/such/file");
        let physically = fs::canonicalize(at("real")).unwrap().join("no/such/file");
        assert_eq!(physical(&missing).collect::<Vec<_>>(), [physically]);
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
