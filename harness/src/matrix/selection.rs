//! What a matrix is to be of, and how what did not pass is run again as it was.

use super::filter::Filter;
use super::plan::{self, Case};
use super::results::{Outcome, Results, Shard};
use crate::arch::Arch;
use crate::boot::examine::Kind;
use crate::config::machine::is_path;
use crate::error::Error;
use crate::project::Project;
use crate::records::asked::{whole, whole_file};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// What a matrix is to be of. By default it is of every scenario that has a name, on each of its architectures.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Scenarios: names in `tests/scenarios`, or files. If there are none, all that have a name, but for those that want to
    /// be named.
    pub scenarios: Vec<String>,
    /// Machines: names, or files. If there are none, a scenario is run on the machine that it asks for, or else on the one
    /// that is named after the architecture.
    pub machines: Vec<OsString>,
    /// Architectures. All of them, if there are none.
    pub arches: Vec<Arch>,
    /// What is booted instead of the workspace's own hypervisor. If there is one, the matrix is of these architectures.
    pub hypervisors: BTreeMap<Arch, PathBuf>,
    /// Which of the cases; those that any of the expressions takes. All of them, if there are none.
    pub filters: Vec<Filter>,
    /// Only the cases that did not pass in the earlier matrix.
    pub only_failed: bool,
    /// The matrix whose failures are meant, if there is one.
    pub earlier: Option<Earlier>,
    /// Only this part of the cases.
    pub shard: Option<Shard>,
}

/// A matrix, as far as it decides what is run again.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Earlier {
    /// The names of the cases that did not pass.
    pub failed: BTreeSet<String>,
    /// What it was of; none if it did not note that.
    pub chosen: Option<Chosen>,
    /// The part of the cases that it had, if it was not all of them.
    pub shard: Option<Shard>,
}

impl Earlier {
    /// By what came of it. `flaky_fails` says whether flaky cases are among those that did not pass.
    pub fn of(results: &Results, flaky_fails: bool) -> Self {
        let cases = results.cases.iter();
        let failed = cases.filter(|case| is_to_be_repeated(case.outcome, flaky_fails));
        Self {
            failed: failed.map(|case| case.name.clone()).collect(),
            chosen: results.chosen.clone(),
            shard: results.shard,
        }
    }
}

/// Whether a case with this outcome is run again.
pub fn is_to_be_repeated(outcome: Outcome, flaky_fails: bool) -> bool {
    match outcome {
        Outcome::Passed => false,
        Outcome::Flaky => flaky_fails,
        Outcome::Failed | Outcome::SetUp | Outcome::NotRun => true,
    }
}

/// What a matrix was of: the words that chose its scenarios, machines and hypervisors. Names are as they were typed; files
/// have their whole paths, so that they are found from any folder.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Chosen {
    /// The scenarios; none if they were all that have a name.
    pub scenarios: Vec<String>,
    /// The machines; none if they were the scenarios' own.
    pub machines: Vec<String>,
    /// What was booted instead of the workspace's own hypervisor.
    pub hypervisors: BTreeMap<Arch, String>,
}

impl Selection {
    /// Has a file booted instead of the workspace's own hypervisor: `ARCH=FILE`; or a file that tells by itself which
    /// architecture it is for; or any other, which is booted on all.
    ///
    /// # Errors
    ///
    /// There is one for that architecture already.
    pub fn hypervisor(&mut self, word: &OsStr) -> Result<(), Error> {
        let (arches, file) = match with_arch(word) {
            Some((arch, file)) => (vec![arch], file),
            None => (arches_of(Path::new(word)), word.into()),
        };
        for arch in arches {
            if self.hypervisors.insert(arch, file.clone()).is_some() {
                return Err(Error::Usage(format!(
                    "two files are to be booted on {arch}: say which is for which architecture, --hypervisor ARCH=FILE"
                )));
            }
        }
        Ok(())
    }

    /// What it is of, to be noted in the results.
    pub fn chosen(&self) -> Chosen {
        let hypervisors = self.hypervisors.iter();
        Chosen {
            scenarios: self
                .scenarios
                .iter()
                .map(|word| whole(word.as_ref()))
                .collect(),
            machines: self.machines.iter().map(|word| whole(word)).collect(),
            hypervisors: hypervisors
                .map(|(&arch, file)| (arch, whole_file(file)))
                .collect(),
        }
    }

    /// Whether it asks what did not pass in the earlier matrix.
    pub fn asks_what_failed(&self) -> bool {
        self.only_failed || self.filters.iter().any(Filter::asks_what_failed)
    }

    /// The same; but if it asks what failed, it is of what the earlier matrix was of. What is chosen by hand may leave out
    /// something of that.
    ///
    /// # Errors
    ///
    /// Something is chosen by hand that the earlier matrix was not of: the case that failed there would be another one.
    pub fn repeated(&self) -> Result<Cow<'_, Self>, Error> {
        let Some(earlier) = self.earlier.as_ref().filter(|_| self.asks_what_failed()) else {
            return Ok(Cow::Borrowed(self));
        };
        let mut again = self.clone();
        match (self.shard, earlier.shard) {
            (None, had) if self.only_failed => again.shard = had,
            (Some(shard), Some(had)) if shard != had => {
                return Err(contradicts("--shard", shard, &format!("part {had}")));
            }
            _ => {}
        }
        let Some(had) = &earlier.chosen else {
            return Ok(Cow::Owned(again));
        };
        let chosen = self.chosen();
        agree("--scenario", &chosen.scenarios, &had.scenarios)?;
        agree("--machine", &chosen.machines, &had.machines)?;
        for (arch, file) in &chosen.hypervisors {
            if had.hypervisors.get(arch) != Some(file) {
                let files = words(had.hypervisors.values().map(String::as_str));
                let had = match files.is_empty() {
                    true => "the workspace's own",
                    false => &files,
                };
                return Err(contradicts("--hypervisor", file, had));
            }
        }
        if again.scenarios.is_empty() {
            again.scenarios.clone_from(&had.scenarios);
        }
        if again.machines.is_empty() {
            again.machines = had.machines.iter().map(OsString::from).collect();
        }
        if again.hypervisors.is_empty() {
            let had = had.hypervisors.iter();
            again.hypervisors = had.map(|(&arch, file)| (arch, file.into())).collect();
        }
        Ok(Cow::Owned(again))
    }

    /// The names of the cases that failed, of which the selection has the cases `all`; none if it does not ask, or there is
    /// no earlier matrix and the filter says so.
    ///
    /// # Errors
    ///
    /// There is no earlier matrix whose failed cases could be run again; or one of them is no case any more, and so
    /// would be left out in silence.
    pub(super) fn failed(
        &self,
        project: &Project,
        all: &[Case],
    ) -> Result<Option<&BTreeSet<String>>, Error> {
        if !self.asks_what_failed() {
            return Ok(None);
        }
        let Some(earlier) = &self.earlier else {
            return match self.only_failed {
                true => Err(Error::Usage(
                    "there is no earlier matrix whose failed cases could be run again".into(),
                )),
                false => Ok(None),
            };
        };
        let names = |cases: &[Case]| -> BTreeSet<_> {
            cases.iter().map(|case| case.name.clone()).collect()
        };
        let mut there = names(all);
        if !earlier.failed.is_subset(&there)
            && let Some(had) = &earlier.chosen
        {
            // What is left out by hand is there all the same.
            let whole = Self {
                scenarios: had.scenarios.clone(),
                machines: had.machines.iter().map(OsString::from).collect(),
                hypervisors: had
                    .hypervisors
                    .iter()
                    .map(|(&arch, file)| (arch, file.into()))
                    .collect(),
                ..Self::default()
            };
            there.extend(names(&plan::all(project, &whole)?));
        }
        let gone: Vec<_> = earlier.failed.difference(&there).collect();
        if gone.is_empty() {
            return Ok(Some(&earlier.failed));
        }
        Err(Error::Usage(format!(
            "{} did not pass in the newest matrix, and there is no such case any more: its scenario or its machine has \
             another name now, or has gone. Run a matrix without --rerun-failed and failed()",
            words(gone.into_iter().map(String::as_str))
        )))
    }
}

/// Checks that what is chosen by hand was there in the earlier matrix.
fn agree(option: &str, chosen: &[String], had: &[String]) -> Result<(), Error> {
    let was_there = |word: &&String| match had {
        [] => !is_path(word.as_ref()), // it was of names alone
        had => had.contains(word),
    };
    let had = || match had {
        [] => "those that have a name".to_owned(),
        had => words(had.iter().map(String::as_str)),
    };
    match chosen.iter().find(|word| !was_there(word)) {
        Some(word) => Err(contradicts(option, word, &had())),
        None => Ok(()),
    }
}

/// The error for something that is chosen by hand and that the earlier matrix was not of.
fn contradicts(option: &str, chosen: impl std::fmt::Display, had: &str) -> Error {
    Error::Usage(format!(
        "{option} {chosen}: the newest matrix was of {had}, and what failed there can be run again only as it was. \
         Leave out {option}; or leave out --rerun-failed and failed()"
    ))
}

fn words<'w>(words: impl Iterator<Item = &'w str>) -> String {
    words.collect::<Vec<_>>().join(", ")
}

fn with_arch(word: &OsStr) -> Option<(Arch, PathBuf)> {
    let bytes = word.as_bytes();
    let at = bytes.iter().position(|&byte| byte == b'=')?;
    let arch = std::str::from_utf8(&bytes[..at]).ok()?.parse().ok()?;
    Some((arch, OsStr::from_bytes(&bytes[at + 1..]).into()))
}

/// The architectures that a file may be for. What is wrong with one is said when it is to be booted.
fn arches_of(file: &Path) -> Vec<Arch> {
    match Kind::arch_of(file) {
        Some(arch) => vec![arch],
        None => Arch::ALL.to_vec(),
    }
}
