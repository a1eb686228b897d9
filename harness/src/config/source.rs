//! The text of a configuration file, and the values that are common in them.

use crate::error::ConfigError;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A configuration file's text, kept so that a mistake can be shown where it is.
#[derive(Debug)]
pub struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        match std::fs::read_to_string(path) {
            Ok(text) => Ok(Self {
                path: path.to_owned(),
                text,
            }),
            Err(error) => Err(ConfigError {
                file: path.to_owned(),
                line: 0,
                key: None,
                message: format!("cannot be read: {error}"),
                text: String::new(),
            }),
        }
    }

    /// A file's text that is already at hand.
    pub fn from_text(path: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            text: text.into(),
        }
    }

    /// Parses the file into the data that mirrors it.
    pub fn parse<T: serde::de::DeserializeOwned>(&self) -> Result<T, ConfigError> {
        toml::from_str(&self.text).map_err(|error| {
            let at = error.span().unwrap_or(0..0);
            let key = self.key_at(&at);
            self.error(at, key, error.message())
        })
    }

    /// A mistake at a place in the file.
    pub fn error(
        &self,
        at: Range<usize>,
        key: Option<String>,
        message: impl Into<String>,
    ) -> ConfigError {
        let start = at.start.min(self.text.len());
        let line = self.text[..start].matches('\n').count();
        ConfigError {
            file: self.path.clone(),
            line: line + 1,
            key,
            message: message.into(),
            text: self.text.lines().nth(line).unwrap_or_default().to_owned(),
        }
    }

    /// A mistake in the value of a key.
    pub fn bad_value<T>(
        &self,
        key: &str,
        value: &toml::Spanned<T>,
        message: impl Into<String>,
    ) -> ConfigError {
        self.error(value.span(), Some(key.to_owned()), message)
    }

    /// The key of the line that a span starts in.
    fn key_at(&self, at: &Range<usize>) -> Option<String> {
        let start = at.start.min(self.text.len());
        let begin = self.text[..start].rfind('\n').map_or(0, |n| n + 1);
        let line = self.text[begin..].lines().next()?;
        let (key, _) = line.split_once('=')?;
        Some(key.trim().to_owned()).filter(|key| !key.is_empty() && !key.contains(['[', '#', '"']))
    }
}

/// A number of seconds (`30`) or a span with units (`1500ms`, `30s`, `2m`).
pub fn parse_duration(text: &str) -> Result<std::time::Duration, String> {
    let span = match text.parse::<u64>() {
        Ok(seconds) => std::time::Duration::from_secs(seconds),
        Err(_) => humantime::parse_duration(text)
            .map_err(|_| format!("`{text}` is not a time: use seconds (30) or 500ms, 30s, 2m"))?,
    };
    if span.is_zero() {
        return Err("a time of zero would end before anything starts".into());
    }
    if span > std::time::Duration::from_secs(7 * 24 * 3600) {
        return Err(format!("`{text}` is more than a week"));
    }
    Ok(span)
}

/// A number of bytes: `4096`, `256K`, `64M`.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let (digits, unit) = match text.as_bytes().last() {
        Some(b'K') => (&text[..text.len() - 1], 1 << 10),
        Some(b'M') => (&text[..text.len() - 1], 1 << 20),
        _ => (text, 1),
    };
    digits
        .parse::<u64>()
        .ok()
        .and_then(|n| n.checked_mul(unit))
        .filter(|&bytes| (1..=1 << 32).contains(&bytes))
        .ok_or_else(|| format!("`{text}` is not a size: use 4096, 256K or 64M, at most 4096M"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn durations_are_seconds_or_have_a_unit() {
        assert_eq!(parse_duration("30").unwrap(), Duration::from_secs(30));
        assert_eq!(parse_duration("2m").unwrap(), Duration::from_secs(120));
        assert_eq!(
            parse_duration("1500ms").unwrap(),
            Duration::from_millis(1500)
        );
        for bad in ["", "-1", "0", "0s", "soon", "9999999999999999999", "1e9"] {
            assert!(parse_duration(bad).is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn sizes_have_units_and_bounds() {
        assert_eq!(parse_size("64M").unwrap(), 64 << 20);
        assert_eq!(parse_size("4096").unwrap(), 4096);
        for bad in ["", "M", "0", "-1M", "1G", "99999999999M"] {
            assert!(parse_size(bad).is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn an_error_shows_the_line_and_names_the_key() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct File {
            #[expect(dead_code, reason = "only its absence from the file matters")]
            good: Option<u32>,
        }
        let source = Source::from_text("a.toml", "good = 1\nbda = 2\n");
        let error = source.parse::<File>().unwrap_err();
        assert_eq!((error.line, error.key.as_deref()), (2, Some("bda")));
        let shown = error.to_string();
        assert!(
            shown.starts_with("a.toml:2: key `bda`: unknown field"),
            "{shown}"
        );
        assert!(shown.ends_with("   2 | bda = 2"), "{shown}");
    }
}
