//! Measurements that are kept in a file, with every sample.

use crate::error::Error;
use crate::files;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tempfile::NamedTempFile;

/// The version of the file. It grows with a change that an older harness would misunderstand.
const VERSION: u32 = 1;

/// Which values of a figure are better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// A time, a size, a cost.
    Lower,
    /// A speed.
    Higher,
}

/// A figure, with everything that was measured of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Its name: `riscv64: ./x run over QEMU`.
    pub name: String,
    /// Its unit.
    pub unit: String,
    /// Which values are better.
    pub better: Better,
    /// What was measured, in the order of time.
    pub samples: Vec<f64>,
    /// Whether it is compared with a baseline. What takes too long to be measured often enough is not.
    #[serde(default = "yes")]
    pub compared: bool,
}

fn yes() -> bool {
    true
}

impl Series {
    /// A figure of which less is better. Six digits of each sample are kept.
    pub fn new(name: impl Into<String>, unit: &str, samples: Vec<f64>) -> Self {
        Self {
            name: name.into(),
            unit: unit.into(),
            better: Better::Lower,
            samples: samples.into_iter().map(six_digits).collect(),
            compared: true,
        }
    }

    /// The same, where more is better.
    pub fn more_is_better(mut self) -> Self {
        self.better = Better::Higher;
        self
    }

    /// The same, as one that is measured too seldom to be compared.
    pub fn not_compared(mut self) -> Self {
        self.compared = false;
        self
    }

    /// The median of its samples.
    pub fn median(&self) -> f64 {
        super::median(self.samples.clone())
    }
}

/// A file with measurements.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    version: u32,
    /// The harness that measured.
    harness: String,
    /// Where and how it was measured: a short text.
    #[serde(default)]
    pub measured: String,
    /// What was measured.
    pub figures: Vec<Series>,
    /// What commands printed meanwhile, by a name, for the pages of this project.
    #[serde(default)]
    pub shown: BTreeMap<String, String>,
}

impl Kept {
    /// What was measured just now, by this harness.
    pub fn new(measured: String, figures: Vec<Series>) -> Self {
        Self {
            version: VERSION,
            harness: env!("CARGO_PKG_VERSION").into(),
            measured,
            figures,
            shown: BTreeMap::new(),
        }
    }

    /// The figure with this name.
    pub fn figure(&self, name: &str) -> Option<&Series> {
        self.figures.iter().find(|figure| figure.name == name)
    }

    /// Writes the file: JSON, with a line for each figure, so that people can read what changed.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn save(&self, file: &Path) -> Result<(), Error> {
        let figures: Vec<_> = self.figures.iter().map(line).collect();
        let text = format!(
            "{{\n  \"version\": {},\n  \"harness\": {},\n  \"measured\": {},\n  \"figures\": [\n    {}\n  ],\n  \"shown\": {}\n}}\n",
            self.version,
            line(&self.harness),
            line(&self.measured),
            figures.join(",\n    "),
            line(&self.shown),
        );
        let cannot = |e: &std::io::Error| Error::io("write", file, e);
        // As a whole or not at all: it may be the only baseline that there is.
        let mut new = NamedTempFile::new_in(folder_of(file)).map_err(|e| cannot(&e))?;
        new.write_all(text.as_bytes()).map_err(|e| cannot(&e))?;
        let readable = Permissions::from_mode(0o644);
        new.as_file()
            .set_permissions(readable)
            .map_err(|e| cannot(&e))?;
        new.persist(file).map(drop).map_err(|e| cannot(&e.error))
    }

    /// Reads it.
    ///
    /// # Errors
    ///
    /// It is no such file, or one of a later version.
    pub fn read(file: &Path) -> Result<Self, Error> {
        let shown = file.display();
        let unusable = |why: String| {
            Error::Usage(format!(
                "{shown} is no baseline: {why}; make one by --save FILE"
            ))
        };
        let text = files::read_text(file).map_err(|e| unusable(e.to_string()))?;
        let kept: Self = serde_json::from_str(&text).map_err(|e| unusable(e.to_string()))?;
        if kept.version > VERSION {
            let version = kept.version;
            return Err(Error::Usage(format!(
                "{shown} is of version {version}, and this harness knows them up to {VERSION}: compare with a later harness"
            )));
        }
        if !kept.is_sound() {
            return Err(unusable(
                "a figure is there twice, or was never measured".into(),
            ));
        }
        Ok(kept)
    }

    fn is_sound(&self) -> bool {
        let names: BTreeSet<_> = self.figures.iter().map(|figure| &figure.name).collect();
        let measured = |figure: &Series| {
            !figure.samples.is_empty() && figure.samples.iter().all(|value| value.is_finite())
        };
        names.len() == self.figures.len() && self.figures.iter().all(measured)
    }
}

/// Whether a file can be written, before it is measured for hours.
///
/// # Errors
///
/// It cannot.
pub fn can_be_saved(file: &Path) -> Result<(), Error> {
    let made = tempfile::tempfile_in(folder_of(file));
    made.map(drop).map_err(|e| Error::io("write", file, &e))
}

fn folder_of(file: &Path) -> &Path {
    let folder = file.parent().filter(|folder| *folder != Path::new(""));
    folder.unwrap_or(Path::new("."))
}

fn six_digits(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(value)
}

/// A value as a line of JSON.
fn line(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("plain data")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(name: &str, samples: &[f64]) -> Series {
        Series::new(name, "s", samples.to_vec())
    }

    #[test]
    fn what_was_kept_is_read_back_and_what_is_none_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("baseline.json");
        let save = |figures: &[Series]| {
            let mut kept = Kept::new("on this computer".into(), figures.to_vec());
            kept.shown
                .insert("run".into(), "$ ./x run\n\"PASS\"".into());
            kept.save(&file).unwrap();
            kept
        };
        let why = || Kept::read(&file).unwrap_err().to_string();
        let kept = save(&[
            figure("a", &[1.0, 0.123_456_789]),
            figure("b", &[2.0]).more_is_better(),
        ]);
        assert_eq!(Kept::read(&file).unwrap(), kept);
        assert_eq!(kept.figure("a").unwrap().samples, [1.0, 0.123_457]);
        save(&[figure("a", &[1.0]), figure("a", &[1.0])]);
        assert!(why().contains("there twice"));
        save(&[figure("a", &[])]);
        assert!(why().contains("never measured"));
        std::fs::write(&file, "{}").unwrap();
        assert!(why().contains("--save FILE"));
        std::fs::write(&file, r#"{"version": 2, "harness": "9", "figures": []}"#).unwrap();
        assert!(why().contains("later harness"));
    }
}
