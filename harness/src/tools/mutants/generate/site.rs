//! A place in a source where a defect can be put, and the defect: one edit of the text.

use crate::arch::Arch;
use serde::Serialize;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// What a site is, for people and for the order of the scenarios that are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A bit, a mask or a field that confines the guest.
    Bit,
    /// A row of a table of what a guest has.
    Row,
    /// A bound on an address, a size or a cost.
    Bound,
    /// A statement: a fence, a flush, zeroing, an assignment of a control.
    Step,
    /// A register that is saved or loaded.
    Register,
}

/// A place in a file that a finder has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What it is.
    pub kind: Kind,
    /// The bytes that are replaced.
    pub range: Range<usize>,
    /// The text that comes in their place.
    pub replacement: String,
    /// The last part of the ID, such as `VMLOAD-dropped`.
    pub what: String,
}

/// A mutant that can be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Its stable name: where, in which item, and what is changed.
    pub id: String,
    /// What it is.
    pub kind: Kind,
    /// The file, relative to the workspace.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// The architecture that the code belongs to; none if it is everybody's.
    pub arch: Option<Arch>,
    /// The text that is replaced, on one line.
    pub before: String,
    /// The text that comes in its place, on one line.
    pub after: String,
    range: Range<usize>,
    replacement: String,
}

impl Site {
    /// The file's text with the defect in it; none if the text is not the one that the site was found in.
    pub fn apply(&self, text: &str) -> Option<String> {
        let before = text.get(self.range.clone())?;
        if one_line(before) != self.before {
            return None;
        }
        let mut mutant = text.to_owned();
        mutant.replace_range(self.range.clone(), &self.replacement);
        Some(mutant)
    }

    /// The file's name without its ending.
    pub fn stem(&self) -> &str {
        self.file
            .file_stem()
            .and_then(|stem| stem.to_str())
            .unwrap_or_default()
    }
}

/// The items of a file: what has a name that others find it by.
#[derive(Debug, Default)]
pub struct Items(Vec<(Range<usize>, String)>);

impl Items {
    /// Adds an item that covers these bytes.
    pub fn add(&mut self, range: Range<usize>, name: String) {
        self.0.push((range, name));
    }

    /// The name of the smallest item around a byte.
    fn around(&self, at: usize) -> Option<&str> {
        let around = self.0.iter().filter(|(range, _)| range.contains(&at));
        let smallest = around.min_by_key(|(range, _)| range.len());
        smallest.map(|(_, name)| name.as_str())
    }
}

/// Makes sites of what was found in a file. `file` is relative to the workspace. The places are in the
/// file's order, and each name is there once: a second one of the same name gets a number.
pub fn named(file: &Path, text: &str, items: &Items, mut found: Vec<Found>) -> Vec<Site> {
    found.sort_by(|a, b| {
        (a.range.start, a.range.end, &a.what).cmp(&(b.range.start, b.range.end, &b.what))
    });
    found.dedup();
    let (arch, home) = home(file);
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let site = |found: Found| {
        let item = items.around(found.range.start).unwrap_or("file");
        let mut id = format!("{home}/{item}/{}", found.what);
        let count = seen.entry(id.clone()).or_default();
        *count += 1;
        if *count > 1 {
            id += &format!("-{count}");
        }
        let (start, end) = (found.range.start, found.range.end);
        Site {
            id,
            kind: found.kind,
            file: file.to_owned(),
            line: 1 + text[..start].matches('\n').count(),
            arch,
            before: one_line(&text[start..end]),
            after: one_line(&found.replacement),
            range: found.range,
            replacement: found.replacement,
        }
    };
    found.into_iter().map(site).collect()
}

/// The architecture of a file, and how the IDs of its sites begin.
fn home(file: &Path) -> (Option<Arch>, String) {
    let folder = file.parent().unwrap_or(Path::new(""));
    let parts: Vec<_> = folder.iter().filter_map(|part| part.to_str()).collect();
    let file_stem = file.file_stem().and_then(|stem| stem.to_str());
    let stem = file_stem.unwrap_or_default();
    // An architecture's folder has folders of its own.
    let own = parts.iter().position(|part| part.parse::<Arch>().is_ok());
    match own {
        Some(at) => (
            parts[at].parse().ok(),
            format!("{}/{stem}", parts[at..].join("/")),
        ),
        None => (
            None,
            format!("{}/{stem}", parts.last().copied().unwrap_or_default()),
        ),
    }
}

fn one_line(text: &str) -> String {
    let words: Vec<_> = text.split_whitespace().collect();
    words.join(" ")
}

/// How long a part of an ID may be.
const LONGEST: usize = 48;

/// A text as a part of an ID: its letters and digits, and `-` for whatever is between them. Of a long text
/// it is the first words.
pub fn slug(text: &str) -> String {
    let kept = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.');
    let mut slug = String::new();
    for part in kept.filter(|part| !part.is_empty()) {
        if !slug.is_empty() && slug.len() + part.len() > LONGEST {
            break;
        }
        if !slug.is_empty() {
            slug.push('-');
        }
        slug.push_str(part);
    }
    slug
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_stable_and_unique() {
        let mut items = Items::default();
        items.add(0..20, "Region.drop".into());
        let found = |range: Range<usize>| Found {
            kind: Kind::Step,
            range,
            replacement: "()".into(),
            what: "fill-dropped".into(),
        };
        let file = Path::new("hypervisor/src/arch/x86_64/pages.rs");
        let text = "fill();\nfill();\n";
        let sites = named(file, text, &items, vec![found(8..14), found(0..6)]);
        let ids: Vec<_> = sites.iter().map(|site| site.id.as_str()).collect();
        let first = "x86_64/pages/Region.drop/fill-dropped";
        assert_eq!(ids, [first, &format!("{first}-2")]);
        assert_eq!((sites[1].line, sites[1].arch), (2, Some(Arch::X86_64)));
        assert_eq!(sites[1].apply(text).as_deref(), Some("fill();\n();\n"));
        for other in ["fill();\n", "fill();\ngone();\n"] {
            assert_eq!(sites[1].apply(other), None, "another text");
        }
        let shared = named(
            Path::new("hypervisor/src/memory/a.rs"),
            text,
            &items,
            vec![found(0..6)],
        );
        assert_eq!((shared[0].arch, shared[0].stem()), (None, "a"));
        let inner = Path::new("hypervisor/src/arch/x86_64/apic/timer.rs");
        let inner = named(inner, text, &items, vec![found(0..6)]);
        assert_eq!(inner[0].id, "x86_64/apic/timer/Region.drop/fill-dropped");
        assert_eq!(inner[0].arch, Some(Arch::X86_64));
    }

    #[test]
    fn a_slug_is_made_of_words() {
        assert_eq!(slug("mov    {}, dr0"), "mov-dr0");
        assert_eq!(slug("Self::P | x.y"), "Self-P-x.y");
        assert_eq!(slug(&"word ".repeat(20)).len(), 49);
    }
}
