//! The reasons why there may be no verdict, and whose business each is.
//!
//! A guest or hypervisor that misbehaves is not an error here but a
//! [`Verdict`](crate::judge::verdict::Verdict).

use crate::shown;
use std::ops::Range;
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
    /// Which characters of it are the mistake; none if the whole line is wrong.
    pub mistake: Option<Range<u16>>,
}

impl Excerpt {
    /// How many characters to show on either side of a mistake.
    const AROUND: usize = 60;

    /// The beginning of a line that is wrong as a whole.
    pub fn of(line: &str) -> Self {
        Self {
            text: Self::start(line),
            mistake: None,
        }
    }

    /// The text around some bytes of a line, which may go on beyond its end.
    pub fn around(line: &str, at: Range<usize>) -> Self {
        let (before, after) = line.split_at(boundary(line, at.start));
        let mistake = &after[..boundary(after, at.end.saturating_sub(before.len()))];
        let before = shown::safe(before);
        let surplus = before.chars().count().saturating_sub(Self::AROUND);
        let mut text: String = before.chars().skip(surplus).collect();
        if surplus > 0 {
            text.insert_str(0, "... ");
        }
        let start = text.chars().count();
        text += &Self::start(after);
        let length = shown::safe(mistake.trim_end()).chars().count();
        let end = (start + length).min(text.chars().count()).max(start + 1);
        Self {
            text,
            // An excerpt is short.
            mistake: Some(start as u16..end as u16),
        }
    }

    fn start(line: &str) -> String {
        let line = shown::safe(line);
        match line.char_indices().nth(Self::AROUND) {
            Some((cut, _)) => format!("{} ...", &line[..cut]),
            None => line.trim_end().to_owned(),
        }
    }
}

/// The last byte up to `at` at which a text can be divided.
fn boundary(text: &str, at: usize) -> usize {
    let mut candidates = (0..=at.min(text.len())).rev();
    candidates
        .find(|&at| text.is_char_boundary(at))
        .unwrap_or_default()
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
        let Excerpt { text, mistake } = &self.excerpt;
        if !text.trim().is_empty() {
            out += &format!("\n  {:>4} | {text}", self.line);
            if let Some(mistake) = mistake {
                // A tab stands under a tab, so both lines have the same width.
                let under = |(at, c)| match c {
                    '\t' => '\t',
                    _ if at < usize::from(mistake.start) => ' ',
                    _ => '^',
                };
                // There is nothing above the caret where something is missing at the line's end.
                let above = text
                    .chars()
                    .chain(std::iter::once(' '))
                    .take(mistake.end.into());
                let line: String = above.enumerate().map(under).collect();
                out += &format!("\n  {:>4} | {line}", "");
            }
        }
        out
    }
}
