//! The parameters of a run: `key=value` words that the harness leaves on the disk.

use alloc::{borrow::ToOwned, string::String};

/// What `/boot/cmdline` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Params {
    /// A secret of this run: with it, event lines are printed.
    pub nonce: Option<String>,
    /// The guest to run, a file of `/sbin`.
    pub guest: String,
    /// How to run it: one of the architecture's modes.
    pub mode: Option<String>,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            nonce: None,
            guest: "gkernel".to_owned(),
            mode: None,
        }
    }
}

impl Params {
    /// Parses the words of `text`. Words that are not known, or whose value could not be a plain
    /// file name or number, are passed over: the disk may be of another version.
    pub fn parse(text: &str) -> Self {
        let mut params = Self::default();
        for (key, value) in text
            .split_whitespace()
            .filter_map(|word| word.split_once('='))
        {
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            if value.is_empty() || value.starts_with('.') || !value.chars().all(plain) {
                continue;
            }
            match key {
                "nonce" => params.nonce = Some(value.to_owned()),
                "guest" => params.guest = value.to_owned(),
                "mode" => params.mode = Some(value.to_owned()),
                _ => {}
            }
        }
        params
    }
}
