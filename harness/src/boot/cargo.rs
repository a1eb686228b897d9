//! Cargo, as the harness starts it: alone in its target folder, heard only when it has something to
//! say, and gone when the harness is.

use super::guard::Guard;
use crate::error::Error;
use crate::machine::process_group;
use std::fs::{File, TryLockError};
use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::time::Instant;

/// What takes longer than this is shown.
const QUIET: Duration = Duration::from_secs(1);

/// How often a lock is tried that somebody else holds.
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// Waits until no other harness builds in a target folder; while the file is open, none does.
pub async fn alone_in(folder: &Path, label: &str) -> Result<File, Error> {
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
            tell(&format!(
                "waiting to build {label}: another harness builds there"
            ));
            shown = true;
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
}

/// Runs cargo; its output is shown once it takes long, and if it fails.
pub async fn run(mut command: Command, label: &str) -> Result<(), Error> {
    let hint = "see cargo's messages above";
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
    let mut lines = BufReader::new(child.stderr.take().expect("stderr is piped")).lines();
    let mut held: Vec<String> = Vec::new();
    let show_from = Instant::now() + QUIET;
    let mut shown = false;
    loop {
        let line = tokio::select! {
            line = lines.next_line() => line.ok().flatten(),
            () = tokio::time::sleep_until(show_from), if !shown => {
                tell(&format!("building {label} ..."));
                held.drain(..).for_each(|line| show(label, &line));
                shown = true;
                continue;
            }
        };
        match line {
            // The two builds take turns at cargo's own bookkeeping; that is no news.
            Some(line) if line.contains("file lock on package cache") => {}
            Some(line) if shown => show(label, &line),
            Some(line) => held.push(line),
            None => break,
        }
    }
    let status = child
        .wait()
        .await
        .map_err(|e| Error::infrastructure(e.to_string(), hint))?;
    guard.release();
    if status.success() {
        return Ok(());
    }
    held.iter().for_each(|line| show(label, line));
    Err(Error::infrastructure(
        format!("the build of {label} failed ({status})"),
        hint,
    ))
}

fn show(label: &str, line: &str) {
    let program = label.split(' ').next().unwrap_or(label);
    tell(&format!("  {program}: {line}"));
}

/// Says something on stderr, if anybody still listens there.
fn tell(line: &str) {
    let _ = writeln!(anstream::stderr(), "{line}");
}
