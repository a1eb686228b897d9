//! The parameters of a run: `key=value` words that the harness puts on the disk.

use alloc::{borrow::ToOwned, string::String};

use crate::vm::{budget::Budgets, run::Refusals};

/// The words of `/boot/cmdline`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Params {
    /// The secret of this run: with it, event lines are printed (`nonce=`).
    pub nonce: Option<String>,
    /// The guest to run, a file of `/sbin` (`guest=`).
    pub guest: String,
    /// A second guest, which runs after the first has ended, however it ended (`then=`).
    pub then: Option<String>,
    /// How to run them: one of the architecture's modes (`mode=`).
    pub mode: Option<String>,
    /// A number for the guest, which finds it in a register (`arg=`, decimal or `0x…`).
    pub arg: u64,
    /// How many times the first guest runs, with its number one higher each time (`runs=`).
    pub runs: u64,
    /// Whether the host's own registers are compared around each turn of the guest (`check=host`).
    pub check_host: bool,
    /// What happens when a guest's kernel executes something that it has no right to (`refused=kill` or
    /// `refused=inject`).
    pub refusals: Refusals,
    /// What the guest may cost.
    pub budgets: Budgets,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            nonce: None,
            guest: "gkernel".to_owned(),
            then: None,
            mode: None,
            arg: 0,
            runs: 1,
            check_host: false,
            refusals: Refusals::default(),
            budgets: Budgets::default(),
        }
    }
}

impl Params {
    /// Parses the words of `text`. Unknown words, and values that cannot be a plain file name or
    /// number, are skipped: the disk may come from another version.
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
            params.set(key, value);
        }
        params
    }

    fn set(&mut self, key: &str, value: &str) {
        match key {
            "nonce" => self.nonce = Some(value.to_owned()),
            "guest" => self.guest = value.to_owned(),
            "then" => self.then = Some(value.to_owned()),
            "mode" => self.mode = Some(value.to_owned()),
            "check" => self.check_host = value == "host",
            "arg" => set_number(&mut self.arg, value),
            "runs" => set_number(&mut self.runs, value),
            "refused" => self.refusals = refusals(value).unwrap_or(self.refusals),
            "cpu-ms" => set_number(&mut self.budgets.cpu_ms, value),
            "stalled-exits" => set_number(&mut self.budgets.stalled_exits, value),
            "total-cpu-ms" => set_number(&mut self.budgets.total_cpu_ms, value),
            "total-exits" => set_number(&mut self.budgets.total_exits, value),
            "total-bytes" => set_number(&mut self.budgets.total_bytes, value),
            "wall-ms" => set_number(&mut self.budgets.wall_ms, value),
            _ => {}
        }
    }
}

fn refusals(word: &str) -> Option<Refusals> {
    match word {
        "kill" => Some(Refusals::Kill),
        "inject" => Some(Refusals::Inject),
        _ => None,
    }
}

fn set_number(number: &mut u64, text: &str) {
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    if let Ok(parsed) = parsed {
        *number = parsed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_words() {
        let params = Params::parse("nonce=00ff guest=npf-outside later=1 junk\n");
        assert_eq!(params.nonce.as_deref(), Some("00ff"));
        assert_eq!(params.guest, "npf-outside");
    }

    #[test]
    fn numbers_are_decimal_or_hexadecimal_and_nonsense_is_passed_over() {
        let params = Params::parse("arg=0x80 cpu-ms=20 stalled-exits=many check=host then=two");
        assert_eq!(
            (params.arg, params.runs, params.budgets.cpu_ms),
            (0x80, 1, 20)
        );
        assert_eq!(
            params.budgets.stalled_exits,
            Params::default().budgets.stalled_exits
        );
        assert!(params.check_host);
        assert_eq!(params.then.as_deref(), Some("two"));
    }

    #[test]
    fn a_guest_outside_its_folder_is_not_taken() {
        for word in [
            "guest=../boot/cmdline",
            "guest=a/b",
            "guest=",
            "guest=.hidden",
            "nonce=a\u{1b}b",
        ] {
            assert_eq!(Params::parse(word), Params::default(), "{word}");
        }
    }
}
