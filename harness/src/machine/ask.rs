//! Asks programs short questions, such as their version. Both the time and the size of the answer are
//! bounded.

use super::process::cannot_start;
use super::process_group::{self, Group};
use super::pulse::within;
use crate::error::Error;
use crate::judge::lines;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;

/// How long a program may take to answer if the caller sets no limit.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// How much of each of its streams is read.
const LISTENED: u64 = 64 << 10;

/// What a program answered.
#[derive(Debug)]
pub struct Answer {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output, or the beginning of it.
    pub stdout: Vec<u8>,
    /// Its standard error, or the beginning of it.
    pub stderr: Vec<u8>,
}

impl Answer {
    /// The part to quote in an error message.
    pub fn words(&self) -> String {
        let mut said = lines_of(&self.stderr).chain(lines_of(&self.stdout));
        said.next().unwrap_or_else(|| "it says nothing".into())
    }

    /// The first line of its standard output, safe to show.
    pub fn first_line(&self) -> Option<String> {
        lines_of(&self.stdout).next()
    }
}

/// Runs a program in a folder, until it ends or `patience` is over; then it is killed, with everything
/// that it started.
pub async fn ask(
    program: &Path,
    args: &[&str],
    folder: &Path,
    patience: Duration,
) -> Result<Answer, Error> {
    let mut command = Command::new(program);
    command.args(args).current_dir(folder).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    process_group::lead(&mut command, Vec::new());
    let mut child = command.spawn().map_err(|e| cannot_start(program, &e))?;
    let _group = Group::led_by(&child);
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let answer = async {
        // A program that writes more than this finds the pipe closed, and ends or is ended.
        let (stdout, stderr) = tokio::join!(beginning(stdout), beginning(stderr));
        child.wait().await.map(|status| Answer {
            status,
            stdout,
            stderr,
        })
    };
    match within(patience, answer).await {
        Some(answer) => answer.map_err(|e| cannot_start(program, &e)),
        None => {
            let question = args.join(" ");
            let (program, patience) = (program.display(), patience.as_secs_f64());
            Err(Error::infrastructure(
                format!("{program} {question} did not end within {patience} s"),
                "run that command by itself to see what it waits for",
            ))
        }
    }
}

/// The lines of a text that are not empty, each cut to what fits a screen.
fn lines_of(text: &[u8]) -> impl Iterator<Item = String> {
    let lines = text.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
    let lines = lines.filter(|line| !line.is_empty());
    lines.map(|line| lines::normalise(line).chars().take(200).collect())
}

async fn beginning(stream: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut said = Vec::new();
    if let Some(stream) = stream {
        let _ = stream.take(LISTENED).read_to_end(&mut said).await;
    }
    said
}

/// The first number of the form `10.0.2` in a line: its major and minor version.
pub fn version(line: &str) -> Option<(u64, u64)> {
    line.split([' ', '(', ')']).find_map(|word| {
        let (major, rest) = word.split_once('.')?;
        let minor = rest.split('.').next()?;
        Some((major.parse().ok()?, minor.parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    fn answer(script: &str, patience: Duration) -> Result<Answer, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let folder = std::env::temp_dir();
        runtime.block_on(ask(Path::new("sh"), &["-c", script], &folder, patience))
    }

    #[test]
    fn an_answer_comes_with_both_streams_and_the_status() {
        let answer = answer("echo out; echo err >&2; exit 3", PATIENCE).unwrap();
        assert_eq!(answer.status.code(), Some(3));
        assert_eq!(
            (&*answer.stdout, &*answer.stderr),
            (&b"out\n"[..], &b"err\n"[..])
        );
        assert_eq!(answer.words(), "err");
    }

    #[test]
    fn a_program_that_never_ends_is_named_and_ended() {
        let start = Instant::now();
        let error = answer("sleep 60 & wait", Duration::from_millis(100)).unwrap_err();
        assert_eq!(error.exit_code(), 4);
        let text = error.to_string();
        assert!(
            text.contains("sh -c sleep") && text.contains("0.1 s"),
            "{text}"
        );
        assert!(start.elapsed() < PATIENCE);
    }

    #[test]
    fn a_program_that_never_stops_talking_costs_no_memory() {
        let answer = answer("yes; yes >&2", PATIENCE).unwrap();
        assert_eq!(answer.stdout.len() as u64, LISTENED);
    }

    #[test]
    fn versions_are_found_in_what_programs_say() {
        let qemu = "QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2+deb13u1~bpo12+1)";
        assert_eq!(version(qemu), Some((10, 0)));
        assert_eq!(version("QEMU emulator version 7.2"), Some((7, 2)));
        assert_eq!(version("QEMU, version unknown."), None);
    }
}
