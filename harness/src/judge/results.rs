//! The results of the cases that one boot tries: each prints a line that says how it went.

use super::patterns::Matches;
use super::spec::{By, objection_to_pattern};
use super::story::Story;
use super::verdict::Verdict;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How much of a result's line is kept.
const SHOWN: usize = 240;

/// A case that the run tries, and the two lines of which one says how it went. They may come at any time
/// before the last step, and in any order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CaseResult {
    /// Its name in reports; no step, strand or other result may have the same name.
    pub name: String,
    /// Who prints its line.
    pub by: Option<By>,
    /// The regular expression of the line that says that all is well.
    pub pattern: String,
    /// The regular expression of the line that says that it failed.
    pub failed: String,
}

impl CaseResult {
    /// A result whose lines are those of the suite's guests: `CASE <name>: ok` and `CASE <name>: FAILED
    /// <why>`.
    pub fn new(name: impl Into<String>) -> Self {
        let name = name.into();
        let escaped = regex::escape(&name);
        Self {
            pattern: format!("^CASE {escaped}: ok$"),
            failed: format!("^CASE {escaped}: FAILED"),
            by: Some(By::Guest),
            name,
        }
    }

    /// Why it is not fit to judge by, if it is not.
    pub(super) fn objection(&self) -> Option<String> {
        let whose = format!("result `{}`", self.name);
        let ok = objection_to_pattern(&whose, &self.pattern);
        ok.or_else(|| objection_to_pattern(&format!("{whose}, if it failed,"), &self.failed))
    }
}

/// How a case went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// As it should.
    Ok,
    /// Not as it should, as its line says.
    Failed,
    /// Its line did not come.
    Missing,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Missing => "missing",
        })
    }
}

/// The result of a case, so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseOutcome {
    /// The result's name.
    pub name: String,
    /// How the case went.
    pub outcome: Outcome,
    /// The beginning of the line that says so; none if no line came.
    pub line: Option<String>,
}

impl fmt::Display for CaseOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            outcome,
            line,
        } = self;
        match line {
            Some(line) => write!(f, "{name} {outcome} ({line})"),
            None => write!(f, "{name} is {outcome}"),
        }
    }
}

/// The results so far, in the order of the story. Their size does not depend on the number of lines.
#[derive(Debug)]
pub(super) struct Results<'s> {
    story: &'s Story,
    found: Vec<CaseOutcome>,
}

impl<'s> Results<'s> {
    /// At the start: all are missing.
    pub(super) fn new(story: &'s Story) -> Self {
        let missing = |result: &CaseResult| CaseOutcome {
            name: result.name.clone(),
            outcome: Outcome::Missing,
            line: None,
        };
        let found = story.spec().results.iter().map(missing).collect();
        Self { story, found }
    }

    /// Gives a line to the first result that it is the line of, and that had none yet; says whether
    /// there is one.
    pub(super) fn take(&mut self, line: &str, matches: &Matches) -> bool {
        for (found, patterns) in self.found.iter_mut().zip(&self.story.results) {
            let Some(outcome) = patterns.outcome(matches) else {
                continue;
            };
            if found.outcome == Outcome::Missing {
                found.outcome = outcome;
                found.line = Some(beginning(line).to_owned());
                return true;
            }
        }
        false
    }

    /// The objection to a line that is the second one of a result.
    pub(super) fn stray(&self, line: &str, matches: &Matches) -> Option<Verdict> {
        let mut results = self.found.iter().zip(&self.story.results);
        let is_its = |(found, patterns): &(&CaseOutcome, &ResultPatterns)| {
            found.outcome != Outcome::Missing && patterns.outcome(matches).is_some()
        };
        let (found, _) = results.find(is_its)?;
        Some(Verdict::Diverged {
            line: line.to_owned(),
            belongs_to: found.name.clone(),
            awaited: None,
        })
    }

    /// How many have come.
    pub(super) fn lines(&self) -> u64 {
        let come = self.found.iter();
        come.filter(|found| found.outcome != Outcome::Missing)
            .count() as u64
    }

    /// All of them.
    pub(super) fn found(&self) -> &[CaseOutcome] {
        &self.found
    }

    /// The objection to a pass: those that are not ok.
    pub(super) fn objection(&self) -> Option<Verdict> {
        let wrong = self.found.iter();
        let wrong = wrong.filter(|found| found.outcome != Outcome::Ok);
        let results: Vec<_> = wrong.cloned().collect();
        let of = self.found.len();
        (!results.is_empty()).then_some(Verdict::ResultsWrong { of, results })
    }
}

/// The numbers of the patterns of a result.
#[derive(Debug)]
pub(super) struct ResultPatterns {
    pub(super) ok: usize,
    pub(super) failed: usize,
}

impl ResultPatterns {
    /// What a line says of the case, if it is one of its lines. A line that says both says that it failed.
    fn outcome(&self, matches: &Matches) -> Option<Outcome> {
        if matches.matched(self.failed) {
            return Some(Outcome::Failed);
        }
        matches.matched(self.ok).then_some(Outcome::Ok)
    }
}

fn beginning(line: &str) -> &str {
    let end = line.char_indices().nth(SHOWN);
    end.map_or(line, |(at, _)| &line[..at])
}
