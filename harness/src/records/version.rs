//! The version of a run's records.

use crate::arch::Arch;
use crate::config::scenario::Scenario;
use crate::judge::StorySpec;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The version that is written, in `run.json` (which speaks for `events.jsonl` too), `story.json` and
/// `verdict.json`. Those without one are from before there were versions, and are read all the same.
/// It grows with a change that an older harness would misunderstand: with 2 came strands, and lines that are
/// forbidden only for a time; with 3 what the harness itself knows of the programs; with 4 the results of cases.
pub const VERSION: u32 = 4;

/// The version of a file, whatever else the file holds.
#[derive(Deserialize)]
pub struct Versioned {
    #[serde(default)]
    version: u64,
}

impl Versioned {
    /// Why this harness cannot read a file, if the file is of a later version.
    pub fn objection(&self) -> Option<String> {
        (self.version > u64::from(VERSION)).then(|| {
            format!(
                "it is of version {} of the records, and this harness ({}) knows them up to {VERSION}; \
                 judge it with the harness that made it, or a later one",
                self.version,
                env!("CARGO_PKG_VERSION")
            )
        })
    }
}

/// The contents of `story.json`: the story of a run, and its time limits.
#[derive(Debug, Serialize, Deserialize)]
pub struct StoryFile<P = StorySpec> {
    /// The version of the records.
    #[serde(default)]
    pub version: u32,
    /// The architecture.
    pub arch: Option<Arch>,
    /// How long the run might take.
    pub timeout: Option<Duration>,
    /// The longest time without a step.
    pub silence: Option<Duration>,
    /// The story.
    #[serde(flatten)]
    pub spec: P,
}

impl<'s> StoryFile<&'s StorySpec> {
    /// For a scenario that is about to run.
    pub fn of(arch: Arch, scenario: &'s Scenario, timeout: Duration) -> Self {
        Self {
            version: VERSION,
            arch: Some(arch),
            timeout: Some(timeout),
            silence: scenario.silence,
            spec: scenario.story.spec(),
        }
    }
}

/// A path as text, for JSON; parts that are not UTF-8 are replaced.
pub fn lossy<S: serde::Serializer>(path: &std::path::Path, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&path.to_string_lossy())
}
