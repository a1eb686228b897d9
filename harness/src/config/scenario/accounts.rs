//! `[hv]` and `[witness]`: what a scenario wants the hypervisor to report and QEMU to have logged.

use super::raw::applies;
use super::resolve::Context;
use crate::arch::Arch;
use crate::config::template;
use crate::error::ConfigError;
use crate::judge::accounts::{Expected, Wanted};
use crate::judge::hvlog::{Access, Fields, number};
use crate::judge::witness::Class;
use crate::judge::{HvExpected, Lines, Pc};
use crate::suggest;
use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{self, Deserializer, MapAccess, SeqAccess};
use std::collections::BTreeMap;
use std::fmt;
use toml::Spanned;

/// The words of the hypervisor's `end` line.
pub const END_WORDS: [&str; 15] = [
    "outcome",
    "kind",
    "gpa",
    "access",
    "why",
    "class",
    "code",
    "info",
    "budget",
    "limit",
    "pc",
    "exits",
    "npf",
    "mmio",
    "hypercalls",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Hv {
    lines: Option<Spanned<bool>>,
    guests: Option<Spanned<u64>>,
    end: Option<Ends>,
}

type Words = BTreeMap<Spanned<String>, Spanned<Word>>;

/// `end = { … }` for every guest, or `end = [{ … }, { … }]` for each.
enum Ends {
    Every(Words),
    Each(Vec<Words>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Witness {
    npf: Option<Spanned<Count>>,
    #[serde(alias = "hypercall")]
    hypercalls: Option<Spanned<Count>>,
    other: Option<Spanned<Count>>,
    timer: Option<Spanned<Count>>,
    guest_timer: Option<Spanned<Count>>,
    user_call: Option<Spanned<Count>>,
    pc: Option<Pc>,
    line_calls: Option<bool>,
}

/// A number, or a text in which `{name}` is filled.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum Word {
    Number(u64),
    Text(String),
}

/// `npf = 1`, `npf = "{faults}"` or `npf = { min = 1, max = 4, gpa = "{pflash}" }`.
enum Count {
    Exactly(Word),
    Within(Range),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Range {
    count: Option<u64>,
    min: Option<u64>,
    max: Option<u64>,
    gpa: Option<Spanned<Word>>,
    va: Option<Spanned<Word>>,
    access: Option<Access>,
    arches: Option<Vec<Arch>>,
}

impl Hv {
    /// Puts what is said here over what holds without it.
    pub fn resolve(
        self,
        mut hv: HvExpected,
        context: &Context<'_>,
    ) -> Result<HvExpected, ConfigError> {
        if let Some(lines) = self.lines {
            hv.lines = match lines.get_ref() {
                true => Lines::Required,
                false => Lines::Ignored,
            };
            if !lines.get_ref() && (self.guests.is_some() || self.end.is_some()) {
                let message = "is false, and yet says what the lines have to tell";
                return Err(context.source.bad_value("lines", &lines, message));
            }
        }
        let usual = hv.ends.first().cloned().unwrap_or_default();
        let end = |words| end(words, usual.clone(), context);
        match self.end {
            Some(Ends::Every(words)) => hv.ends = vec![end(words)?],
            Some(Ends::Each(list)) => {
                hv.ends = list.into_iter().map(end).collect::<Result<_, _>>()?;
                hv.guests = hv.ends.len() as u64;
            }
            None => {}
        }
        if let Some(guests) = self.guests {
            hv.guests = *guests.get_ref();
            if hv.ends.len() as u64 > hv.guests {
                let message = "is less than there are ends";
                return Err(context.source.bad_value("guests", &guests, message));
            }
        }
        Ok(hv)
    }
}

/// The words of an `end` line, put over those that hold without them.
fn end(words: Words, mut usual: Fields, context: &Context<'_>) -> Result<Fields, ConfigError> {
    for (key, word) in words {
        let name = key.get_ref().as_str();
        if !END_WORDS.contains(&name) {
            let instead = suggest::instead(name, &END_WORDS);
            let message = format!("has no word `{name}`; {instead}");
            return Err(context.source.bad_value("end", &key, message));
        }
        usual.insert(name, &word.get_ref().fill(name, &word, context)?);
    }
    Ok(usual)
}

impl Witness {
    /// What is wanted of QEMU's log; what is not said is as in `usual`.
    pub fn resolve(
        raw: Spanned<Self>,
        usual: &Expected,
        context: &Context<'_>,
    ) -> Result<Expected, ConfigError> {
        let arch = context.machine.arch;
        if context.machine.witness.is_none() {
            let message = format!("the machine file of {arch} does not say how QEMU logs exits");
            return Err(context.source.bad_value("witness", &raw, message));
        }
        let Self {
            npf,
            hypercalls,
            other,
            timer,
            guest_timer,
            user_call,
            pc,
            line_calls,
        } = raw.into_inner();
        let wanted = |key, class, count: Option<Spanned<Count>>| {
            let count = count.filter(|count| count.get_ref().applies(arch));
            count
                .map(|count| wanted(key, class, count, context))
                .transpose()
        };
        Ok(Expected {
            npf: wanted("npf", Class::Npf, npf)?,
            hypercall: wanted("hypercalls", Class::Hypercall, hypercalls)?,
            other: wanted("other", Class::Other, other)?,
            timer: wanted("timer", Class::Timer, timer)?,
            guest_timer: wanted("guest-timer", Class::GuestTimer, guest_timer)?,
            user_call: wanted("user-call", Class::UserCall, user_call)?,
            pc: pc.unwrap_or(usual.pc),
            line_calls: line_calls.unwrap_or(usual.line_calls),
        })
    }
}

impl Count {
    fn applies(&self, arch: Arch) -> bool {
        match self {
            Self::Exactly(_) => true,
            Self::Within(range) => applies(&range.arches, arch),
        }
    }
}

fn wanted(
    key: &str,
    class: Class,
    raw: Spanned<Count>,
    context: &Context<'_>,
) -> Result<Wanted, ConfigError> {
    let bad = |message: &str| Err(context.source.bad_value(key, &raw, message));
    let log = context.machine.witness.as_ref();
    if log.is_some_and(|log| !log.format.tells(class)) {
        let arch = context.machine.arch;
        return bad(&format!(
            "QEMU's log does not tell of these on {arch}; with arches = [...] it is for others only"
        ));
    }
    let range = match raw.get_ref() {
        Count::Exactly(word) => {
            let text = word.fill(key, &raw, context)?;
            let Some(count) = number(&text) else {
                return bad(&format!("`{text}` is not a number"));
            };
            return Ok(Wanted {
                min: count,
                max: count,
                gpa: None,
                va: None,
                access: None,
            });
        }
        Count::Within(range) => range,
    };
    let (min, max) = match (range.count, range.min, range.max) {
        (Some(count), None, None) => (count, count),
        (Some(_), ..) => return bad("has a count, and min or max besides"),
        (None, None, None) => return bad("says how many by none of count, min, max"),
        (None, min, max) => (min.unwrap_or(0), max.unwrap_or(u64::MAX)),
    };
    if min > max {
        return bad("wants more than it allows");
    }
    let has_place = range.gpa.is_some() || range.va.is_some() || range.access.is_some();
    if has_place && class != Class::Npf {
        return bad("has no address or access; npf has");
    }
    if has_place && max == 0 {
        return bad("wants none, and yet says where it is");
    }
    let address = |key, word: &Option<Spanned<Word>>| {
        word.as_ref()
            .map(|word| {
                let text = word.get_ref().fill(key, word, context)?;
                number(&text.to_lowercase()).ok_or_else(|| {
                    let message = format!("`{text}` is not an address");
                    context.source.bad_value(key, word, message)
                })
            })
            .transpose()
    };
    Ok(Wanted {
        min,
        max,
        gpa: address("gpa", &range.gpa)?,
        va: address("va", &range.va)?,
        access: range.access,
    })
}

impl Word {
    /// The text, with its placeholders filled.
    pub fn fill<T>(
        &self,
        key: &str,
        at: &Spanned<T>,
        context: &Context<'_>,
    ) -> Result<String, ConfigError> {
        match self {
            Self::Number(number) => Ok(number.to_string()),
            Self::Text(text) => template::fill(text, context.values, str::to_owned)
                .map_err(|name| context.source.bad_value(key, at, context.no_value(&name))),
        }
    }
}

impl<'de> Deserialize<'de> for Ends {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Ends;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table of words, or a list of such, one for each guest")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Ends, A::Error> {
                Words::deserialize(MapAccessDeserializer::new(map)).map(Ends::Every)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Ends, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(Ends::Each)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Count;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a number, a text that is one, or a table with count, min, max, gpa, va, access, arches",
                )
            }

            fn visit_i64<E: de::Error>(self, count: i64) -> Result<Count, E> {
                let count = count.try_into();
                count
                    .map(|count| Count::Exactly(Word::Number(count)))
                    .map_err(|_| E::custom("a count is not negative"))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Count, E> {
                Ok(Count::Exactly(Word::Text(text.to_owned())))
            }

            fn visit_u64<E: de::Error>(self, count: u64) -> Result<Count, E> {
                Ok(Count::Exactly(Word::Number(count)))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Count, A::Error> {
                Range::deserialize(MapAccessDeserializer::new(map)).map(Count::Within)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests;
