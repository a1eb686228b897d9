//! What killed mutants before: the same scenario most likely kills one again, and its neighbours.

use super::outcome::{Fate, Line, Row};
use super::site::Site;
use crate::arch::Arch;
use crate::error::Error;
use crate::files;
use std::collections::BTreeMap;
use std::path::Path;

/// How many scenarios that killed neighbours are tried on a mutant before those that its file names.
const NEIGHBOURS: usize = 3;

/// By which scenario each mutant was killed last, whatever the sources were like then.
#[derive(Debug, Default)]
pub struct Memory(BTreeMap<(Arch, String), String>);

impl Memory {
    /// Reads all results that a folder keeps. A line that is none is passed over: a result is only a guess here.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        let mut memory = Self::default();
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(memory),
            Err(error) => return Err(Error::io("read", folder, &error)),
        };
        let mut paths: Vec<_> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|ending| ending == "jsonl"))
            .map(|path| {
                (
                    std::fs::metadata(&path).and_then(|of| of.modified()).ok(),
                    path,
                )
            })
            .collect();
        paths.sort();
        for (_, path) in paths {
            let text = files::read_text(&path).map_err(|e| Error::io("read", &path, &e))?;
            for line in text.lines() {
                if let Ok(Line::Mutant(row)) = serde_json::from_str(line) {
                    memory.add(&row);
                }
            }
        }
        Ok(memory)
    }

    /// Remembers a result.
    pub fn add(&mut self, row: &Row) {
        if row.fate == Fate::Killed {
            self.0.insert((row.arch, row.id.clone()), row.by.clone());
        }
    }

    /// What most likely kills a mutant, the likeliest first: what killed it before, and what killed others of the
    /// same item.
    pub fn killers(&self, site: &Site, arch: Arch) -> Vec<&str> {
        let itself = self.0.get(&(arch, site.id.clone()));
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for ((of, id), by) in &self.0 {
            if *of == arch && item(id) == item(&site.id) {
                *counts.entry(by).or_default() += 1;
            }
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let others = counts.iter().map(|(by, _)| *by).take(NEIGHBOURS);
        itself
            .map(String::as_str)
            .into_iter()
            .chain(others)
            .collect()
    }
}

/// The part of an ID that names the item.
fn item(id: &str) -> &str {
    id.rsplit_once('/').map_or(id, |(item, _)| item)
}

#[cfg(test)]
mod tests {
    use super::super::outcome::tests::row;
    use super::super::site::{Found, Items, Kind, named};
    use super::*;

    fn site(file: &str) -> Site {
        let found = Found {
            kind: Kind::Bit,
            range: 0..0,
            replacement: String::new(),
            what: "b-dropped".into(),
        };
        named(Path::new(file), "", &Items::default(), vec![found]).remove(0)
    }

    #[test]
    fn what_killed_a_mutant_is_tried_first_and_then_what_killed_its_neighbours() {
        let site = site("hypervisor/src/arch/x86_64/vmcb.rs");
        let near = |name: &str| format!("{}/{name}", item(&site.id));
        let mut memory = Memory::default();
        assert!(memory.killers(&site, Arch::X86_64).is_empty());
        let mut add = |id: &str, by: &str, fate| {
            memory.add(&Row {
                by: by.into(),
                ..row(id, fate)
            });
        };
        add(&near("x"), "often", Fate::Killed);
        add(&near("y"), "often", Fate::Killed);
        add(&near("z"), "seldom", Fate::Killed);
        add(&near("w"), "never", Fate::Survived);
        add("elsewhere/x", "far", Fate::Killed);
        assert_eq!(memory.killers(&site, Arch::X86_64), ["often", "seldom"]);
        assert!(memory.killers(&site, Arch::Riscv64).is_empty());
        let itself = Row {
            by: "itself".into(),
            ..row(&site.id, Fate::Killed)
        };
        memory.add(&itself);
        assert_eq!(
            memory.killers(&site, Arch::X86_64)[..2],
            ["itself", "often"]
        );
    }

    #[test]
    fn results_of_other_sources_are_remembered_and_what_is_none_is_not() {
        let folder = tempfile::tempdir().unwrap();
        assert!(
            Memory::read(&folder.path().join("none"))
                .unwrap()
                .0
                .is_empty()
        );
        let killed = serde_json::to_string(&Line::Mutant(row("a/b", Fate::Killed))).unwrap();
        let text = format!("{killed}\n{{\"mutant\":{{\"id\":\"c");
        std::fs::write(folder.path().join("one.jsonl"), text).unwrap();
        std::fs::write(folder.path().join("other.txt"), &killed).unwrap();
        let memory = Memory::read(folder.path()).unwrap();
        let ids: Vec<_> = memory.0.keys().map(|(_, id)| id.as_str()).collect();
        assert_eq!(ids, ["a/b"]);
    }
}
