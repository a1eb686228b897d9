//! `[[strand]]`: the lines of one of several tasks.

use super::raw::{self, applies};
use super::resolve::Context;
use crate::error::ConfigError;
use crate::judge::{Course, Strand};
use toml::Spanned;

impl Context<'_> {
    /// A strand, which has a name that none of those `before` has. Strands name those above them.
    pub fn strand(&self, raw: raw::Strand, before: &[Strand]) -> Result<Strand, ConfigError> {
        let raw_name = raw.name.expect("what is missing was looked for");
        let name = raw_name.get_ref().trim();
        let names: Vec<_> = before.iter().map(|strand| strand.name.clone()).collect();
        if name.is_empty() || names.iter().any(|other| other == name) {
            let message = "every strand needs a name of its own";
            return Err(self.source.bad_value("name", &raw_name, message));
        }
        self.known(
            "overlaps",
            &raw.overlaps,
            &names,
            "strand above this one",
            &names,
        )?;
        let course = match (raw.pattern, raw.sequence) {
            (Some(pattern), Some(sequence)) if raw.steps.is_empty() => {
                self.sequence(&pattern, &sequence)?
            }
            (None, None) => self.steps(raw.steps)?,
            (Some(key), _) | (None, Some(key)) => {
                let message = "a strand has either `pattern` and `sequence`, or [[strand.step]]s";
                return Err(self.source.error(key.span(), None, message));
            }
        };
        Ok(Strand {
            name: name.to_owned(),
            by: raw.by,
            course,
            overlaps: raw.overlaps.map_or_else(Vec::new, Spanned::into_inner),
        })
    }

    fn sequence(
        &self,
        raw: &Spanned<String>,
        sequence: &Spanned<String>,
    ) -> Result<Course, ConfigError> {
        let pattern = self.pattern("pattern", raw)?;
        let groups = regex::Regex::new(&pattern).map_or(0, |regex| regex.captures_len() - 1);
        if groups != 1 {
            let message = format!(
                "has {groups} capture groups; a sequence needs one, around the number, as in \
                 '^tick (\\d+)$'; (?:...) groups without capturing"
            );
            return Err(self.source.bad_value("pattern", raw, message));
        }
        let (first, last) = range(sequence.get_ref()).ok_or_else(|| {
            let message = "is not a range of numbers that holds one: use 0..=256, or 0..257";
            self.source.bad_value("sequence", sequence, message)
        })?;
        Ok(Course::Sequence {
            pattern,
            first,
            last,
        })
    }

    fn steps(&self, raw: Vec<Spanned<raw::StrandStep>>) -> Result<Course, ConfigError> {
        let mut steps = Vec::new();
        for step in raw {
            let step = step.into_inner();
            if applies(&step.arches, self.machine.arch) {
                steps.push(self.step(step.into_step(), &steps)?);
            }
        }
        Ok(Course::Steps(steps))
    }
}

/// The first and the last number of `A..=B` or `A..B`.
fn range(text: &str) -> Option<(u64, u64)> {
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let (first, rest) = text.split_once("..")?;
    let first = number(first)?;
    let last = match rest.strip_prefix('=') {
        Some(last) => number(last)?,
        None => number(rest)?.checked_sub(1)?,
    };
    (first <= last).then_some((first, last))
}
