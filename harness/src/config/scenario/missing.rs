//! What a scenario lacks: all of it at once, so that nobody has to run it again for each key.

use super::layers::{At, Merged};
use super::raw::{self, applies};
use crate::arch::Arch;
use crate::config::Source;
use crate::error::ConfigError;
use std::ops::Range;
use toml::Spanned;

/// What is lacking, and where: in which layer, and where in its file.
#[derive(Default)]
pub struct Missing(Vec<(Option<usize>, Range<usize>, String)>);

/// Looks for all that has to be there.
pub fn of(merged: &Merged, arch: Arch, missing: &mut Missing) {
    if merged.end.is_none() {
        missing.as_a_whole(
            "has no `end`: how the machine must end, \"shutdown\", \"reset\" or \"panic\"".into(),
        );
    }
    let must = |step: &At<Spanned<raw::Step>>| !step.value.get_ref().optional;
    let no_lines = merged.strands.is_empty() && merged.results.is_empty();
    if no_lines && !merged.steps.iter().any(must) {
        missing.as_a_whole(format!(
            "asks for nothing on {arch}: without a [[step]] that must happen, a [[strand]] or a \
             [[result]], every run would pass"
        ));
    }
    for step in &merged.steps {
        let raw = step.value.get_ref();
        missing.in_part("[[step]]", step, "name", raw.name.is_none());
        missing.in_part("[[step]]", step, "pattern", raw.pattern.is_none());
    }
    for strand in &merged.strands {
        missing.of_strand(strand, arch);
    }
    for send in &merged.sends {
        let raw = send.value.get_ref();
        missing.in_part("[[send]]", send, "after", raw.after.is_none());
        missing.in_part("[[send]]", send, "text", raw.text.is_none());
    }
    for result in &merged.results {
        let raw = result.value.get_ref();
        missing.in_part("[[result]]", result, "name", raw.name.is_none());
        let pattern = raw.pattern.is_none() && raw.failed.is_some();
        missing.in_part("[[result]]", result, "pattern", pattern);
        let failed = raw.failed.is_none() && raw.pattern.is_some();
        missing.in_part("[[result]]", result, "failed", failed);
    }
    for forbid in &merged.forbidden {
        let lacks = forbid.value.get_ref().pattern.is_none();
        missing.in_part("[[forbid]]", forbid, "pattern", lacks);
    }
    if let Some(At { value, layer }) = &merged.disk {
        for (at, key) in value.lacking() {
            let what = format!("this [[disk.file]] has no `{key}`");
            missing.0.push((Some(*layer), at, what));
        }
    }
}

impl Missing {
    /// Whether nothing is.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn as_a_whole(&mut self, what: String) {
        self.0.push((None, 0..0, what));
    }

    fn in_part<T>(&mut self, kind: &str, part: &At<Spanned<T>>, key: &str, lacks: bool) {
        if lacks {
            let what = format!("this {kind} has no `{key}`");
            self.0.push((Some(part.layer), part.value.span(), what));
        }
    }

    fn of_strand(&mut self, strand: &At<Spanned<raw::Strand>>, arch: Arch) {
        let raw = strand.value.get_ref();
        self.in_part("[[strand]]", strand, "name", raw.name.is_none());
        let here = |step: &Spanned<raw::StrandStep>| applies(&step.get_ref().arches, arch);
        let (pattern, sequence) = (raw.pattern.is_some(), raw.sequence.is_some());
        if pattern != sequence && raw.steps.is_empty() {
            self.in_part("[[strand]]", strand, "pattern", !pattern);
            self.in_part("[[strand]]", strand, "sequence", !sequence);
        } else if !pattern && !raw.steps.iter().any(here) {
            self.in_part("[[strand]]", strand, "sequence", true);
        }
        for step in raw.steps.iter().filter(|step| here(step)) {
            for (key, lacks) in [
                ("name", step.get_ref().name.is_none()),
                ("pattern", step.get_ref().pattern.is_none()),
            ] {
                if lacks {
                    let what = format!("this [[strand.step]] has no `{key}`");
                    self.0.push((Some(strand.layer), step.span(), what));
                }
            }
        }
    }

    /// All of it as one mistake, at the place of the first.
    pub fn error(self, sources: &[Source]) -> ConfigError {
        let own = sources.len() - 1;
        let source_of = |layer: Option<usize>| &sources[layer.unwrap_or(own)];
        let count = self.0.len();
        let mut found = self.0.into_iter();
        let (layer, at, first) = found.next().unwrap_or((None, 0..0, String::new()));
        if count < 2 {
            return source_of(layer).error(at, None, first);
        }
        let mut message = format!("{count} things are missing: {first}");
        for (layer, at, what) in found {
            let source = source_of(layer);
            let file = source.path().display();
            let place = match layer {
                None => file.to_string(),
                Some(_) => format!("{file}:{}", source.line_at(at.start)),
            };
            message += &format!("\n  {place}: {what}");
        }
        source_of(layer).error(at, None, message)
    }
}
