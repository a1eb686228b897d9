//! A run's directory: everything to understand the run, or to repeat it by hand.
//!
//! | file | what it holds |
//! |---|---|
//! | `command.txt` | the QEMU command, and the one to paste into a shell |
//! | `run.json` | versions, what was asked for, and hashes of what was booted |
//! | `story.json` | the story, and its time limits |
//! | `console.raw` | the serial line, byte for byte |
//! | `firmware.log`, `console.log` | its lines, normalised: the firmware's, and those that are judged |
//! | `witness.log` | what QEMU itself logged of the guest's exits, if it was asked: its first 4 MiB and its last |
//! | `qemu.stderr` | QEMU's own messages |
//! | `registers.txt` | the processors' registers, when a clock ran out |
//! | `events.jsonl` | the events that the judge got, with times |
//! | `verdict.json` | the verdict; missing when the run was cut short |
//! | `kernel`, `disk.img`, `firmware.img`, `pflash.img` | what was booted |
//!
//! Everything is written as it happens, except the end of a long `witness.log`, which comes last. If
//! the records cannot be written, for example because the disk is full, the run is stopped: it could
//! not be judged again.

use crate::error::Error;
use crate::files;
use crate::judge::event::{Event, Record};
use crate::judge::observer::Observer;
use crate::judge::witness;
use crate::project::Project;
use crate::records::Booted;
use crate::records::head_and_tail::HeadAndTail;
use crate::records::report::Report;
use crate::records::retention;
use crate::records::version::Versioned;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The file that says what was booted.
pub const BOOTED: &str = "run.json";
/// The file with the story.
pub const STORY: &str = "story.json";
/// The file with the events.
pub const EVENTS: &str = "events.jsonl";
/// The processors' registers when a clock ran out, sample by sample.
pub const REGISTERS: &str = "registers.txt";
/// The verdict.
pub const VERDICT: &str = "verdict.json";

/// What to do where records find no room.
pub const ROOM: &str =
    "make room on the disk, or name a folder on another one (--records, Request::records)";

/// How much of QEMU's log is kept, at its beginning and at its end.
const LOG_KEPT: [usize; 2] = [4 << 20, 1 << 20];

/// Reads one of the JSON files in a run's directory.
pub fn read_json<T: DeserializeOwned>(dir: &Path, name: &str) -> Result<T, Error> {
    let path = dir.join(name);
    let unusable = |why: String| {
        let path = path.display();
        Error::Usage(format!("this is not the directory of a run: {path}: {why}"))
    };
    let text = files::read_text(&path).map_err(|e| unusable(e.to_string()))?;
    let version: Versioned = serde_json::from_str(&text).map_err(|e| unusable(e.to_string()))?;
    if let Some(why) = version.objection() {
        return Err(Error::Usage(format!("{}: {why}", path.display())));
    }
    serde_json::from_str(&text).map_err(|e| unusable(e.to_string()))
}

/// A run that has no verdict of its own.
#[derive(Debug)]
pub struct Unjudged {
    /// Why.
    pub error: Error,
    /// What the records say of it, if there are any and the set-up is to blame.
    pub report: Option<Box<Report>>,
}

impl From<Error> for Unjudged {
    fn from(error: Error) -> Self {
        Self {
            error,
            report: None,
        }
    }
}

impl From<Unjudged> for Error {
    fn from(stopped: Unjudged) -> Self {
        stopped.error
    }
}

/// The directory of one run.
#[derive(Debug)]
pub struct RunDir {
    path: PathBuf,
    console_raw: File,
    console_log: File,
    firmware_log: File,
    stderr: File,
    /// QEMU's log; there is none before anything is logged.
    witness: Option<HeadAndTail>,
    events: File,
    pending: Vec<u8>,
    pending_log: Vec<u8>,
    pending_firmware: Vec<u8>,
    trouble: Option<String>,
}

impl RunDir {
    /// Creates the directory for a run: in `parent`, where all of them are kept, or in the usual
    /// folder, where [old ones are removed](retention).
    pub fn create(project: &Project, parent: Option<&Path>, label: &str) -> Result<Self, Error> {
        let usual = project.runs();
        let is_named = parent.is_some();
        let parent = parent.unwrap_or(&usual);
        // QEMU's working directory differs from the harness's.
        let parent = &std::path::absolute(parent).map_err(|e| cannot_make(parent, &e))?;
        fs::create_dir_all(parent).map_err(|e| cannot_make(parent, &e))?;
        if !is_named {
            let since = std::env::var(retention::SINCE).ok();
            retention::prune(parent, since.as_deref());
        }
        let path = make_unique(parent, label)?;
        let file = |name: &str| {
            let path = path.join(name);
            File::create(&path).map_err(|e| Error::io("write", &path, &e))
        };
        let events = file(EVENTS)?;
        // The lock is held as long as the run lasts, however the run ends: it keeps other harnesses
        // from removing the directory. Where there are no locks, they go by the directory's age.
        let _ = events.try_lock();
        Ok(Self {
            console_raw: file("console.raw")?,
            console_log: file("console.log")?,
            firmware_log: file("firmware.log")?,
            stderr: file("qemu.stderr")?,
            witness: None,
            events,
            pending: Vec::new(),
            pending_log: Vec::new(),
            pending_firmware: Vec::new(),
            trouble: None,
            path,
        })
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The first failure to write, if there was one.
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// Writes a small data file at once.
    pub fn write_json(&mut self, name: &str, contents: &impl Serialize) {
        let text = serde_json::to_string_pretty(contents).expect("plain data");
        self.write(name, text);
    }

    /// Writes a small file at once, completely or not at all.
    pub fn write(&mut self, name: &str, contents: impl AsRef<[u8]>) {
        let unfinished = self.path.join(format!(".{name}"));
        let result = fs::write(&unfinished, contents)
            .and_then(|()| fs::rename(&unfinished, self.path.join(name)));
        if result.is_err() {
            let _ = fs::remove_file(&unfinished);
        }
        self.note(result);
    }

    /// Appends bytes of the serial line, unchanged.
    pub fn console(&mut self, bytes: &[u8]) {
        let result = self.console_raw.write_all(bytes);
        self.note(result);
    }

    /// Appends bytes of QEMU's stderr, unchanged.
    pub fn stderr(&mut self, bytes: &[u8]) {
        let result = self.stderr.write_all(bytes);
        self.note(result);
    }

    /// Appends bytes of QEMU's log, within bounds.
    pub fn witness(&mut self, bytes: &[u8]) {
        let result = match &mut self.witness {
            Some(log) => log.write(bytes),
            none => {
                let [head, tail] = LOG_KEPT;
                let log = HeadAndTail::create(&self.path.join(witness::FILE), head, tail);
                log.and_then(|log| none.insert(log).write(bytes))
            }
        };
        self.note(result);
    }

    /// Writes the events that were kept since the last call.
    pub fn flush(&mut self) {
        let results = [
            (&mut self.events, &mut self.pending),
            (&mut self.console_log, &mut self.pending_log),
            (&mut self.firmware_log, &mut self.pending_firmware),
        ]
        .map(|(file, pending)| {
            let result = file.write_all(pending);
            pending.clear();
            result
        });
        for result in results {
            self.note(result);
        }
    }

    /// Records that the set-up stopped the run, if it did, and returns what the records say of it then.
    pub fn stopped(&mut self, booted: &Booted, project: &Project, error: Error) -> Unjudged {
        let mut report = Report::of_error(booted.arch, &booted.scenario, &error).map(Box::new);
        if let (Error::Infrastructure { what, hint }, Some(report)) = (&error, &mut report) {
            let (what, hint) = (what.clone(), hint.clone());
            self.event(Duration::ZERO, &Event::Stopped { what, hint });
            self.flush();
            report.run_dir = Some(self.path.clone());
            report.again = booted.again(project);
            self.write(VERDICT, report.json());
        }
        Unjudged { error, report }
    }

    fn note(&mut self, result: std::io::Result<()>) {
        if let Err(error) = result {
            let trouble = format!("{} is incomplete: {error}", self.path.display());
            self.trouble.get_or_insert(trouble);
        }
    }
}

impl Observer for RunDir {
    /// Keeps an event; [`flush`](RunDir::flush) writes it.
    fn event(&mut self, at: Duration, event: &Event<'_>) {
        let log = match event {
            Event::Line { text } | Event::Partial { text } => Some((&mut self.pending_log, text)),
            Event::Firmware { text } => Some((&mut self.pending_firmware, text)),
            _ => None,
        };
        if let Some((log, text)) = log {
            log.extend_from_slice(text.as_bytes());
            log.push(b'\n');
        }
        let t = (at.as_secs_f64() * 1e6).round() / 1e6;
        serde_json::to_writer(
            &mut self.pending,
            &Record {
                t,
                event: event.clone(),
            },
        )
        .expect("an event is plain data");
        self.pending.push(b'\n');
    }
}

fn cannot_make(path: &Path, error: &std::io::Error) -> Error {
    Error::infrastructure(
        format!(
            "cannot make {}, for a run's records: {error}",
            path.display()
        ),
        "name a folder that you may write to, on a disk with room (--records, Request::records)",
    )
}

/// Creates `<UTC time>-<label>-<pid>`, with a number appended if there are several in one second.
fn make_unique(parent: &Path, label: &str) -> Result<PathBuf, Error> {
    let stem = format!("{}-{label}-{}", retention::stamp(), std::process::id());
    for attempt in 0..1000 {
        let suffix = if attempt == 0 {
            String::new()
        } else {
            format!("-{attempt}")
        };
        let path = parent.join(format!("{stem}{suffix}"));
        match fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(cannot_make(&path, &error)),
        }
    }
    Err(Error::infrastructure(
        "a thousand runs within a second",
        "name another folder for the records (--records, Request::records)",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::retention::PASSED_KEPT;

    #[test]
    fn runs_never_share_a_directory_and_events_can_be_read_back() {
        let root = tempfile::tempdir().unwrap();
        let project = Project::new(root.path());
        let mut first = RunDir::create(&project, None, "riscv64-gkernel").unwrap();
        let second = RunDir::create(&project, None, "riscv64-gkernel").unwrap();
        assert_ne!(first.path(), second.path());
        let event = Event::line("a \"quoted\" line \u{e9}");
        first.event(Duration::from_millis(1500), &event);
        first.flush();
        let text = fs::read_to_string(first.path().join("events.jsonl")).unwrap();
        let record: Record<'_> = serde_json::from_str(text.trim_end()).unwrap();
        assert_eq!(record, Record { t: 1.5, event });
        assert_eq!(first.trouble(), None);
    }

    #[test]
    fn only_where_runs_usually_are_the_oldest_go() {
        let root = tempfile::tempdir().unwrap();
        let project = Project::new(root.path());
        let elsewhere = root.path().join("elsewhere");
        let usual = project.runs();
        for parent in [&usual, &elsewhere] {
            for nth in 10..10 + PASSED_KEPT + 2 {
                let run = parent.join(format!("20200101T1200{nth}Z-x-1"));
                fs::create_dir_all(&run).unwrap();
                fs::write(run.join(EVENTS), "").unwrap();
                fs::write(run.join(VERDICT), r#"{"verdict": {"kind": "pass"}}"#).unwrap();
            }
        }
        let count = |parent: &Path| fs::read_dir(parent).unwrap().count();
        RunDir::create(&project, Some(&elsewhere), "x").unwrap();
        assert_eq!(count(&elsewhere), PASSED_KEPT + 3);
        // Who names the folder keeps all, also where it is the usual one.
        RunDir::create(&project, Some(&usual), "x").unwrap();
        assert_eq!(count(&usual), PASSED_KEPT + 3);
        RunDir::create(&project, None, "x").unwrap();
        assert_eq!(count(&usual), PASSED_KEPT + 2);
    }
}
