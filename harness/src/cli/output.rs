//! What the program prints: results on standard output, all else on standard error.
//!
//! A result that cannot be printed is an error, or a full disk would look like success. A reader that
//! has gone, as in `| head`, has what it wanted.
//!
//! In a job of GitHub Actions both streams are the job's log, in which its runner looks for commands. So all text is
//! disarmed there, but for the commands of the harness's own.

use super::github;
use crate::error::Error;
use crate::shown;
use serde::Serialize;
use std::borrow::Cow;
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;

/// How much is shown of a message about the command line.
const USAGE_SHOWN: usize = 4096;

/// Prints a line, or several, of plain text.
pub(super) fn say(text: &str) -> Result<(), Error> {
    let lines: Vec<_> = text.split('\n').map(shown::safe).collect();
    let text = lines.join("\n");
    written(writeln!(io::stdout(), "{}", github::for_stdout(&text)))
}

/// Prints a value as one line of JSON.
pub(super) fn json(value: &impl Serialize) -> Result<(), Error> {
    // GitHub's runner takes this for a command wherever it stands. In JSON it can only be in a string.
    let text = shown::json(value).replace("##[", r"#\u0023[");
    written(writeln!(io::stdout(), "{text}"))
}

/// Prints text that is safe and ends its own lines, as it is.
pub(super) fn text(text: &str) -> Result<(), Error> {
    written(write!(io::stdout(), "{text}"))
}

/// Prints text that has colours, and is safe.
pub(super) fn paint(text: &str) -> Result<(), Error> {
    let text = painted(text, github::for_stdout);
    written(write!(anstream::stdout(), "{text}"))
}

/// The same on standard error. That nobody reads it is no failure.
pub(super) fn paint_aside(text: &str) {
    let text = painted(text, github::for_stderr);
    let _ = write!(anstream::stderr(), "{text}");
}

/// Text that has colours, disarmed: without them, if there is anything to disarm. They may be left out as it is printed,
/// so they must not part what a runner would act on.
fn painted(text: &str, disarmed: fn(&str) -> Cow<'_, str>) -> Cow<'_, str> {
    let plain = anstream::adapter::strip_str(text).to_string();
    match disarmed(&plain) {
        harmless if harmless == plain => Cow::Borrowed(text),
        harmless => Cow::Owned(harmless.into_owned()),
    }
}

/// What came of printing to standard output.
pub(super) fn written(result: io::Result<()>) -> Result<(), Error> {
    match result.and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Error::infrastructure(
            format!("standard output cannot be written to: {error}"),
            "direct it to a place with room that you may write to",
        )),
        _ => Ok(()),
    }
}

/// A path as it is typed from the current folder, and safe.
pub(super) fn path(path: &Path) -> String {
    let here = std::env::current_dir().ok();
    let short = here.and_then(|here| path.strip_prefix(here).ok());
    let path = short.unwrap_or(path).display().to_string();
    shown::safe(&path).into_owned()
}

/// Says what is wrong; the process's exit code.
pub fn complain(error: &Error) -> ExitCode {
    say_error(&error.to_string());
    github::complain_of(error);
    ExitCode::from(error.exit_code())
}

/// Prints an error's text. Nobody can be told if that does not work.
pub(super) fn say_error(text: &str) {
    let style = anstyle::AnsiColor::Red.on_default().bold();
    let text = shown::paragraph(text);
    paint_aside(&format!("{style}error{style:#}: {text}\n"));
}

/// Says something on standard error. That nobody reads it is no failure.
pub(super) fn say_aside(text: &str) {
    let _ = writeln!(io::stderr(), "{}", github::for_stderr(text));
}

/// Gives commands to GitHub's runner on standard error.
pub(super) fn command_aside(commands: &str) {
    let _ = write!(io::stderr(), "{commands}");
}

/// Prints clap's answer to a command line that asks for help, or that it cannot read; the exit code.
pub(super) fn answer(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        return match written(error.print()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => complain(&error),
        };
    }
    // It quotes what was typed as it is.
    let text = error.render().to_string();
    let first = text.lines().next().unwrap_or_default();
    let first = first.strip_prefix("error: ").unwrap_or(first);
    github::complain_of(&Error::Usage(first.into()));
    let plain = |c: char| c == '\n' || !c.is_control();
    let is_harmless = text.chars().all(plain) && github::for_stderr(&text) == text;
    if text.len() <= USAGE_SHOWN && is_harmless && arguments_are_plain() {
        let _ = error.print();
    } else {
        let text = text.strip_prefix("error: ").unwrap_or(&text);
        say_error(text);
    }
    ExitCode::from(2)
}

/// Whether no argument holds what a terminal would act on.
fn arguments_are_plain() -> bool {
    std::env::args_os().all(|argument| {
        let argument = argument.to_string_lossy();
        shown::safe(&argument) == argument
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reports::github::disarmed;

    #[test]
    fn colours_part_nothing_that_a_runner_would_act_on() {
        assert_eq!(painted("\x1b[31m::x\x1b[0m", disarmed), r"\x3a:x");
        assert_eq!(painted("#\x1b[1m#[x", disarmed), r"#\x23[x");
        let harmless = "\x1b[31mFAIL\x1b[0m :: x";
        assert_eq!(painted(harmless, disarmed), harmless);
    }
}
