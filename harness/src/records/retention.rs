//! Decides which records are kept in the usual folder of runs. What a user may still want to see goes
//! last: runs that did not pass, runs of the same invocation, and runs in progress.

use super::{EVENTS, VERDICT};
use crate::files;
use serde::Deserialize;
use std::fs::{self, File, TryLockError};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// How many of the earlier runs that passed are kept.
pub const PASSED_KEPT: usize = 40;

/// How many of those that did not pass are kept.
pub const FAILED_KEPT: usize = 200;

/// How many bytes of the disk each of the two kinds may take up. A run whose console was flooded takes some
/// hundred MiB, and one with a disk image of its own as much as that.
const ROOM: u64 = 4 << 30;

/// The environment variable by which a program that starts several runs keeps all of them: the [stamp]
/// of its own start.
pub const SINCE: &str = "HARNESS_KEEP_SINCE";

/// The time in the form that begins a run's name: UTC, to the second.
pub fn stamp() -> String {
    let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    now.replace(['-', ':'], "")
}

/// Removes surplus runs. It touches only directories that look like runs, that no other harness is
/// using, and that are older than `since`.
pub(super) fn prune(parent: &Path, since: Option<&str>) {
    prune_within(parent, since, ROOM);
}

fn prune_within(parent: &Path, since: Option<&str>, room: u64) {
    let mut runs: Vec<_> = fs::read_dir(parent)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.file_name().to_str()?.to_owned()))
        .filter(|name| looks_like_a_run(name))
        .filter(|name| since.is_none_or(|since| name.as_str() < since))
        .collect();
    runs.sort_unstable_by(|a, b| b.cmp(a));
    let mut passed = Kept::new(PASSED_KEPT, room);
    let mut failed = Kept::new(FAILED_KEPT, room);
    for run in runs.into_iter().map(|name| parent.join(name)) {
        if !run.join(EVENTS).is_file() || in_use(&run) {
            continue;
        }
        let kind = if has_passed(&run) {
            &mut passed
        } else {
            &mut failed
        };
        if !kind.takes(size(&run)) {
            // Another harness may be removing runs too; the second one finds nothing.
            let _ = fs::remove_dir_all(run);
        }
    }
}

/// The runs of a kind that are kept, from the newest on; or other folders of records.
#[derive(Debug)]
pub struct Kept {
    most: usize,
    room: u64,
    runs: usize,
    bytes: u64,
}

impl Kept {
    /// None yet, of `most` runs that may take up `room` bytes.
    pub fn new(most: usize, room: u64) -> Self {
        Self {
            most,
            room,
            runs: 0,
            bytes: 0,
        }
    }

    /// Whether the next run, of `size` bytes, is kept too. The newest is, whatever its size.
    pub fn takes(&mut self, size: u64) -> bool {
        self.runs += 1;
        self.bytes += size;
        self.runs <= self.most && (self.bytes <= self.room || self.runs == 1)
    }
}

/// Whether a run has a verdict, and it is a pass.
fn has_passed(run: &Path) -> bool {
    #[derive(Deserialize)]
    struct Report {
        verdict: Verdict,
    }
    #[derive(Deserialize)]
    struct Verdict {
        kind: String,
    }
    let text = files::read(&run.join(VERDICT), files::TEXT_LIMIT).unwrap_or_default();
    serde_json::from_slice::<Report>(&text).is_ok_and(|report| report.verdict.kind == "pass")
}

/// The disk space that a run's files take up.
fn size(run: &Path) -> u64 {
    let files = fs::read_dir(run).into_iter().flatten().flatten();
    let blocks = files.filter_map(|file| Some(file.metadata().ok()?.blocks()));
    512 * blocks.sum::<u64>()
}

/// Whether a harness is writing to a run's directory: then it holds a lock on the events.
fn in_use(run: &Path) -> bool {
    let lock = File::open(run.join(EVENTS)).map(|events| events.try_lock());
    match lock {
        Ok(Ok(())) => false,
        Ok(Err(TryLockError::WouldBlock)) => true,
        // There are no locks here, or another harness has just removed it.
        Ok(Err(TryLockError::Error(_))) | Err(_) => is_young(run) && !run.join(VERDICT).is_file(),
    }
}

fn is_young(run: &Path) -> bool {
    let modified = fs::metadata(run).and_then(|meta| meta.modified());
    let age = modified.map(|modified| modified.elapsed().unwrap_or_default());
    age.is_ok_and(|age| age < Duration::from_secs(600))
}

/// Whether a folder is named like a run's.
pub fn looks_like_a_run(name: &str) -> bool {
    let start = name.split_once('-');
    start.is_some_and(|(stamp, rest)| is_stamp(stamp) && !rest.is_empty())
}

/// Whether a text is a [stamp], such as `20261126T135712Z`.
pub fn is_stamp(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 16
        && bytes[..8].iter().all(u8::is_ascii_digit)
        && bytes[8] == b'T'
        && bytes[9..15].iter().all(u8::is_ascii_digit)
        && bytes[15] == b'Z'
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    const PASS: &str = r#"{"verdict": {"kind": "pass"}, "text": ""}"#;
    const FAIL: &str = r#"{"verdict": {"kind": "diverged"}, "text": "\"kind\":\"pass\""}"#;

    /// A folder of runs.
    struct Runs(tempfile::TempDir);

    impl Runs {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        /// Adds runs one second apart, the first of them at 12:00:00 on that day.
        fn add(&self, day: u8, count: usize, verdict: &str) -> Vec<PathBuf> {
            let add = |nth: usize| {
                let (minute, second) = (nth / 60, nth % 60);
                let run = self
                    .0
                    .path()
                    .join(format!("202001{day:02}T12{minute:02}{second:02}Z-x-1"));
                fs::create_dir(&run).unwrap();
                fs::write(run.join(EVENTS), "").unwrap();
                if !verdict.is_empty() {
                    fs::write(run.join(VERDICT), verdict).unwrap();
                }
                run
            };
            (0..count).map(add).collect()
        }

        fn prune(&self, since: Option<&str>) {
            prune(self.0.path(), since);
        }
    }

    #[track_caller]
    fn left(runs: &[PathBuf], expected: usize) {
        let there: Vec<_> = runs.iter().map(|run| run.is_dir()).collect();
        let newest: Vec<_> = (0..runs.len())
            .map(|nth| nth >= runs.len() - expected)
            .collect();
        assert_eq!(there, newest);
    }

    #[test]
    fn of_the_runs_that_passed_the_newest_are_kept_and_failures_do_not_count() {
        let runs = Runs::new();
        let failure = runs.add(1, 1, FAIL);
        let cut_short = runs.add(2, 1, "");
        let passed = runs.add(3, PASSED_KEPT + 51, PASS);
        runs.prune(None);
        left(&failure, 1);
        left(&cut_short, 1);
        left(&passed, PASSED_KEPT);
    }

    #[test]
    fn failures_have_a_bound_of_their_own() {
        let runs = Runs::new();
        let passed = runs.add(1, 3, PASS);
        let failed = runs.add(2, FAILED_KEPT + 5, FAIL);
        runs.prune(None);
        left(&passed, 3);
        left(&failed, FAILED_KEPT);
    }

    #[test]
    fn all_runs_of_an_invocation_are_kept() {
        let runs = Runs::new();
        let before = runs.add(1, PASSED_KEPT + 7, PASS);
        let own = runs.add(2, PASSED_KEPT + 9, PASS);
        runs.prune(Some("20200102T120000Z"));
        left(&before, PASSED_KEPT);
        left(&own, PASSED_KEPT + 9);
        assert!(stamp().as_str() > "20200102T120000Z" && looks_like_a_run(&(stamp() + "-x")));
    }

    #[test]
    fn nothing_else_is_touched_and_no_run_that_goes_on() {
        let runs = Runs::new();
        let goes_on = runs.add(1, 1, "");
        let events = File::open(goes_on[0].join(EVENTS)).unwrap();
        events.lock().unwrap();
        for name in ["mine", "20200101T000000Z-notes"] {
            fs::create_dir(runs.0.path().join(name)).unwrap();
        }
        let failed = runs.add(2, FAILED_KEPT + 1, FAIL);
        runs.prune(None);
        left(&failed, FAILED_KEPT);
        left(&goes_on, 1);
        assert!(runs.0.path().join("mine").is_dir());
        assert!(runs.0.path().join("20200101T000000Z-notes").is_dir());
        drop(events);
        runs.prune(None);
        assert!(!goes_on[0].exists());
    }

    #[test]
    fn a_verdict_that_is_no_file_is_none() {
        let runs = Runs::new();
        let passed = runs.add(1, 1, "");
        let pipe = passed[0].join(VERDICT);
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        let failed = runs.add(2, FAILED_KEPT, FAIL);
        runs.prune(None);
        left(&passed, 0);
        left(&failed, FAILED_KEPT);
    }

    #[test]
    fn neither_failures_nor_passes_may_fill_the_disk() {
        let runs = Runs::new();
        let failed = runs.add(1, 3, FAIL);
        let passed = runs.add(2, 3, PASS);
        let of_one = size(&failed[2]).max(size(&passed[2]));
        assert!(of_one > 0);
        // There is room for one run of each kind.
        prune_within(runs.0.path(), None, of_one);
        left(&failed, 1);
        left(&passed, 1);
    }

    #[test]
    fn a_sparse_file_counts_as_what_it_takes_up() {
        let runs = Runs::new();
        let passed = runs.add(1, 3, PASS);
        for run in &passed {
            let disk = File::create(run.join("disk.img")).unwrap();
            disk.set_len(ROOM).unwrap();
        }
        runs.prune(None);
        left(&passed, 3);
    }
}
