//! What executes the guest's instructions: QEMU itself (TCG), or the computer's own processor (KVM).

use crate::suggest;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What a machine runs with, as QEMU says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Accelerator {
    /// QEMU translates the instructions.
    Tcg,
    /// The computer's processor executes them.
    Kvm,
}

impl fmt::Display for Accelerator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Tcg => "tcg",
            Self::Kvm => "kvm",
        })
    }
}

/// What a machine is to run with: `--accel`, or the key `accel` of a machine's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accel {
    /// This one, or there is no run.
    Fixed(Accelerator),
    /// KVM where it can be used and costs no account of the run, else TCG; the report says which, and why.
    Auto,
}

impl Accel {
    /// The words for them.
    pub const NAMES: [&str; 3] = ["tcg", "kvm", "auto"];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fixed(Accelerator::Tcg) => "tcg",
            Self::Fixed(Accelerator::Kvm) => "kvm",
            Self::Auto => "auto",
        }
    }
}

/// The error for a word that is no accelerator's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no accelerator `{name}`; {}", suggest::instead(name, &Accel::NAMES))]
pub struct UnknownAccel {
    name: String,
}

impl FromStr for Accel {
    type Err = UnknownAccel;

    fn from_str(name: &str) -> Result<Self, UnknownAccel> {
        match name {
            "tcg" => Ok(Self::Fixed(Accelerator::Tcg)),
            "kvm" => Ok(Self::Fixed(Accelerator::Kvm)),
            "auto" => Ok(Self::Auto),
            _ => Err(UnknownAccel { name: name.into() }),
        }
    }
}

/// The accelerators that QEMU's arguments name, each with the number of the argument that does: `-accel NAME,…`,
/// `-machine …,accel=NAME:NAME`, `-enable-kvm` (QEMU's manual, "Invocation").
pub fn named_in<'a>(args: &'a [impl AsRef<str>]) -> Vec<(usize, &'a str)> {
    let mut named = Vec::new();
    let words: Vec<&'a str> = args.iter().map(AsRef::as_ref).collect();
    for (nth, word) in words.iter().enumerate() {
        let Some(option) = word.strip_prefix("--").or(word.strip_prefix('-')) else {
            continue;
        };
        let value = words.get(nth + 1).copied().unwrap_or_default();
        match option {
            "enable-kvm" => named.push((nth, "kvm")),
            "accel" => {
                let name = value.split(',').next().unwrap_or_default();
                let name = name.strip_prefix("accel=").unwrap_or(name);
                named.push((nth + 1, name));
            }
            "machine" | "M" => {
                let lists = value
                    .split(',')
                    .filter_map(|item| item.strip_prefix("accel="));
                named.extend(
                    lists
                        .flat_map(|list| list.split(':'))
                        .map(|name| (nth + 1, name)),
                );
            }
            _ => {}
        }
    }
    named
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read_and_a_slip_is_told() {
        for name in Accel::NAMES {
            assert!(name.parse::<Accel>().is_ok(), "{name}");
        }
        let error = "kvmm".parse::<Accel>().unwrap_err().to_string();
        assert!(error.contains("did you mean `kvm`?"), "{error}");
        assert!("".parse::<Accel>().is_err());
    }

    #[test]
    fn accelerators_are_found_wherever_qemu_takes_them() {
        let found = |args: &str| {
            let args: Vec<_> = args.split(' ').collect();
            let named = named_in(&args).into_iter();
            named
                .map(|(at, name)| format!("{at} {name}"))
                .collect::<Vec<_>>()
        };
        assert_eq!(found("-enable-kvm -m 1G"), ["0 kvm"]);
        assert_eq!(found("-m 1G -accel kvm"), ["3 kvm"]);
        assert_eq!(found("--accel accel=tcg,thread=single"), ["1 tcg"]);
        assert_eq!(found("-machine virt,accel=kvm:tcg"), ["1 kvm", "1 tcg"]);
        assert_eq!(found("-M accel=hvf,usb=off"), ["1 hvf"]);
        assert_eq!(found("-accel"), ["1 "]);
        assert_eq!(found("-machine virt -append accel=kvm -kernel -"), [""; 0]);
    }
}
