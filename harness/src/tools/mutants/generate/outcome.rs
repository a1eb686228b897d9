//! What became of generated mutants: a row for each, the file that keeps them, and the table.

use crate::arch::Arch;
use crate::error::Error;
use crate::files;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// What became of a mutant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// Something failed with it.
    Killed,
    /// Everything passed with it.
    Survived,
    /// What was made for such a defect passed with it, and the rest was not tried.
    Undecided,
    /// The compiler refused it, so it is no mutant.
    DoesNotCompile,
    /// It could not be tried.
    NoVerdict,
}

/// A mutant that was tried.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row {
    /// Its ID.
    pub id: String,
    /// The architecture it was tried on.
    pub arch: Arch,
    /// The file and the line.
    pub place: String,
    /// What was changed.
    pub change: String,
    /// What became of it.
    pub fate: Fate,
    /// The scenario that failed, or `host-tests`; empty if none did.
    pub by: String,
    /// The kind of its verdict.
    pub verdict: String,
    /// How many scenarios were run.
    pub runs: usize,
    /// Seconds for building it.
    pub building: f64,
    /// Seconds for all of it.
    pub seconds: f64,
    /// Why there was no verdict, or what the compiler said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
}

impl Row {
    /// A line of the table.
    pub fn human(&self) -> String {
        let fate = match self.fate {
            Fate::Killed if self.verdict == "timeout" => {
                format!("killed by the clock ({})", self.by)
            }
            Fate::Killed => format!("killed by {} ({})", self.by, self.verdict),
            Fate::Survived => format!("SURVIVED {} runs", self.runs),
            Fate::Undecided => format!("undecided after {} runs", self.runs),
            Fate::DoesNotCompile => "does not compile".to_owned(),
            Fate::NoVerdict => format!("NO VERDICT: {}", self.text.trim_end()),
        };
        let Self {
            id, arch, seconds, ..
        } = self;
        format!("{id:<56} {:<8} {seconds:>6.1} s  {fate}", arch.name())
    }
}

/// How a scenario goes without any mutant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Green {
    /// The architecture.
    pub arch: Arch,
    /// The scenario, or `host-tests`.
    pub scenario: String,
    /// The kind of the verdict.
    pub verdict: String,
    /// Seconds that it took.
    pub seconds: f64,
}

/// What is kept, a line each.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Line {
    /// A scenario without a mutant.
    Green(Green),
    /// A mutant.
    Mutant(Row),
}

/// The file of the results for one state of the sources. Each result is there as soon as it is known.
pub struct Kept {
    path: PathBuf,
    file: File,
    /// What was there, and what came since.
    pub rows: Vec<Row>,
    /// The scenarios without a mutant.
    pub greens: Vec<Green>,
}

impl Kept {
    /// Opens the file of a key, or makes it. A last line that is not whole, because the program ended while
    /// it wrote, counts as not there.
    pub fn open(folder: &Path, key: &str) -> Result<Self, Error> {
        std::fs::create_dir_all(folder).map_err(|e| Error::io("make", folder, &e))?;
        let path = folder.join(format!("{key}.jsonl"));
        let text = match files::read_text(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(Error::io("read", &path, &error)),
        };
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let mut file = file.map_err(|e| Error::io("write", &path, &e))?;
        if !text.is_empty() && !text.ends_with('\n') {
            file.write_all(b"\n")
                .map_err(|e| Error::io("write", &path, &e))?;
        }
        let mut kept = Self {
            path,
            file,
            rows: Vec::new(),
            greens: Vec::new(),
        };
        for line in text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
        {
            kept.take(line);
        }
        Ok(kept)
    }

    /// Adds a result.
    pub fn add(&mut self, line: Line) -> Result<(), Error> {
        let mut text = serde_json::to_string(&line).expect("a line of JSON");
        text.push('\n');
        let written = self.file.write_all(text.as_bytes());
        written.map_err(|e| Error::io("write", &self.path, &e))?;
        self.take(line);
        Ok(())
    }

    /// A later result takes the place of an earlier one.
    fn take(&mut self, line: Line) {
        match line {
            Line::Green(green) => {
                let same = |old: &Green| (old.arch, &old.scenario) == (green.arch, &green.scenario);
                self.greens.retain(|old| !same(old));
                self.greens.push(green);
            }
            Line::Mutant(row) => {
                self.rows
                    .retain(|old| (old.arch, &old.id) != (row.arch, &row.id));
                self.rows.push(row);
            }
        }
    }
}

/// All results that were asked for.
#[derive(Debug, Default, Serialize)]
pub struct Table {
    /// The mutants.
    pub rows: Vec<Row>,
    /// The survivors that are on the list of equivalents, with the reasons.
    pub equivalents: BTreeMap<String, String>,
    /// What is wrong with that list.
    pub mistakes: Vec<String>,
    /// Scenarios that do not pass without a mutant either, so that they kill none.
    pub not_green: Vec<String>,
    /// How many mutants were not tried.
    pub untried: usize,
}

impl Table {
    /// The survivors that no list excuses.
    pub fn survivors(&self) -> impl Iterator<Item = &Row> {
        let excused = |row: &&Row| !self.equivalents.contains_key(&row.id);
        self.of(Fate::Survived).filter(excused)
    }

    fn of(&self, fate: Fate) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| row.fate == fate)
    }

    /// The process's exit code.
    pub fn exit_code(&self) -> u8 {
        if self.of(Fate::NoVerdict).next().is_some() || !self.not_green.is_empty() {
            return 4;
        }
        let open = self.survivors().chain(self.of(Fate::Undecided)).next();
        u8::from(open.is_some() || !self.mistakes.is_empty())
    }

    /// The last lines of the table.
    pub fn summary(&self) -> String {
        let mut text = String::new();
        for arch in Arch::ALL {
            let here: Vec<_> = self.rows.iter().filter(|row| row.arch == arch).collect();
            if here.is_empty() {
                continue;
            }
            let count = |fate| here.iter().filter(|row| row.fate == fate).count();
            let clock = here.iter().filter(|row| row.verdict == "timeout").count();
            let excused = here
                .iter()
                .filter(|row| self.equivalents.contains_key(&row.id))
                .count();
            let seconds: f64 = here.iter().map(|row| row.seconds).sum();
            text += &format!(
                "{arch}: {} mutants: {} killed ({clock} of them by the clock), {} survived ({excused} of them \
                 equivalents), {} undecided, {} do not compile, {} without a verdict; {:.1} s each\n",
                here.len(),
                count(Fate::Killed),
                count(Fate::Survived),
                count(Fate::Undecided),
                count(Fate::DoesNotCompile),
                count(Fate::NoVerdict),
                seconds / here.len() as f64,
            );
        }
        for row in self.survivors() {
            text += &format!("survivor: {} ({}): {}\n", row.id, row.place, row.change);
        }
        for scenario in &self.not_green {
            text += &format!("does not pass without a mutant either: {scenario}\n");
        }
        for mistake in &self.mistakes {
            text += &format!("tests/mutants/equivalents.toml: {mistake}\n");
        }
        if self.untried > 0 {
            text += &format!("not tried: {}\n", self.untried);
        }
        text.trim_end().to_owned()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn row(id: &str, fate: Fate) -> Row {
        let by = if fate == Fate::Killed { "a-case" } else { "" };
        Row {
            id: id.to_owned(),
            arch: Arch::X86_64,
            place: "hypervisor/src/a.rs:7".into(),
            change: "`a` becomes `b`".into(),
            fate,
            by: by.to_owned(),
            verdict: String::new(),
            runs: 3,
            building: 1.0,
            seconds: 2.0,
            text: String::new(),
        }
    }

    #[test]
    fn results_are_kept_and_a_torn_line_is_not_one() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Kept::open(folder.path(), "key").unwrap();
        let mut kept = open();
        kept.add(Line::Mutant(row("a", Fate::Survived))).unwrap();
        kept.add(Line::Mutant(row("b", Fate::Killed))).unwrap();
        let green = Green {
            arch: Arch::X86_64,
            scenario: "s".into(),
            verdict: "pass".into(),
            seconds: 1.5,
        };
        kept.add(Line::Green(green.clone())).unwrap();
        kept.file.write_all(b"{\"mutant\":{\"id\":\"c").unwrap();
        let mut kept = open();
        assert_eq!((kept.rows.len(), &kept.greens[..]), (2, &[green][..]));
        kept.add(Line::Mutant(row("a", Fate::Killed))).unwrap();
        let kept = open();
        let fates: Vec<_> = kept.rows.iter().map(|row| (&*row.id, row.fate)).collect();
        assert_eq!(fates, [("b", Fate::Killed), ("a", Fate::Killed)]);
        assert!(Kept::open(folder.path(), "other").unwrap().rows.is_empty());
    }

    #[test]
    fn a_survivor_fails_unless_the_list_excuses_it() {
        let mut table = Table {
            rows: vec![row("a", Fate::Killed), row("b", Fate::DoesNotCompile)],
            ..Table::default()
        };
        assert_eq!(table.exit_code(), 0);
        table.rows.push(row("c", Fate::Survived));
        assert_eq!(table.exit_code(), 1);
        assert!(
            table
                .summary()
                .contains("survivor: c (hypervisor/src/a.rs:7)")
        );
        table.equivalents.insert("c".into(), "why".into());
        assert_eq!(table.exit_code(), 0);
        assert!(
            table
                .summary()
                .contains("1 survived (1 of them equivalents)")
        );
        table.mistakes.push("`d` names no mutant".into());
        assert_eq!(table.exit_code(), 1);
        (table.mistakes, table.rows[1].fate) = (Vec::new(), Fate::Undecided);
        assert_eq!(table.exit_code(), 1);
        table.rows.push(row("e", Fate::NoVerdict));
        assert_eq!(table.exit_code(), 4);
    }

    #[test]
    fn what_the_clock_killed_is_shown_as_such() {
        let mut clock = row("a", Fate::Killed);
        clock.verdict = "timeout".into();
        assert!(clock.human().ends_with("killed by the clock (a-case)"));
        clock.verdict = "diverged".into();
        assert!(clock.human().ends_with("killed by a-case (diverged)"));
    }
}
