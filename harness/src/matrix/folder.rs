//! The folder of a matrix, and which of them are kept.
//!
//! | file | what it holds |
//! |---|---|
//! | `matrix.json` | what came of it; missing while it goes on, and when it was killed |
//! | `index.html` | its page |
//! | `runs/` | the folders of its runs |
//! | `kept.json` | its exit code and its size, by which is decided how long it is kept |
//! | `going-on` | an empty file that is locked while the matrix goes on; gone afterwards |

use super::results::{Results, VERSION};
use crate::boot::IMAGES;
use crate::error::Error;
use crate::files;
use crate::judge::witness;
use crate::project::Project;
use crate::records::retention::{self, Kept};
use crate::records::{self, BOOTED, Booted, EVENTS, packed};
use crate::shown;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What came of a matrix.
pub const RESULTS: &str = "matrix.json";

/// The folder of the runs.
pub const RUNS: &str = "runs";

/// What decides how long it is kept, so that nobody has to read all of the results for that.
const KEPT: &str = "kept.json";

/// Locked while a matrix goes on.
const GOING_ON: &str = "going-on";

/// How long cases took here, beside the matrices.
const TIMES: &str = ".harness-times.json";

/// How many matrices are kept that passed, and how many that did not.
pub const PASSED_KEPT: usize = 10;
/// See [`PASSED_KEPT`].
pub const FAILED_KEPT: usize = 30;

/// How many bytes of the disk each of the two kinds may take up.
const ROOM: u64 = 4 << 30;

/// The largest `matrix.json` that is read, in bytes.
const LIMIT: u64 = 256 << 20;

/// The folder of a matrix that is to begin.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// Open, and so locked, as long as the matrix goes on, however it ends.
    _going_on: Option<File>,
}

impl Folder {
    /// Makes one: in `parent`, where all are kept, or else in the usual folder, where old ones are removed.
    ///
    /// # Errors
    ///
    /// It cannot be made.
    pub fn create(project: &Project, parent: Option<&Path>) -> Result<Self, Error> {
        let usual = project.matrices();
        let is_named = parent.is_some();
        let parent = parent.unwrap_or(&usual);
        let parent = &std::path::absolute(parent).map_err(|e| cannot_make(parent, &e))?;
        fs::create_dir_all(parent).map_err(|e| cannot_make(parent, &e))?;
        if !is_named {
            prune(
                parent,
                std::env::var(retention::SINCE).ok().as_deref(),
                ROOM,
            );
        }
        let stamp = retention::stamp();
        for nth in 1..1000 {
            let path = parent.join(format!("{stamp}-{nth}"));
            match fs::create_dir(&path) {
                Ok(()) => return Self::begin(path),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(cannot_make(&path, &error)),
            }
        }
        Err(Error::infrastructure(
            "a thousand matrices within a second",
            "name another folder for the records (--records)",
        ))
    }

    fn begin(path: PathBuf) -> Result<Self, Error> {
        let mark = path.join(GOING_ON);
        let going_on = File::create(&mark).map_err(|e| cannot_make(&mark, &e))?;
        // Where there are no locks, nothing but its age keeps it from being removed.
        let _ = going_on.try_lock();
        let runs = path.join(RUNS);
        fs::create_dir(&runs).map_err(|e| cannot_make(&runs, &e))?;
        Ok(Self {
            path,
            _going_on: Some(going_on),
        })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the folders of its runs are.
    pub fn runs(&self) -> PathBuf {
        self.path.join(RUNS)
    }

    /// Where the times of its cases are kept, beside those of other matrices.
    pub fn times(&self) -> PathBuf {
        self.path.with_file_name(TIMES)
    }

    /// Writes what came of it, at once: it is there completely, or not at all. With that the matrix is over.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn conclude(&mut self, results: &Results) -> Result<(), Error> {
        let file = self.path.join(RESULTS);
        write_line(&file, shown::json(results)).map_err(|e| Error::io("write", &file, &e))?;
        let brief = Brief {
            exit_code: results.exit_code(),
            bytes: size(&self.path),
        };
        let _ = write_line(&self.path.join(KEPT), shown::json(&brief)); // it can be found out again
        let _ = fs::remove_file(self.path.join(GOING_ON)); // a mark that is left means nothing beside the results
        self._going_on = None;
        Ok(())
    }
}

/// Writes a text into the folder, with a new line at its end.
fn write_line(file: &Path, mut text: String) -> io::Result<()> {
    text.push('\n');
    files::write_whole(file, text.as_bytes())
}

/// Removes what a run booted from its folder, says there how to get it back, and packs what was seen and judged. `program`
/// is what is typed to start the harness.
pub fn slim(run: &Path, program: &str) {
    for image in IMAGES {
        let _ = fs::remove_file(run.join(image)); // most runs lack some of them
    }
    for record in [EVENTS, witness::FILE] {
        let _ = packed::pack(run, record); // it stays as it is then
    }
    let command = run.join("command.txt");
    let Ok(text) = files::read(&command, files::TEXT_LIMIT) else {
        return;
    };
    let booted = records::read_json::<Booted>(run, BOOTED).ok();
    let again = booted.and_then(|booted| booted.asked?.command(program));
    let again = again.map_or(String::new(), |again| {
        format!(" To get them again, in a folder of their own:\n#   {again}")
    });
    let note = format!("# This run passed, and so its images were removed.{again}\n\n");
    // The command is worth more than the note.
    let _ = files::write_whole(&command, &[note.as_bytes(), &text].concat());
}

/// Reads what came of a matrix.
///
/// # Errors
///
/// The folder has no `matrix.json`, or it cannot be read, or it is of a later version.
pub fn read(folder: &Path) -> Result<Results, Error> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    let file = folder.join(RESULTS);
    let unusable = |why: String| {
        Error::Usage(format!(
            "{} is not what came of a matrix: {why}",
            file.display()
        ))
    };
    let text = files::read(&file, LIMIT).map_err(|e| unusable(e.to_string()))?;
    let versioned: Versioned =
        serde_json::from_slice(&text).map_err(|e| unusable(e.to_string()))?;
    if versioned.version > VERSION {
        return Err(unusable(format!(
            "it has version {}, and this harness knows {VERSION}: use a newer one",
            versioned.version
        )));
    }
    serde_json::from_slice(&text).map_err(|e| unusable(e.to_string()))
}

/// The newest matrix in a folder of matrices that is over and can be read, and where it is.
pub fn newest(parent: &Path) -> Option<(PathBuf, Results)> {
    let mut all = matrices(parent);
    all.reverse();
    let paths = all.into_iter().map(|matrix| matrix.path);
    paths.into_iter().find_map(|path| {
        let results = read(&path).ok()?;
        Some((path, results))
    })
}

/// A folder that is named like a matrix's.
struct Named {
    /// When it began, and which it was in that second.
    began: (String, u32),
    path: PathBuf,
}

/// When a matrix began whose folder has this name, and which it was in that second; none of any other folder.
pub fn began(name: &str) -> Option<(String, u32)> {
    let (stamp, nth) = name.split_once('-')?;
    let nth = nth.parse().ok()?;
    retention::is_stamp(stamp).then(|| (stamp.to_owned(), nth))
}

/// The folders that are named like those of matrices, the oldest first.
fn matrices(parent: &Path) -> Vec<Named> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let named = folders.filter_map(|entry| {
        let began = began(entry.file_name().to_str()?)?;
        let path = entry.path();
        Some(Named { began, path })
    });
    let mut all: Vec<_> = named.collect();
    all.sort_by(|a, b| a.began.cmp(&b.began));
    all
}

/// Removes surplus matrices: only folders that are named like one and hold what one holds, that are older than `since`, and
/// whose matrix does not go on.
fn prune(parent: &Path, since: Option<&str>, room: u64) {
    let mut passed = Kept::new(PASSED_KEPT, room);
    let mut failed = Kept::new(FAILED_KEPT, room);
    let mut all = matrices(parent);
    all.retain(|matrix| since.is_none_or(|since| matrix.began.0.as_str() < since));
    for Named { path, .. } in all.into_iter().rev() {
        let Some(brief) = standing(&path) else {
            continue;
        };
        let kind = match brief.exit_code {
            0 => &mut passed,
            _ => &mut failed,
        };
        if !kind.takes(brief.bytes) {
            let _ = fs::remove_dir_all(path); // another harness may have been faster
        }
    }
}

/// What decides how long a matrix is kept.
#[derive(Debug, Serialize, Deserialize)]
struct Brief {
    exit_code: u8,
    /// The disk space that its folder takes up.
    bytes: u64,
}

/// How a matrix stands in a folder that is named like one; none if it goes on, or none is there. One that was killed or
/// cannot be read has failed.
fn standing(folder: &Path) -> Option<Brief> {
    let is_file = |name: &str| {
        let meta = folder.join(name).symlink_metadata();
        meta.is_ok_and(|meta| meta.is_file())
    };
    if !folder.join(RUNS).is_dir() {
        return None;
    }
    let exit_code = if is_file(RESULTS) {
        let brief = files::read(&folder.join(KEPT), files::TEXT_LIMIT).unwrap_or_default();
        if let Ok(brief) = serde_json::from_slice(&brief) {
            return Some(brief);
        }
        read(folder).map_or(1, |results| results.exit_code())
    } else if is_file(GOING_ON) {
        // Where there are no locks, it may go on.
        let mark = File::open(folder.join(GOING_ON)).ok()?;
        mark.try_lock().ok()?;
        1
    } else {
        return None;
    };
    Some(Brief {
        exit_code,
        bytes: size(folder),
    })
}

/// The disk space that a folder takes up, in bytes.
fn size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.filter_map(|entry| {
        let meta = entry.metadata().ok()?; // of a link, its own
        let below = if meta.is_dir() {
            size(&entry.path())
        } else {
            0
        };
        Some(512 * meta.blocks() + below)
    });
    sizes.sum()
}

fn cannot_make(path: &Path, error: &io::Error) -> Error {
    Error::infrastructure(
        format!("cannot make {}, for a matrix: {error}", path.display()),
        "name a folder that you may write to, on a disk with room (--records)",
    )
}

#[cfg(test)]
mod tests;
