//! The list of equivalents: mutants that no run and no test can tell from the original, each with its reason.

use super::outcome::{Fate, Row};
use super::site::Site;
use crate::config::source::Source;
use crate::error::Error;
use crate::project::Project;
use serde::Deserialize;

/// The list.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Equivalents {
    #[serde(default)]
    equivalent: Vec<Equivalent>,
}

/// An entry of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Equivalent {
    /// The mutant's ID; `*` stands for any text.
    id: String,
    /// Why nothing can tell it.
    reason: String,
}

impl Equivalents {
    /// Reads the list of a workspace. Without a file it is empty.
    pub fn read(project: &Project) -> Result<Self, Error> {
        let file = project.equivalents();
        if !file.exists() {
            return Ok(Self::default());
        }
        Ok(Source::read(&file)?.parse()?)
    }

    /// Why a mutant is equivalent, if it is on the list.
    pub fn reason(&self, id: &str) -> Option<&str> {
        let entry = self.equivalent.iter().find(|entry| matches(&entry.id, id));
        entry.map(|entry| entry.reason.as_str())
    }

    /// What is wrong with the list: entries without a reason, those that name no site, and those whose
    /// mutant was killed.
    pub fn mistakes(&self, sites: &[Site], rows: &[Row]) -> Vec<String> {
        let mut mistakes = Vec::new();
        for Equivalent { id, reason } in &self.equivalent {
            if reason.trim().is_empty() {
                mistakes.push(format!("`{id}` has no reason"));
            }
            if !sites.iter().any(|site| matches(id, &site.id)) {
                mistakes.push(format!("`{id}` names no mutant"));
            }
            let of_it = rows.iter().filter(|row| matches(id, &row.id));
            for row in of_it.filter(|row| row.fate == Fate::Killed) {
                let Row { id: killed, by, .. } = row;
                mistakes.push(format!("`{id}` is no equivalent: {by} kills {killed}"));
            }
        }
        mistakes
    }
}

/// Whether a name is what a pattern says, in which `*` stands for any text.
pub fn matches(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(name) = name.strip_prefix(start) else {
        return false;
    };
    (0..=name.len()).any(|at| name.is_char_boundary(at) && matches(rest, &name[at..]))
}

#[cfg(test)]
mod tests {
    use super::super::outcome::tests::row;
    use super::super::site::{Found, Items, Kind, named};
    use super::*;
    use std::path::Path;

    fn list(text: &str) -> Equivalents {
        Source::from_text("equivalents.toml", text).parse().unwrap()
    }

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, name) in [
            ("a", "a"),
            ("a*", "a"),
            ("*b/*", "ab/c"),
            ("a*c*e", "abcde"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("a", "ab"), ("a*c", "abd"), ("*b", "a")] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn an_entry_has_a_reason_and_a_mutant_that_nothing_kills() {
        let found = Found {
            kind: Kind::Step,
            range: 0..1,
            replacement: String::new(),
            what: "b-dropped".into(),
        };
        let file = Path::new("hypervisor/src/vm/a.rs");
        let sites = named(file, "b", &Items::default(), vec![found]);
        let entry = |id: &str, reason: &str| {
            list(&format!(
                "[[equivalent]]\nid = '{id}'\nreason = '{reason}'\n"
            ))
        };
        let id = "vm/a/file/b-dropped";
        assert_eq!(sites[0].id, id);
        let survived = [row(id, Fate::Survived)];
        let good = entry("vm/a/*", "why");
        assert_eq!(good.mistakes(&sites, &survived), [""; 0]);
        assert_eq!((good.reason(id), good.reason("vm/b")), (Some("why"), None));
        let mistakes = |list: Equivalents, fate| list.mistakes(&sites, &[row(id, fate)]);
        assert_eq!(
            mistakes(entry(id, " "), Fate::Survived),
            [format!("`{id}` has no reason")]
        );
        assert_eq!(
            mistakes(entry("c", "why"), Fate::Survived),
            ["`c` names no mutant"]
        );
        let killed = mistakes(entry(id, "why"), Fate::Killed);
        assert_eq!(
            killed,
            [format!("`{id}` is no equivalent: a-case kills {id}")]
        );
    }
}
