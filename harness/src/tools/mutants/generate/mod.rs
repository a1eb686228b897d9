//! Generated mutants: every bit that confines a guest, every bound, fence and saved register of the
//! hypervisor is broken, one at a time, and some scenario has to fail.
//!
//! [`sources`] finds the places, by the shape of the code ([`rust`], [`tokens`], [`assembly`]), without
//! building anything. Each mutant is one edit, is built in a copy of the workspace, and is tried with the
//! scenarios of its architecture until one fails, in an [`order`] that ends early. The results are kept for
//! as long as nothing that they depend on changes, so a run that was interrupted goes on where it was.

pub mod assembly;
mod bed;
pub mod equivalents;
mod memory;
pub mod order;
pub mod outcome;
pub mod rust;
pub mod site;
pub mod sources;
pub mod tokens;

use super::tree;
use crate::arch::Arch;
use crate::error::Error;
use crate::project::Project;
use crate::tools::conformance;
use bed::{Bed, Shared};
use equivalents::{Equivalents, matches};
use memory::Memory;
use outcome::{Fate, Kept, Line, Row, Table};
use sha2::{Digest, Sha256};
use site::Site;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

/// Scenarios that are no cases of the suite, and are tried too.
const STORIES: [&str; 3] = ["gkernel", "gkernel-el0", "gkernel-emulated-flash"];

/// What results depend on: the thing under test, the guests, the scenarios, and who judges. How mutants are
/// made is no part of it: a mutant that is made in another way has another name.
const INPUTS: [&str; 8] = [
    "hypervisor/",
    "gkernel/",
    "tests/scenarios/",
    "configs/",
    "harness/src/",
    "fixtures/pflash",
    "Cargo.lock",
    "rust-toolchain.toml",
];
const NO_INPUTS: [&str; 2] = ["harness/src/tools/", "harness/src/cli/"];

/// Which mutants are asked for, and how.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The architectures. What belongs to none is tried on the first.
    pub arches: Vec<Arch>,
    /// The beginnings of IDs, or patterns with `*`; none for all.
    pub filters: Vec<String>,
    /// How many mutants are tried at the same time.
    pub jobs: usize,
    /// Whether those that have a result are tried again.
    pub again: bool,
    /// Whether only those scenarios are run that were made for what a mutant breaks.
    pub quick: bool,
}

impl Wanted {
    /// The mutants that are asked for, each with its architecture.
    ///
    /// # Errors
    ///
    /// A filter names none.
    pub fn of(&self, sites: &[Site]) -> Result<Vec<(Site, Arch)>, Error> {
        let named = |filter: &str, id: &str| match filter.contains('*') {
            true => matches(filter, id),
            false => id.starts_with(filter),
        };
        for filter in &self.filters {
            if !sites.iter().any(|site| named(filter, &site.id)) {
                return Err(Error::Usage(format!(
                    "no mutant is called `{filter}`; `harness mutants --generate --list` shows them all"
                )));
            }
        }
        let is_wanted = |site: &&Site| {
            self.filters.is_empty() || self.filters.iter().any(|filter| named(filter, &site.id))
        };
        let place = |site: &Site| match site.arch {
            Some(arch) => self.arches.contains(&arch).then_some(arch),
            None => self.arches.first().copied(),
        };
        let wanted = sites.iter().filter(is_wanted);
        Ok(wanted
            .filter_map(|site| Some((site.clone(), place(site)?)))
            .collect())
    }
}

/// Tries the mutants that are asked for, but for those that have a result, and reports each as it comes.
pub async fn run(
    project: &Project,
    wanted: &Wanted,
    mut tell: impl FnMut(&Row),
) -> Result<Table, Error> {
    let sites = sources::sites(project.folder())?;
    let all = wanted.of(&sites)?;
    let key = key(project).await?;
    let mut kept = Kept::open(&project.generated_mutants(), &key)?;
    let done = |kept: &Kept, site: &Site, arch: Arch| {
        let row = kept
            .rows
            .iter()
            .find(|row| row.id == site.id && row.arch == arch);
        row.is_some_and(|row| match row.fate {
            Fate::NoVerdict => false,
            Fate::Undecided => wanted.quick,
            Fate::Killed | Fate::Survived | Fate::DoesNotCompile => true,
        })
    };
    let queue = all
        .iter()
        .filter(|(site, arch)| wanted.again || !done(&kept, site, *arch));
    let mut queue: VecDeque<_> = queue.cloned().collect();
    // Each of these most likely takes all scenarios: what is not known yet comes first.
    let equivalents = Equivalents::read(project)?;
    queue
        .make_contiguous()
        .sort_by_key(|(site, _)| equivalents.reason(&site.id).is_some());
    let (results, mut incoming) = mpsc::unbounded_channel();
    let workers = wanted.jobs.min(queue.len());
    let passed = kept.greens.iter().filter(|green| green.verdict == "pass");
    let shared = Arc::new(Shared {
        project: project.clone(),
        scenarios: scenarios(project)?,
        quick: wanted.quick,
        // What failed without a mutant may have been the machine's fault, and is tried again.
        greens: Mutex::new(passed.cloned().collect()),
        memory: Mutex::new(Memory::read(&project.generated_mutants())?),
        results,
    });
    let queue = Arc::new(Mutex::new(queue));
    let mut running = JoinSet::new();
    for number in 0..workers {
        running.spawn(work(Arc::clone(&shared), Arc::clone(&queue), number));
    }
    drop(shared);
    // Ends when the last worker has ended.
    while let Some(line) = incoming.recv().await {
        if key != self::key(project).await? {
            return Err(Error::infrastructure(
                "the sources or scenarios have changed while mutants were tried",
                "run it again; what was found before the change is kept for the sources as they were",
            ));
        }
        if let Line::Mutant(row) = &line {
            tell(row);
        }
        kept.add(line)?;
    }
    while let Some(ended) = running.join_next().await {
        ended.expect("a worker does not panic")?;
    }
    table(project, &sites, &all, kept)
}

/// What is known already, without trying anything.
pub async fn known(project: &Project, wanted: &Wanted) -> Result<Table, Error> {
    let sites = sources::sites(project.folder())?;
    let all = wanted.of(&sites)?;
    let kept = Kept::open(&project.generated_mutants(), &key(project).await?)?;
    table(project, &sites, &all, kept)
}

async fn work(
    shared: Arc<Shared>,
    queue: Arc<Mutex<VecDeque<(Site, Arch)>>>,
    number: usize,
) -> Result<(), Error> {
    let bed = Bed::new(Arc::clone(&shared), number).await?;
    loop {
        let Some((site, arch)) = queue.lock().await.pop_front() else {
            return Ok(());
        };
        let row = bed.attempt(&site, arch).await?;
        if shared.results.send(Line::Mutant(row)).is_err() {
            return Ok(()); // nobody waits for it any more
        }
    }
}

fn table(
    project: &Project,
    sites: &[Site],
    all: &[(Site, Arch)],
    kept: Kept,
) -> Result<Table, Error> {
    let equivalents = Equivalents::read(project)?;
    let is_wanted = |row: &Row| {
        all.iter()
            .any(|(site, arch)| site.id == row.id && *arch == row.arch)
    };
    let rows: Vec<_> = kept.rows.into_iter().filter(is_wanted).collect();
    let excused = rows.iter().filter(|row| row.fate == Fate::Survived);
    let excused =
        excused.filter_map(|row| Some((row.id.clone(), equivalents.reason(&row.id)?.to_owned())));
    let is_here = |wanted: Arch| all.iter().any(|(_, arch)| *arch == wanted);
    let not_green = kept
        .greens
        .iter()
        .filter(|green| green.verdict != "pass" && is_here(green.arch));
    Ok(Table {
        equivalents: excused.collect(),
        mistakes: equivalents.mistakes(sites, &rows),
        not_green: not_green
            .map(|green| format!("{} on {}", green.scenario, green.arch))
            .collect(),
        untried: all.len() - rows.len(),
        rows,
    })
}

/// The scenarios that may kill a mutant.
fn scenarios(project: &Project) -> Result<Vec<(String, Vec<Arch>)>, Error> {
    let mut found = Vec::new();
    for story in STORIES {
        let summary = crate::config::scenario::summary(project, story)?;
        found.push((summary.name, summary.arches));
    }
    let cases = conformance::cases(project)?.into_iter();
    found.extend(cases.map(|case| (case.name, case.arches)));
    Ok(found)
}

/// The name of the file that keeps the results: a hash of all that they depend on.
async fn key(project: &Project) -> Result<String, Error> {
    let mut hash = Sha256::new();
    let mut files = tree::files(project.folder()).await?;
    files.sort();
    for file in files.iter().filter(|file| is_input(file)) {
        // One that git knows and that is not there is no input.
        let Ok(bytes) = std::fs::read(project.at(file)) else {
            continue;
        };
        hash.update(file.as_os_str().as_encoded_bytes());
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(&bytes);
    }
    let hash = hash.finalize();
    Ok(hash
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

fn is_input(file: &Path) -> bool {
    let name = file.to_string_lossy();
    let starts = |starts: &[&str]| starts.iter().any(|start| name.starts_with(start));
    starts(&INPUTS) && !starts(&NO_INPUTS)
}
