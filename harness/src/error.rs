//! The reasons why there may be no verdict, and whose business each is.
//!
//! A guest or hypervisor that misbehaves is not an error here but a
//! [`Verdict`](crate::judge::verdict::Verdict).

use crate::shown;
use std::path::{Path, PathBuf};

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file of the user's asks for something impossible.
    #[error(transparent)]
    Config(#[from] ConfigError),

    /// The command line asks for something impossible.
    #[error("{0}")]
    Usage(String),

    /// The set-up cannot do what was asked: QEMU, a tool, a build or the disk.
    #[error("{what}\n  what to do: {hint}")]
    Infrastructure {
        /// What went wrong.
        what: String,
        /// What the user can do about it.
        hint: String,
    },
}

impl Error {
    /// An infrastructure error, with a hint for the user.
    pub fn infrastructure(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Error::Infrastructure {
            what: what.into(),
            hint: hint.into(),
        }
    }

    /// A file or folder that could not be used.
    pub fn io(doing: &str, path: &Path, error: &std::io::Error) -> Self {
        Error::infrastructure(
            format!("cannot {doing} {}: {error}", path.display()),
            "check that the path exists, that you may use it and that the disk is not full",
        )
    }

    /// The process's exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Config(_) | Error::Usage(_) => 2,
            Error::Infrastructure { .. } => 4,
        }
    }
}

/// A mistake in a configuration file, and its place.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.render())]
pub struct ConfigError {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1; 0 if the mistake concerns the whole file.
    pub line: usize,
    /// The key at fault, if there is one.
    pub key: Option<String>,
    /// What is wrong.
    pub message: String,
    /// The part of the line to show.
    pub excerpt: Excerpt,
}

/// A part of a line, short enough to be shown, and safe.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Excerpt {
    /// The text.
    pub text: String,
    /// How many characters of it come before the mistake; none if the whole line is wrong.
    pub column: Option<usize>,
}

impl Excerpt {
    /// How many characters to show on either side of a mistake.
    const AROUND: usize = 60;

    /// The beginning of a line that is wrong as a whole.
    pub fn of(line: &str) -> Self {
        Self {
            text: Self::start(line),
            column: None,
        }
    }

    /// The text around byte `at` of a line.
    pub fn around(line: &str, at: usize) -> Self {
        let at = (0..=at.min(line.len()))
            .rev()
            .find(|&at| line.is_char_boundary(at));
        let (before, after) = line.split_at(at.unwrap_or_default());
        let before = shown::safe(before);
        let surplus = before.chars().count().saturating_sub(Self::AROUND);
        let mut text: String = before.chars().skip(surplus).collect();
        if surplus > 0 {
            text.insert_str(0, "... ");
        }
        let column = Some(text.chars().count());
        text += &Self::start(after);
        Self { text, column }
    }

    fn start(line: &str) -> String {
        let line = shown::safe(line);
        match line.char_indices().nth(Self::AROUND) {
            Some((cut, _)) => format!("{} ...", &line[..cut]),
            None => line.trim_end().to_owned(),
        }
    }
}

impl ConfigError {
    fn render(&self) -> String {
        let mut out = self.file.display().to_string();
        if self.line > 0 {
            out += &format!(":{}", self.line);
        }
        out += ": ";
        if let Some(key) = &self.key {
            out += &format!("key `{key}`: ");
        }
        out += self.message.trim_end();
        let Excerpt { text, column } = &self.excerpt;
        if !text.trim().is_empty() {
            out += &format!("\n  {:>4} | {text}", self.line);
            if let Some(column) = column {
                // A tab stands under a tab, so both lines have the same width.
                let blank = |c| if c == '\t' { '\t' } else { ' ' };
                let blanks: String = text.chars().take(*column).map(blank).collect();
                out += &format!("\n  {:>4} | {blanks}^", "");
            }
        }
        out
    }
}
