//! The audits of a recorded run: each snapshot, and what in it was not declared.

use crate::error::Error;
use crate::judge::audit::{Breach, Expected, Regions, Snapshot, table};
use crate::judge::event::Event;
use crate::judge::trial::each_event;
use crate::records::version::StoryFile;
use crate::records::{self, EVENTS, STORY, packed};
use serde::Serialize;
use std::fmt::Write;
use std::io::BufReader;
use std::path::Path;

/// The audits of a run.
#[derive(Debug, Serialize)]
pub struct Audits {
    /// What was declared; none if the run was not held against anything.
    pub expected: Option<Expected>,
    /// Each time that the machine was looked at.
    pub audits: Vec<Audit>,
}

/// A snapshot, and what in it was not declared.
#[derive(Debug, Serialize)]
pub struct Audit {
    /// What the machine held.
    pub snapshot: Snapshot,
    /// What in that was not declared.
    pub breaches: Vec<Breach>,
    #[serde(skip)]
    table: String,
}

impl Audits {
    /// Reads the audits of the run whose records are in a folder. The records may be of anybody's making.
    ///
    /// # Errors
    ///
    /// The records cannot be read, or the run was not audited.
    pub fn read(dir: &Path) -> Result<Self, Error> {
        let story: StoryFile = records::read_json(dir, STORY)?;
        let expected = story.spec.audit;
        let events = dir.join(EVENTS);
        let unusable = |e| Error::Usage(format!("{} cannot be read: {e}", events.display()));
        let file = packed::open(dir, EVENTS).map_err(unusable)?;
        let mut regions = Regions::default();
        let mut audits = Vec::new();
        let read = each_event(BufReader::new(file), |_, event| {
            let Event::Audit(snapshot) = event else {
                return;
            };
            if !snapshot.regions.is_empty() {
                regions = Regions::new(snapshot.regions.clone());
            }
            let breaches = expected
                .as_ref()
                .map(|expected| expected.breaches(snapshot, &regions));
            audits.push(Audit {
                breaches: breaches.unwrap_or_default(),
                table: table(snapshot, &regions, expected.as_ref()),
                snapshot: (**snapshot).clone(),
            });
        });
        read.map_err(unusable)?;
        if audits.is_empty() {
            return Err(Error::Usage(format!(
                "the run in {} was not audited: its scenario has no [audit], or the guest never ran",
                dir.display()
            )));
        }
        Ok(Self { expected, audits })
    }

    /// Whether something was not declared.
    pub fn has_breach(&self) -> bool {
        self.audits.iter().any(|audit| !audit.breaches.is_empty())
    }

    /// As text: a line for each audit, and the table of one: the first with a breach, or else the one that
    /// has most in it.
    pub fn human(&self) -> String {
        let mut text = String::new();
        for Audit {
            snapshot, breaches, ..
        } in &self.audits
        {
            let mappings = snapshot.mappings.len();
            let found = match (breaches.len(), &self.expected) {
                (_, None) => "held against nothing".to_owned(),
                (0, _) => "as declared".to_owned(),
                (1, _) => "1 BREACH".to_owned(),
                (many, _) => format!("{many} BREACHES"),
            };
            let (at, took) = (&snapshot.at, snapshot.took_ms);
            let mappings = match mappings {
                1 => "1 mapping".into(),
                count => format!("{count} mappings"),
            };
            let _ = writeln!(text, "{at}: {mappings}, {found} ({took:.1} ms)");
        }
        let shown = self.audits.iter().find(|audit| !audit.breaches.is_empty());
        let shown = shown.or_else(|| self.audits.iter().max_by_key(|audit| audit.weight()));
        let Some(audit) = shown else { return text };
        let _ = write!(text, "\n{}", audit.table);
        if !audit.breaches.is_empty() {
            text.push_str("\nBreaches\n");
        }
        for breach in &audit.breaches {
            let _ = writeln!(text, "  {breach}");
        }
        text
    }
}

impl Audit {
    /// How much there is to see: at an entry the registers count, and then the mappings.
    fn weight(&self) -> (bool, usize) {
        (self.snapshot.at_entry, self.snapshot.mappings.len())
    }
}
