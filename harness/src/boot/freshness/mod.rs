//! Whether anything has changed since cargo built something: a stamp beside the artefact says what
//! the build was made of.
//!
//! Asking cargo costs a tenth of a second or two even when there is nothing to do. So what it read
//! is written down after each build (see `inputs`), and while all of that is as it was, cargo is
//! not started. A stamp is only ever a reason not to ask: whatever is unknown, unreadable or has
//! another time, size or inode than it had leaves the decision to cargo, even if the bytes are the
//! same.
//!
//! A file that changes while cargo reads it could be taken for what was built. So a build begins
//! with a [`Moment`], told by the file system's own clock, and what changed at that moment or later
//! (the same tick of the clock included) makes no stamp.

mod inputs;

use crate::error::Error;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The form of the stamps. One of another form is no stamp.
const FORM: u32 = 1;

/// An instant of the file system's clock: seconds and nanoseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Moment(i64, i64);

impl Moment {
    /// Now, by the clock of the file system that `folder` is on. The folder is made if need be.
    pub fn now(folder: &Path) -> Result<Self, Error> {
        let made = fs::create_dir_all(folder).and_then(|()| tempfile::tempfile_in(folder));
        let meta = made.and_then(|file| file.metadata());
        let meta = meta.map_err(|e| Error::io("write to", folder, &e))?;
        Ok(Self::modified(&meta))
    }

    /// When a file was modified.
    pub fn modified(meta: &fs::Metadata) -> Self {
        Self(meta.mtime(), meta.mtime_nsec())
    }

    fn changed(meta: &fs::Metadata) -> Self {
        Self(meta.ctime(), meta.ctime_nsec())
    }
}

/// What tells a file from a changed one without reading it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    inode: u64,
    size: u64,
    modified: Moment,
    /// Any change of the contents or the name sets this time, and no program can set it back.
    changed: Moment,
}

impl Identity {
    /// Of a file or folder; none if there is nothing.
    pub fn of(path: &Path) -> std::io::Result<Option<Self>> {
        match fs::metadata(path) {
            Ok(meta) => Ok(Some(Self {
                inode: meta.ino(),
                // A folder's size depends on what has been in it.
                size: if meta.is_dir() { 0 } else { meta.len() },
                modified: Moment::modified(&meta),
                changed: Moment::changed(&meta),
            })),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn is_absent(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
    )
}

/// The file that is started for a program's name or path.
pub(super) fn program(name: &Path) -> Option<PathBuf> {
    if name.components().count() > 1 {
        return Some(name.to_owned());
    }
    let name = name.to_str()?;
    let here = std::env::current_dir().ok()?;
    inputs::program(name, &std::env::var_os("PATH")?, &here)
}

/// Something that cargo builds, as it was asked for.
#[derive(Debug)]
pub struct Build {
    /// The workspace's folder, in which cargo runs.
    pub root: PathBuf,
    /// What is built, where cargo leaves it.
    pub artefact: PathBuf,
    /// Cargo's arguments.
    pub arguments: Vec<OsString>,
    /// The whole environment that cargo gets.
    pub environment: BTreeMap<OsString, OsString>,
    /// The bare-metal target it is for, if it is not for the host.
    pub triple: Option<String>,
    /// Further programs that have to stay what they are.
    pub programs: Vec<String>,
    /// Further files that have to stay what they are.
    pub files: Vec<PathBuf>,
}

/// What a build was made of.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    form: u32,
    root: PathBuf,
    arguments: Vec<String>,
    /// The variables that count, and those that a build script or a crate asked for.
    environment: BTreeMap<String, Option<String>>,
    /// What PATH has for a name.
    programs: BTreeMap<String, Option<PathBuf>>,
    /// Files, folders (their entries' names) and what was not there.
    files: BTreeMap<PathBuf, Option<Identity>>,
    artefact: Identity,
    /// The compiler's own folder.
    pub sysroot: PathBuf,
    /// What the harness sets in its environment before it goes on, when this is its own stamp.
    pub exports: BTreeMap<String, String>,
}

impl Stamp {
    /// Where the stamp of an artefact lies.
    pub fn path(artefact: &Path) -> PathBuf {
        let mut name = artefact.as_os_str().to_owned();
        name.push(".stamp");
        name.into()
    }

    /// The stamp of an artefact, if there is one that can be read.
    pub fn read(artefact: &Path) -> Option<Self> {
        let bytes = fs::read(Self::path(artefact)).ok()?;
        let stamp: Self = serde_json::from_slice(&bytes).ok()?;
        (stamp.form == FORM).then_some(stamp)
    }

    /// The files that it was built of, and the folders whose entries' names count.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.files.keys().map(PathBuf::as_path)
    }

    /// Whether all is as it was when the artefact was built.
    pub fn holds(&self, build: &Build) -> bool {
        let arguments = self.arguments.iter().map(OsStr::new);
        let same_arguments = build.arguments.iter().eq(arguments);
        same_arguments
            && self.root == build.root
            && self.environment_holds(build)
            && self
                .programs
                .iter()
                .all(|(name, path)| inputs::in_path(name, build).as_deref() == path.as_deref())
            && Identity::of(&build.artefact).is_ok_and(|now| now.as_ref() == Some(&self.artefact))
            && self
                .files
                .iter()
                .all(|(path, then)| Identity::of(path).is_ok_and(|now| now == *then))
    }

    fn environment_holds(&self, build: &Build) -> bool {
        let as_then = self.environment.iter().all(|(name, then)| {
            let now = build.environment.get(&OsString::from(name));
            now.map(OsString::as_os_str) == then.as_ref().map(|then| then.as_ref())
        });
        let mut counting = build.environment.keys().filter(|name| inputs::counts(name));
        as_then
            && counting.all(|name| {
                name.to_str()
                    .is_some_and(|n| self.environment.contains_key(n))
            })
    }

    /// Writes down what a build that has just succeeded was made of, if that can be known; `began`
    /// is from before cargo was started.
    pub fn record(build: &Build, began: Moment, sysroot: &Path, exports: BTreeMap<String, String>) {
        let path = Self::path(&build.artefact);
        let written = Self::of(build, began, sysroot, exports)
            .and_then(|stamp| write_whole(&path, &serde_json::to_vec(&stamp).ok()?));
        if written.is_none() {
            // The one from before does not hold either, but would be read each time.
            let _ = fs::remove_file(path);
        }
    }

    fn of(
        build: &Build,
        began: Moment,
        sysroot: &Path,
        exports: BTreeMap<String, String>,
    ) -> Option<Self> {
        let found = inputs::of(build, sysroot)?;
        let mut files = BTreeMap::new();
        for path in found.files {
            let identity = Identity::of(&path).ok()?;
            let settled = |is: &Identity| is.modified < began && is.changed < began;
            if !identity.as_ref().is_none_or(settled) {
                return None;
            }
            files.insert(path, identity);
        }
        let text = |text: &OsString| text.to_str().map(str::to_owned);
        let mut environment = BTreeMap::new();
        let counting = build.environment.keys().filter(|name| inputs::counts(name));
        for name in counting
            .map(text)
            .chain(found.variables.into_iter().map(Some))
        {
            let name = name?;
            let value = match build.environment.get(&OsString::from(&name)) {
                Some(value) => Some(text(value)?),
                None => None,
            };
            environment.insert(name, value);
        }
        Some(Self {
            form: FORM,
            root: build.root.clone(),
            arguments: build.arguments.iter().map(text).collect::<Option<_>>()?,
            environment,
            programs: found.programs,
            files,
            artefact: Identity::of(&build.artefact).ok()??,
            sysroot: sysroot.to_owned(),
            exports,
        })
    }
}

/// Writes a file at once: it is there whole, or not at all.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Option<()> {
    let mut file = tempfile::NamedTempFile::new_in(path.parent()?).ok()?;
    file.write_all(bytes).ok()?;
    file.persist(path).ok()?;
    Some(())
}
