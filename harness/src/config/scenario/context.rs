//! Resolves the parts of a scenario: steps, forbidden lines, words and patterns.

use super::raw;
use super::resolve::PARAMS;
use crate::config::challenge;
use crate::config::machine::Machine;
use crate::config::template::{self, Values};
use crate::config::{Source, is_word, parse_duration};
use crate::error::ConfigError;
use crate::judge::{Forbidden, Step};
use crate::suggest;
use std::time::Duration;
use toml::Spanned;

/// What is needed to resolve a part of a scenario.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Where the part is written.
    pub source: &'a Source,
    /// The machine it is for.
    pub machine: &'a Machine,
    /// What `{name}` stands for.
    pub values: &'a Values,
}

/// What was found to be there before anything was resolved.
fn given<T>(value: Option<T>) -> T {
    value.expect("what is missing was looked for")
}

impl Context<'_> {
    /// A step, which has a name that none of those `before` has.
    pub fn step(&self, raw: raw::Step, before: &[Step]) -> Result<Step, ConfigError> {
        let (raw_name, pattern) = (given(raw.name), given(raw.pattern));
        let name = raw_name.get_ref().trim();
        if name.is_empty() || before.iter().any(|step| step.name == name) {
            let message = "every step needs a name of its own";
            return Err(self.source.bad_value("name", &raw_name, message));
        }
        if let Some(count) = raw.count.as_ref().filter(|count| *count.get_ref() == 0) {
            let message = "a step that happens 0 times is a [[forbid]]";
            return Err(self.source.bad_value("count", count, message));
        }
        let near = raw.near.map(|near| self.pattern("near", &near));
        let within = raw.within.map(|within| self.duration("within", &within));
        Ok(Step {
            name: name.to_owned(),
            pattern: self.pattern("pattern", &pattern)?,
            near: near.transpose()?,
            by: raw.by,
            unique: raw.unique,
            optional: raw.optional,
            count: raw.count.map_or(1, Spanned::into_inner),
            within: within.transpose()?,
            after: raw.after.map_or_else(Vec::new, Spanned::into_inner),
        })
    }

    /// A forbidden line, whose bounds are among these steps.
    pub fn forbidden(&self, raw: raw::Forbid, steps: &[String]) -> Result<Forbidden, ConfigError> {
        let bound = |key: &str, name: Option<Spanned<String>>| match name {
            Some(name) if !steps.contains(name.get_ref()) => {
                let there = suggest::instead(name.get_ref(), steps);
                let message = format!("there is no such step; {there}");
                Err(self.source.bad_value(key, &name, message))
            }
            name => Ok(name.map(Spanned::into_inner)),
        };
        let except = raw.except.map(|except| self.pattern("except", &except));
        Ok(Forbidden {
            pattern: self.pattern("pattern", &given(raw.pattern))?,
            by: raw.by,
            except: except.transpose()?,
            from: bound("from", raw.from)?,
            until: bound("until", raw.until)?,
        })
    }

    /// That each name of a list is one of these. For another one, those to suggest are in `like`.
    pub fn known(
        &self,
        key: &str,
        list: &Option<Spanned<Vec<String>>>,
        names: &[String],
        what: &str,
        like: &[String],
    ) -> Result<(), ConfigError> {
        let Some(list) = list else { return Ok(()) };
        let mut unknown = list.get_ref().iter().filter(|name| !names.contains(name));
        unknown.next().map_or(Ok(()), |name| {
            let there = suggest::instead(name, like);
            let message = format!("there is no {what} `{name}`; {there}");
            Err(self.source.bad_value(key, list, message))
        })
    }

    /// That a placeholder stands for nothing.
    pub fn no_value(&self, name: &str) -> String {
        let arch = self.machine.arch;
        format!(
            "{{{name}}} has no value on {arch}: none in [values], in a `values-from` file, or in the \
             machine's file"
        )
    }

    /// A word for the hypervisor.
    pub fn param(
        &self,
        key: &Spanned<String>,
        word: &Spanned<super::accounts::Word>,
    ) -> Result<String, ConfigError> {
        let name = key.get_ref().as_str();
        if !PARAMS.contains(&name) {
            let message = format!("is no parameter; {}", suggest::instead(name, &PARAMS));
            return Err(self.source.bad_value(name, key, message));
        }
        let value = word.get_ref().fill(name, word, self)?;
        if !is_word(&value) {
            let message = format!(
                "`{value}` is not one word of letters, digits, `-`, `_` and `.`, as the \
                 hypervisor takes it"
            );
            return Err(self.source.bad_value(name, word, message));
        }
        Ok(value)
    }

    pub fn mode(&self, raw: Spanned<String>) -> Result<String, ConfigError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if raw.get_ref().is_empty() || !raw.get_ref().chars().all(plain) {
            return Err(self.source.bad_value("mode", &raw, "is not a mode's name"));
        }
        Ok(raw.into_inner())
    }

    /// A text with its placeholders filled.
    pub fn filled(&self, key: &str, raw: &Spanned<String>) -> Result<String, ConfigError> {
        template::fill(raw.get_ref(), self.values, str::to_owned)
            .map_err(|name| self.source.bad_value(key, raw, self.no_value(&name)))
    }

    /// Fills the placeholders of a pattern and checks that it is one.
    pub fn pattern(&self, key: &str, raw: &Spanned<String>) -> Result<String, ConfigError> {
        let bad = |message| self.source.bad_value(key, raw, message);
        let text = match self.values.contains_key("challenge") {
            true => raw.get_ref().clone(),
            false => challenge::any(raw.get_ref(), self.machine),
        };
        let text = template::fill(&text, self.values, regex::escape)
            .map_err(|name| bad(self.no_value(&name)))?;
        let regex = regex::Regex::new(&text).map_err(|error| bad(error.to_string()))?;
        if regex.is_match("") {
            return Err(bad(
                "matches an empty line, so it would prove nothing".into()
            ));
        }
        Ok(text)
    }

    pub fn duration(&self, key: &str, raw: &Spanned<String>) -> Result<Duration, ConfigError> {
        parse_duration(raw.get_ref()).map_err(|e| self.source.bad_value(key, raw, e))
    }
}
