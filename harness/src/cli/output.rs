//! What the program prints: results on standard output, all else on standard error.
//!
//! A result that cannot be printed is an error, or a full disk would look like success. A reader that
//! has gone, as in `| head`, has what it wanted.

use crate::error::Error;
use crate::shown;
use serde::Serialize;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

/// How much is shown of a message about the command line.
const USAGE_SHOWN: usize = 4096;

/// Prints a line, or several, of plain text.
pub(super) fn say(text: &str) -> Result<(), Error> {
    let lines: Vec<_> = text.split('\n').map(shown::safe).collect();
    written(writeln!(io::stdout(), "{}", lines.join("\n")))
}

/// Prints a value as one line of JSON.
pub(super) fn json(value: &impl Serialize) -> Result<(), Error> {
    // GitHub's runner takes this for a command wherever it stands. In JSON it can only be in a string.
    let text = shown::json(value).replace("##[", r"#\u0023[");
    written(writeln!(io::stdout(), "{text}"))
}

/// Prints text that is safe, and ends its own lines.
pub(super) fn text(text: &str) -> Result<(), Error> {
    written(write!(io::stdout(), "{text}"))
}

/// Prints text that has colours, and is safe.
pub(super) fn paint(text: &str) -> Result<(), Error> {
    written(write!(anstream::stdout(), "{text}"))
}

/// The same on standard error. That nobody reads it is no failure.
pub(super) fn paint_aside(text: &str) {
    let _ = write!(anstream::stderr(), "{text}");
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

/// Says what is wrong; the process's exit code.
pub fn complain(error: &Error) -> ExitCode {
    say_error(&error.to_string());
    super::github::complain_of(error);
    ExitCode::from(error.exit_code())
}

/// Prints an error's text. Nobody can be told if that does not work.
pub(super) fn say_error(text: &str) {
    let style = anstyle::AnsiColor::Red.on_default().bold();
    let text = shown::paragraph(text);
    let _ = writeln!(anstream::stderr(), "{style}error{style:#}: {text}");
}

/// Says something on standard error. That nobody reads it is no failure.
pub(super) fn say_aside(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
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
    super::github::complain_of(&Error::Usage(first.into()));
    let plain = |c: char| c == '\n' || !c.is_control();
    if text.len() <= USAGE_SHOWN && text.chars().all(plain) && arguments_are_plain() {
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
