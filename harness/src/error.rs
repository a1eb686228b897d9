//! What can keep a verdict from being reached, and whose business it is.
//!
//! A guest or hypervisor that misbehaves is not an error here: that is a [`Verdict`](crate::judge::verdict::Verdict).

use std::path::{Path, PathBuf};

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of the user's says something impossible.
    #[error(transparent)]
    Config(#[from] ConfigError),

    /// The command line asks for something impossible.
    #[error("{0}")]
    Usage(String),

    /// The set-up is not able to do what is asked: QEMU, a tool, a build or the disk.
    #[error("{what}\n  what to do: {hint}")]
    Infrastructure {
        /// What went wrong.
        what: String,
        /// What the user can do about it.
        hint: String,
    },
}

impl Error {
    /// An infrastructure error, with what to do about it.
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

/// A mistake in a configuration file, with the place where it is.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.render())]
pub struct ConfigError {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1; 0 when the mistake is the file as a whole.
    pub line: usize,
    /// The key at fault, when there is one.
    pub key: Option<String>,
    /// What is wrong.
    pub message: String,
    /// The line's text.
    pub text: String,
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
        if !self.text.trim().is_empty() {
            out += &format!("\n  {:>4} | {}", self.line, self.text.trim_end());
        }
        out
    }
}
