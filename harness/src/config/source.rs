//! The text of a configuration file, and the values that are common in them.

use crate::error::{ConfigError, Excerpt};
use crate::files;
use crate::shown;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The longest time that may be asked for.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

/// A configuration file's text, kept so that a mistake can be shown where it is.
#[derive(Debug, Clone)]
pub struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        match files::read_text(path) {
            Ok(text) => Ok(Self {
                path: path.to_owned(),
                text,
            }),
            Err(error) => Err(ConfigError {
                file: path.to_owned(),
                line: 0,
                key: None,
                message: format!("cannot be read: {error}"),
                excerpt: Excerpt::default(),
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

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder that the paths in it are seen from.
    pub fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    /// The number of the line that a byte is in, from 1.
    pub fn line_at(&self, byte: usize) -> usize {
        let before = &self.text.as_bytes()[..byte.min(self.text.len())];
        before.iter().filter(|&&byte| byte == b'\n').count() + 1
    }

    /// Parses the file into the data that mirrors it.
    pub fn parse<T: serde::de::DeserializeOwned>(&self) -> Result<T, ConfigError> {
        toml::from_str(&self.text).map_err(|error| {
            let at = error.span().unwrap_or(0..0);
            let key = self.key_at(&at);
            self.error(at, key, shown::line(error.message().trim_end()))
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
        let before = &self.text[..start];
        let begin = before.rfind('\n').map_or(0, |end| end + 1);
        let line = self.text[begin..].lines().next().unwrap_or_default();
        ConfigError {
            file: self.path.clone(),
            line: before.matches('\n').count() + 1,
            key,
            message: message.into(),
            // A mistake of the file as a whole has no place.
            excerpt: match at {
                Range { start: 0, end: 0 } => Excerpt::of(line),
                _ => Excerpt::around(line, start - begin..at.end.saturating_sub(begin)),
            },
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
        let is_key = |key: &&str| !key.is_empty() && !key.contains(['[', '#', '"']);
        let key = Some(key.trim()).filter(is_key)?;
        Some(shown::line(key).into_owned())
    }
}

/// A number of seconds (`30`, `0.5`) or a span with units (`1500ms`, `30s`, `2m`).
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let is_number = |c: char| c.is_ascii_digit() || c == '.';
    if text
        .strip_prefix('-')
        .is_some_and(|rest| rest.starts_with(is_number))
    {
        return Err("a time is not negative".into());
    }
    let no_time = || format!("`{text}` is not a time: use seconds (30, 0.5) or 500ms, 30s, 2m");
    // Not all that is a number to Rust is one to people: `1e9`, `inf`.
    let span = if text.starts_with(is_number) && text.chars().all(is_number) {
        let seconds: f64 = text.parse().map_err(|_| no_time())?;
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    } else {
        humantime::parse_duration(text).map_err(|_| no_time())?
    };
    if span.is_zero() {
        return Err("a time of zero would end before anything starts".into());
    }
    if span > LONGEST {
        return Err(format!("`{text}` is more than a week"));
    }
    Ok(span)
}

/// Whether a value is one word of `/boot/cmdline`, and one that the hypervisor takes: letters, digits, `-`, `_` and
/// `.`, the last not at its beginning. The hypervisor refuses others, or takes them for further words.
pub fn is_word(value: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    !value.is_empty() && !value.starts_with('.') && value.chars().all(plain)
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

    #[test]
    fn durations_are_seconds_or_have_a_unit() {
        assert_eq!(parse_duration("30").unwrap(), Duration::from_secs(30));
        assert_eq!(parse_duration("2m").unwrap(), Duration::from_secs(120));
        assert_eq!(
            parse_duration("1500ms").unwrap(),
            Duration::from_millis(1500)
        );
        let half = Duration::from_millis(500);
        for text in ["0.5", ".5", "0.50", "500ms"] {
            assert_eq!(parse_duration(text), Ok(half), "{text:?}");
        }
        let bad = [
            "", ".", "1.2.3", "0", "0.0", "0s", "soon", "1e9", "inf", "nan", "-x",
        ];
        for bad in bad {
            assert!(parse_duration(bad).is_err(), "{bad:?} was accepted");
        }
        for negative in ["-1", "-0.5", "-1s"] {
            assert_eq!(
                parse_duration(negative),
                Err("a time is not negative".into())
            );
        }
        let long = "9".repeat(400);
        for long in ["604801", "9999999999999999999", &long] {
            assert!(
                parse_duration(long)
                    .unwrap_err()
                    .ends_with("is more than a week")
            );
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
        assert!(shown.ends_with("   2 | bda = 2\n       | ^^^"), "{shown}");
    }

    #[test]
    fn a_mistake_is_underlined_from_its_beginning_to_its_end_in_the_line() {
        let text = "\ta = \"b\u{e9}\"\nb = [\n  1,\n]\n";
        let source = Source::from_text("a.toml", text);
        let underlined = |of: &str| {
            let start = text.find(of).unwrap();
            let error = source
                .error(start..start + of.len(), None, "wrong")
                .to_string();
            let (_, line) = error.rsplit_once("| ").unwrap();
            line.to_owned()
        };
        assert_eq!(underlined("\"b\u{e9}\""), "\t    ^^^^");
        assert_eq!(underlined("[\n  1,\n]"), "    ^");
        assert_eq!(underlined("1"), "  ^");
        let missing = source.error(text.find("\nb").unwrap()..text.len(), None, "wrong");
        assert!(missing.to_string().ends_with("| \t        ^"), "{missing}");
    }

    #[test]
    fn of_a_very_long_line_only_what_is_around_the_mistake_is_shown() {
        #[derive(Debug, serde::Deserialize)]
        struct File {
            #[expect(dead_code, reason = "only its type matters")]
            last: u32,
        }
        let long = "x".repeat(5 << 20);
        let text = format!("first = 1\nlast = {{ a = \"{long}\", b = \u{e9}, c = \"{long}\" }}\n");
        let error = Source::from_text("a.toml", text).parse::<File>();
        let shown = error.unwrap_err().to_string();
        assert!(shown.len() < 1000, "{} bytes", shown.len());
        let lines: Vec<_> = shown.lines().collect();
        assert!(lines[0].starts_with("a.toml:2: key `last`: "), "{shown}");
        let caret = lines[lines.len() - 1].chars().count() - 1;
        let at = lines[lines.len() - 2].chars().nth(caret);
        assert_eq!(at, Some('\u{e9}'), "{shown}");
        let key = format!("{long} = 1\n");
        let error = Source::from_text("a.toml", key).parse::<File>();
        assert!(error.unwrap_err().to_string().len() < 1000);
    }

    #[test]
    fn what_a_file_says_is_shown_without_what_a_terminal_acts_on() {
        #[derive(Debug, serde::Deserialize)]
        struct File {}
        let source = Source::from_text("a.toml", "\t\u{1b}[31m\u{9b}x = \u{1b}[2J\n");
        let shown = source.parse::<File>().unwrap_err().to_string();
        assert!(!shown.contains(['\u{1b}', '\u{9b}']), "{shown:?}");
    }
}
