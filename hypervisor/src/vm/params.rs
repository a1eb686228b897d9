//! The parameters of a run: `key=value` words that the harness puts on the disk.

use alloc::{borrow::ToOwned, format, string::String};

use crate::{
    error::Error,
    vm::{budget::Budgets, run::Refusals},
};

pub use crate::error::CMDLINE as PATH;

/// The keys of the words.
const KEYS: [&str; 18] = [
    "nonce",
    "guest",
    "then",
    "mode",
    "timer",
    "console",
    "arg",
    "runs",
    "check",
    "firmware",
    "reenter",
    "refused",
    "cpu-ms",
    "stalled-exits",
    "total-cpu-ms",
    "total-exits",
    "total-bytes",
    "wall-ms",
];

/// How many characters of a word an error shows.
const SHOWN: usize = 60;

const NUMBER: &str = "the value has to be a number below 2^64, decimal or 0x...";

/// The words of [`PATH`], except the [nonce].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Params {
    /// The guest to run, a file of `/sbin` (`guest=`).
    pub guest: String,
    /// A second guest, which runs after the first has ended, however it ended (`then=`).
    pub then: Option<String>,
    /// How to run them: one of the architecture's modes (`mode=`).
    pub mode: Option<String>,
    /// The timer that they get: one of those that the architecture has (`timer=`), or none.
    pub timer: Option<String>,
    /// The console that they get besides calls (`console=`), likewise.
    pub console: Option<String>,
    /// A number for the guest, which finds it in a register (`arg=`, decimal or `0x…`).
    pub arg: u64,
    /// How many times the first guest runs, with its number one higher each time (`runs=`).
    pub runs: u64,
    /// Whether the host's own registers are compared around each turn of the guest (`check=host`).
    pub check_host: bool,
    /// Whether the CPU is made to look, before each guest, as a firmware may leave it that clears nothing
    /// (`firmware=untidy`).
    pub untidy: bool,
    /// How many times the guest is entered at its first call, to measure that (`reenter=`); 0 for not at all.
    pub reenter: u64,
    /// What happens when a guest's kernel executes something that it has no right to (`refused=kill` or
    /// `refused=inject`).
    pub refusals: Refusals,
    /// What the guest may cost.
    pub budgets: Budgets,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            guest: "gkernel".to_owned(),
            then: None,
            mode: None,
            timer: None,
            console: None,
            arg: 0,
            runs: 1,
            check_host: false,
            untidy: false,
            reenter: 0,
            refusals: Refusals::default(),
            budgets: Budgets::default(),
        }
    }
}

impl Params {
    /// Parses the words of `text`.
    ///
    /// # Errors
    ///
    /// The first word that cannot be obeyed: it is not `key=value`, its key is unknown or was there
    /// before, or its value is not one that the key takes. A run that ignored it would prove less than
    /// was asked for.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut params = Self::default();
        let mut before: [bool; KEYS.len()] = [false; KEYS.len()];
        for word in text.split_whitespace() {
            let fail = |why: &str| Error::Word {
                word: shown(word),
                why: why.to_owned(),
            };
            let (key, value) = word
                .split_once('=')
                .ok_or_else(|| fail("is not `key=value`"))?;
            let Some(place) = KEYS.iter().position(|known| *known == key) else {
                let (key, keys) = (shown(key), KEYS.join(", "));
                return Err(fail(&format!(
                    "there is no key `{key}`; the keys are {keys}"
                )));
            };
            if core::mem::replace(&mut before[place], true) {
                return Err(fail("the key is there twice"));
            }
            params.set(key, value).map_err(fail)?;
        }
        Ok(params)
    }

    /// Sets one of the [`KEYS`]. The error says which values it takes.
    fn set(&mut self, key: &str, value: &str) -> Result<(), &'static str> {
        if !is_plain(value) {
            return Err(
                "the value has to be letters, digits, `-`, `_` and `.`, and not begin with `.`",
            );
        }
        match key {
            "guest" => self.guest = value.to_owned(),
            "then" => self.then = Some(value.to_owned()),
            "mode" => self.mode = Some(value.to_owned()),
            "timer" => self.timer = Some(value.to_owned()),
            "console" => self.console = Some(value.to_owned()),
            "arg" => self.arg = number(value)?,
            "runs" => self.runs = runs(value)?,
            "check" => self.check_host = only(value, "host", "the value has to be `host`")?,
            "firmware" => {
                self.untidy = only(value, "untidy", "the value has to be `untidy`")?;
            }
            "reenter" => self.reenter = number(value)?,
            "refused" => self.refusals = refusals(value)?,
            "cpu-ms" => self.budgets.cpu_ms = number(value)?,
            "stalled-exits" => self.budgets.stalled_exits = number(value)?,
            "total-cpu-ms" => self.budgets.total_cpu_ms = number(value)?,
            "total-exits" => self.budgets.total_exits = number(value)?,
            "total-bytes" => self.budgets.total_bytes = number(value)?,
            "wall-ms" => self.budgets.wall_ms = number(value)?,
            // The nonce is found before everything else.
            _ => {}
        }
        Ok(())
    }
}

/// The secret of this run (`nonce=`), if `text` has one: with it, event lines are printed. It is found
/// even if [`Params::parse`] refuses another word, so that the error is reported with it.
pub fn nonce(text: &str) -> Option<&str> {
    let mut words = text.split_whitespace();
    let nonce = words.find_map(|word| word.strip_prefix("nonce="))?;
    is_plain(nonce).then_some(nonce)
}

/// Whether a value is a plain file name or a number.
fn is_plain(value: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    !value.is_empty() && !value.starts_with('.') && value.chars().all(plain)
}

fn runs(word: &str) -> Result<u64, &'static str> {
    match number(word)? {
        0 => Err("no guest would run; the value has to be 1 or more"),
        runs => Ok(runs),
    }
}

/// A key that takes one value alone.
fn only(word: &str, known: &str, why: &'static str) -> Result<bool, &'static str> {
    if word == known { Ok(true) } else { Err(why) }
}

fn refusals(word: &str) -> Result<Refusals, &'static str> {
    match word {
        "kill" => Ok(Refusals::Kill),
        "inject" => Ok(Refusals::Inject),
        _ => Err("the value has to be `kill` or `inject`"),
    }
}

fn number(text: &str) -> Result<u64, &'static str> {
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| NUMBER)
}

/// The beginning of a text from the disk, safe to show.
fn shown(text: &str) -> String {
    let end = text
        .char_indices()
        .nth(SHOWN)
        .map_or(text.len(), |(end, _)| end);
    let cut = if end < text.len() { "..." } else { "" };
    format!("{}{cut}", text[..end].escape_debug())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    fn refused(text: &str) -> String {
        Params::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn parameters_are_words() {
        let text = "nonce=00ff guest=npf-outside arg=0x80 cpu-ms=20 check=host then=two\n";
        let params = Params::parse(text).unwrap();
        assert_eq!(nonce(text), Some("00ff"));
        assert_eq!(params.guest, "npf-outside");
        assert_eq!(params.then.as_deref(), Some("two"));
        assert_eq!(
            (params.arg, params.runs, params.budgets.cpu_ms),
            (0x80, 1, 20)
        );
        assert!(params.check_host);
        assert_eq!(Params::parse(""), Ok(Params::default()));
    }

    #[test]
    fn every_key_has_values_that_are_taken() {
        for key in KEYS {
            let value = match key {
                "check" => "host",
                "firmware" => "untidy",
                "refused" => "inject",
                _ => "7",
            };
            let params = Params::parse(&format!("{key}={value}"));
            let params = params.unwrap_or_else(|error| panic!("{key}: {error}"));
            assert_eq!(params == Params::default(), key == "nonce", "{key}");
        }
    }

    #[test]
    fn what_cannot_be_obeyed_is_an_error_that_names_the_word() {
        for (word, why) in [
            ("junk", "is not `key=value`"),
            (
                "later=1",
                "there is no key `later`; the keys are nonce, guest,",
            ),
            ("check=hosts", "the value has to be `host`"),
            ("firmware=tidy", "the value has to be `untidy`"),
            ("refused=injekt", "the value has to be `kill` or `inject`"),
            ("runs=x", "the value has to be a number"),
            ("arg=0x", "the value has to be a number"),
            (
                "cpu-ms=18446744073709551616",
                "the value has to be a number",
            ),
            ("wall-ms=-1", "the value has to be a number"),
            ("runs=0", "no guest would run"),
            ("guest=../boot/cmdline", "the value has to be letters"),
            ("guest=a/b", "the value has to be letters"),
            ("guest=", "the value has to be letters"),
            ("guest=.hidden", "the value has to be letters"),
        ] {
            let error = refused(&format!("nonce=1 mode=vs {word} arg=1"));
            let expected = format!("/boot/cmdline: `{word}`: {why}");
            assert!(error.starts_with(&expected), "{error}");
        }
    }

    #[test]
    fn a_key_is_there_once() {
        let expected = "/boot/cmdline: `guest=b`: the key is there twice";
        assert_eq!(refused("guest=a guest=b"), expected);
    }

    #[test]
    fn a_word_is_shown_safely_and_not_at_any_length() {
        let error = refused("nonce=a\u{1b}b");
        assert!(
            error.starts_with(r"/boot/cmdline: `nonce=a\u{1b}b`: "),
            "{error}"
        );
        assert!(refused(&"x".repeat(4096)).len() < 200);
    }

    /// The judge is to hear of the error, so the nonce counts whatever else is wrong.
    #[test]
    fn the_nonce_is_found_among_other_words() {
        assert_eq!(nonce("junk check=hosts nonce=00ff"), Some("00ff"));
        for none in ["", "guest=a", "nonce=", "nonce=a\u{1b}b"] {
            assert_eq!(nonce(none), None, "{none}");
        }
    }
}
