//! Runs cargo for the harness: one at a time in a target folder, quiet unless a build is slow or fails,
//! and ended when the harness ends.

use super::guard::Guard;
use crate::error::Error;
use crate::judge::lines::LineAssembler;
use crate::machine::process_group;
use crate::shown;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::fs::{File, TryLockError};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::time::Instant;

/// A build that takes longer than this is announced.
const QUIET: Duration = Duration::from_secs(1);

/// The time between two attempts to get a lock that somebody else holds.
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// How many bytes of cargo's output are read at once.
const PIECE: usize = 8 << 10;

/// How many of cargo's lines an error holds if nobody listened to them.
const KEPT: usize = 60;

/// Listens to how builds go, a line at a time. By default nobody does.
#[derive(Clone, Default)]
pub struct Progress(Option<Arc<Listener>>);

type Listener = dyn Fn(&str) + Send + Sync;

impl Progress {
    /// Tells each line to `listener`.
    pub fn to(listener: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(listener)))
    }

    /// Tells nobody. If a build fails, the error holds what cargo said.
    pub fn nobody() -> Self {
        Self(None)
    }

    fn tell(&self, line: &str) {
        if let Some(listener) = &self.0 {
            listener(line);
        }
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "told" } else { "nobody" })
    }
}

/// The lines of cargo's that matter: those from the first error on, or else the last ones.
#[derive(Default)]
struct Said {
    lines: VecDeque<String>,
    has_error: bool,
}

impl Said {
    fn line(&mut self, line: &str) {
        if !self.has_error && line.starts_with("error") {
            self.has_error = true;
            self.lines.clear();
        }
        if self.lines.len() == KEPT {
            if self.has_error {
                return;
            }
            self.lines.pop_front();
        }
        self.lines.push_back(shown::line(line).into_owned());
    }
}

/// Waits until no other harness builds in a target folder. None does while the returned file is open.
pub async fn alone_in(folder: &Path, label: &str, progress: &Progress) -> Result<File, Error> {
    let path = folder.join(".harness-builds");
    let lock = std::fs::create_dir_all(folder).and_then(|()| File::create(&path));
    let lock = lock.map_err(|e| Error::io("write", &path, &e))?;
    let show_from = Instant::now() + QUIET;
    let mut shown = false;
    loop {
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => {}
            // Where there are no locks, cargo's own is not there either.
            Ok(()) | Err(TryLockError::Error(_)) => return Ok(lock),
        }
        if !shown && Instant::now() >= show_from {
            progress.tell(&format!(
                "waiting to build {label}: another harness builds there"
            ));
            shown = true;
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
}

/// Runs cargo. The listener gets its output once the build takes long, or if it fails. If nobody
/// listens, the error holds the lines that matter.
pub async fn run(mut command: Command, label: &str, progress: &Progress) -> Result<(), Error> {
    let cannot_start =
        |e| Error::infrastructure(format!("cargo could not be started: {e}"), "run ./x setup");
    // In a group of its own: its compilers are to end with it, and it with the harness.
    let guard = Guard::new().map_err(cannot_start)?;
    process_group::lead(&mut command, Vec::new());
    command.process_group(guard.group());
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(cannot_start)?;
    let mut output = child.stderr.take().expect("stderr is piped");
    let program = label.split(' ').next().unwrap_or(label);
    let tell = |line: &str| progress.tell(&format!("  {program}: {line}"));
    let mut said = Said::default();
    let mut held: Vec<String> = Vec::new();
    let tell_from = Instant::now() + QUIET;
    let mut told = false;
    // The output may be anything, and cargo waits for whoever does not read all of it.
    let (mut lines, mut piece) = (LineAssembler::default(), vec![0; PIECE]);
    loop {
        let read = tokio::select! {
            read = output.read(&mut piece) => read,
            () = tokio::time::sleep_until(tell_from), if !told => {
                progress.tell(&format!("building {label} ..."));
                held.drain(..).for_each(|line| tell(&line));
                told = true;
                continue;
            }
        };
        let read = read.map_err(|e| {
            let what = format!("what cargo says of {label} could not be read: {e}");
            Error::infrastructure(what, "run it again")
        })?;
        let mut keep = |line: Cow<'_, str>| {
            // The two builds take turns at cargo's own bookkeeping; that is no news.
            if !line.contains("file lock on package cache") {
                said.line(&line);
                held.push(line.into_owned());
            }
            true
        };
        match read {
            0 => lines.finish(&mut keep),
            read => lines.push(&piece[..read], &mut keep),
        }
        if told {
            held.drain(..).for_each(|line| tell(&line));
        }
        if read == 0 {
            break;
        }
    }
    let status = child.wait().await.map_err(|e| {
        let what = format!("the end of the build of {label} could not be awaited: {e}");
        Error::infrastructure(what, "run it again")
    })?;
    guard.release();
    if status.success() {
        return Ok(());
    }
    held.iter().for_each(|line| tell(line));
    let mut what = format!("the build of {label} failed ({status})");
    let hint = if progress.0.is_some() {
        "see cargo's messages above"
    } else {
        for line in &said.lines {
            what += &format!("\n  {program}: {line}");
        }
        "mend what cargo complains of"
    };
    Err(Error::infrastructure(what, hint))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// Runs a shell script as the build. Returns the result and the lines that the listener got.
    fn build(script: &str, listens: bool) -> (Result<(), String>, Vec<String>) {
        let told = Arc::new(Mutex::new(Vec::new()));
        let listener = Arc::clone(&told);
        let progress = if listens {
            Progress::to(move |line| listener.lock().unwrap().push(line.to_owned()))
        } else {
            Progress::nobody()
        };
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let built = runtime.block_on(run(command, "guest for riscv64", &progress));
        let told = told.lock().unwrap().clone();
        (built.map_err(|error| error.to_string()), told)
    }

    const FAILS: &str = "echo Compiling a >&2; echo 'error: no such crate' >&2; \
                         echo ' --> src/a.rs:1:1' >&2; exit 101";

    #[test]
    fn where_nobody_is_told_the_error_has_what_cargo_complained_of() {
        let (built, told) = build(FAILS, false);
        let expected = "the build of guest for riscv64 failed (exit status: 101)\n  \
                        guest: error: no such crate\n  guest:  --> src/a.rs:1:1\n  \
                        what to do: mend what cargo complains of";
        assert_eq!(built, Err(expected.to_owned()));
        assert_eq!(told, [""; 0]);
    }

    #[test]
    fn who_is_told_gets_the_lines_and_the_error_does_not_repeat_them() {
        let (built, told) = build(FAILS, true);
        let error = built.unwrap_err();
        assert!(error.ends_with("see cargo's messages above"), "{error}");
        assert!(!error.contains("no such crate"), "{error}");
        let lines = [
            "  guest: Compiling a",
            "  guest: error: no such crate",
            "  guest:  --> src/a.rs:1:1",
        ];
        assert_eq!(told, lines);
    }

    #[test]
    fn a_build_that_succeeds_at_once_says_nothing() {
        assert_eq!(build("echo warning >&2", true), (Ok(()), vec![]));
    }

    #[test]
    fn bytes_that_are_not_utf_8_do_not_end_what_is_read() {
        // More follows than a pipe holds: whoever stops reading leaves cargo waiting for ever.
        let script = "{ printf '\\351\\n'; head -c 200000 /dev/zero | tr '\\0' x; echo; \
                      echo 'error: no such crate'; printf 'last \\351'; } >&2; exit 101";
        let (built, told) = build(script, true);
        assert!(built.is_err());
        assert_eq!(told[0], r"  guest: \xe9");
        assert!(told[1].starts_with("  guest: xxx"), "{:.40}", told[1]);
        assert!(told[1].ends_with(" more bytes]"), "it has no bound");
        let last = ["  guest: error: no such crate", r"  guest: last \xe9"];
        assert_eq!(told[2..], last);
    }

    #[test]
    fn of_very_many_lines_those_from_the_first_error_on_are_kept() {
        let mut said = Said::default();
        (0..1000).for_each(|nth| said.line(&format!("warning {nth}")));
        assert_eq!(
            (said.lines.len(), &*said.lines[KEPT - 1]),
            (KEPT, "warning 999")
        );
        said.line("error[E0425]: first");
        (0..1000).for_each(|nth| said.line(&format!("error: {nth}")));
        assert_eq!(
            (said.lines.len(), &*said.lines[0]),
            (KEPT, "error[E0425]: first")
        );
        assert_eq!(said.lines[1], "error: 0");
    }
}
