//! Mutants: for each case of the conformance suite the defect that it exists for, put back as a patch
//! into a copy of the workspace. A case that stays green with its defect proves nothing. Further patches
//! are lies: a hypervisor that tells what did not happen, and has to fail the case that each names.

#[cfg(feature = "cli")]
pub mod generate;
mod patch;
mod tree;

use crate::arch::Arch;
use crate::config::scenario;
use crate::error::{ConfigError, Error};
use crate::machine::process_group::{self, Group};
use crate::project::Project;
use crate::records::retention;
use crate::suggest;
use crate::tools::conformance;
use patch::Mutant;
use serde::Serialize;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;
use tokio::process::Command;
use tree::Tree;

/// How long a run may take, in seconds, and a run with a defect that is known to hang.
const TIMEOUT: &str = "30";
const TIMEOUT_OF_HANGING: &str = "8";

/// The verdict that is right for any mutant: what lets a guest out may be seen in the machine before the guest
/// makes use of it, and nothing else has this verdict.
const BREACH: &str = "isolation-broken";

/// What became of a mutant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// The case caught it, with a verdict of the right kind.
    Killed,
    /// The case passed with the defect.
    Survived,
    /// The case failed with a verdict that does not fit this defect.
    WrongVerdict,
    /// The case does not pass even without the defect.
    NotGreen,
    /// There was no verdict, for example because a build failed.
    NoVerdict,
}

/// A mutant on an architecture.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// The mutant: it has the name of its case, or a name of its own.
    pub mutant: String,
    /// The case.
    pub case: String,
    /// The architecture.
    pub arch: Arch,
    /// What became of it.
    pub fate: Fate,
    /// The verdict's kind.
    pub verdict: String,
    /// The verdict in words.
    pub text: String,
    /// Seconds for building and booting it.
    pub seconds: f64,
}

/// All results.
#[derive(Debug, Serialize)]
pub struct Table {
    /// The mutants.
    pub rows: Vec<Row>,
    /// Cases without a mutant.
    pub without: Vec<String>,
}

impl Row {
    /// A line of the table.
    pub fn human(&self) -> String {
        let fate = match self.fate {
            Fate::Killed => "killed".to_owned(),
            Fate::Survived => "SURVIVED".to_owned(),
            Fate::WrongVerdict | Fate::NotGreen | Fate::NoVerdict => {
                let what = match self.fate {
                    Fate::WrongVerdict => "WRONG VERDICT",
                    Fate::NotGreen => "NOT GREEN WITHOUT IT",
                    _ => "NO VERDICT",
                };
                format!("{what}: {}", self.text.trim_end())
            }
        };
        let Self { mutant, arch, .. } = self;
        let (arch, verdict, seconds) = (arch.name(), &self.verdict, self.seconds);
        format!("{mutant:<22} {arch:<8} {seconds:>5.1} s  {verdict:<17} {fate}")
    }
}

impl Table {
    /// The process's exit code.
    pub fn exit_code(&self) -> u8 {
        let any = |fate| self.rows.iter().any(|row| row.fate == fate);
        match any(Fate::NoVerdict) {
            true => 4,
            false => {
                let all = self.rows.iter().all(|row| row.fate == Fate::Killed);
                u8::from(!all || !self.without.is_empty())
            }
        }
    }

    /// The last lines of the table.
    pub fn summary(&self) -> String {
        let killed = self.rows.iter().filter(|row| row.fate == Fate::Killed);
        let mut text = format!("{} of {} mutants killed", killed.count(), self.rows.len());
        if !self.without.is_empty() {
            text += &format!("; cases without a mutant: {}", self.without.join(", "));
        }
        text
    }
}

/// A case with its mutant, and where to try it.
struct Work {
    name: String,
    case: String,
    mutant: Mutant,
    arches: Vec<Arch>,
}

/// Tries the mutants of `cases`, or of all cases if none are named, on `arches`, and reports each
/// result as it comes. The harness `program` boots them.
pub async fn run(
    project: &Project,
    program: &Path,
    arches: &[Arch],
    cases: &[String],
    mut tell: impl FnMut(&Row),
) -> Result<Table, Error> {
    let since = retention::stamp();
    let (work, without) = plan(project, cases)?;
    let copy = Tree::of(project.folder(), &project.mutants()).await?;
    // All patches are checked before anything is built.
    for work in &work {
        work.mutant.apply(|file| copy.read(file))?;
    }
    let bed = Bed {
        copy,
        program: program.to_owned(),
        since,
    };
    let mut rows = Vec::new();
    let mut add = |row: Row| {
        tell(&row);
        rows.push(row);
    };
    for &arch in arches {
        let here = work.iter().filter(|work| work.arches.contains(&arch));
        // First all cases without their defects: one build of the hypervisor serves them all.
        let mut green = Vec::new();
        for work in here {
            let row = bed.attempt(work, arch).await?;
            match row.verdict.as_str() {
                "pass" => green.push(work),
                "infrastructure" => add(row),
                _ => add(Row {
                    fate: Fate::NotGreen,
                    ..row
                }),
            }
        }
        for work in green {
            add(bed.with_defect(work, arch).await?);
        }
    }
    Ok(Table { rows, without })
}

/// Checks that all mutants can be read and still apply, without building any. Returns the cases without
/// a mutant.
pub fn check(project: &Project) -> Result<Vec<String>, Error> {
    let (work, without) = plan(project, &[])?;
    for work in &work {
        let read = |file: &Path| std::fs::read_to_string(project.at(file));
        work.mutant.apply(read)?;
    }
    Ok(without)
}

/// Pairs the cases with their mutants.
fn plan(project: &Project, named: &[String]) -> Result<(Vec<Work>, Vec<String>), Error> {
    let known = conformance::cases(project)?;
    let is_case = |name: &String| known.iter().any(|case| case.name == *name);
    let patches = project.patches().into_iter();
    let lies: Vec<_> = patches.filter(|name| !is_case(name)).collect();
    let is_known = |name: &&String| is_case(name) || lies.contains(name);
    if let Some(name) = named.iter().find(|name| !is_known(name)) {
        let names = known.iter().map(|case| &case.name).chain(&lies);
        let names: Vec<_> = names.map(String::as_str).collect();
        let message = format!(
            "there is no case `{name}`; {}",
            suggest::instead(name, &names)
        );
        return Err(Error::Usage(message));
    }
    let (mut work, mut without) = (Vec::new(), Vec::new());
    let is_wanted = |name: &String| named.is_empty() || named.contains(name);
    for case in known.iter().filter(|case| is_wanted(&case.name)) {
        let file = project.mutant(&case.name);
        if !file.is_file() {
            without.push(case.name.clone());
            continue;
        }
        let mutant = Mutant::read(&file)?;
        work.push(Work::new(&case.name, mutant, &case.name, &case.arches)?);
    }
    for name in lies.iter().filter(|name| is_wanted(name)) {
        let mutant = Mutant::read(&project.mutant(name))?;
        let Some(case) = mutant.case.clone() else {
            let message =
                "is named after no case, and has no `# case:` that says which one sees it";
            return Err(mutant.mistake(message.into()).into());
        };
        let arches = scenario::summary(project, &case)?.arches;
        work.push(Work::new(name, mutant, &case, &arches)?);
    }
    Ok((work, without))
}

impl Work {
    /// A mutant of a case, which is for some architectures.
    fn new(name: &str, mutant: Mutant, case: &str, of_case: &[Arch]) -> Result<Self, ConfigError> {
        let arches = mutant.arches.clone().unwrap_or_else(|| of_case.to_vec());
        if let Some(arch) = arches.iter().find(|arch| !of_case.contains(arch)) {
            return Err(mutant.mistake(format!("the case is not for {arch}")));
        }
        Ok(Self {
            name: name.to_owned(),
            case: case.to_owned(),
            mutant,
            arches,
        })
    }
}

/// What mutants are tried with.
struct Bed {
    copy: Tree,
    /// The harness that builds and boots them.
    program: PathBuf,
    /// From when on all records are kept.
    since: String,
}

impl Bed {
    /// Puts the defect in, tries the case, and takes the defect out.
    async fn with_defect(&self, work: &Work, arch: Arch) -> Result<Row, Error> {
        let tree = &self.copy;
        let mut before = Vec::new();
        for (file, text) in work.mutant.apply(|file| tree.read(file))? {
            before.push((tree.replace(&file, &text)?, file));
        }
        let row = self.attempt(work, arch).await;
        for (text, file) in before {
            tree.replace(&file, &text)?;
        }
        row
    }

    /// Builds and boots the case in the copy as it is, by a harness of its own.
    async fn attempt(&self, work: &Work, arch: Arch) -> Result<Row, Error> {
        let hint = "run it again";
        let failed = |what: String| Error::infrastructure(what, hint);
        let wanted = &work.mutant.verdicts;
        let hangs = wanted.iter().any(|kind| kind == "timeout");
        let mut command = Command::new(&self.program);
        command.arg("--root").arg(self.copy.path());
        command.env(retention::SINCE, &self.since);
        command.args(["run", "--arch", arch.name(), "--scenario", &work.case]);
        command.args([
            "--timeout",
            if hangs { TIMEOUT_OF_HANGING } else { TIMEOUT },
        ]);
        command.args(["--format", "json"]).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        process_group::lead(&mut command, Vec::new());
        let started = Instant::now();
        let child = command
            .spawn()
            .map_err(|e| failed(format!("the harness could not be started: {e}")))?;
        let _group = Group::led_by(&child);
        let output = child
            .wait_with_output()
            .await
            .map_err(|e| failed(e.to_string()))?;
        let seconds = started.elapsed().as_secs_f64();
        let report: Value = serde_json::from_slice(&output.stdout).map_err(|_| {
            let said = String::from_utf8_lossy(&output.stderr);
            failed(format!("{} on {arch}: {}", work.case, said.trim()))
        })?;
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let verdict = word(&report["verdict"]["kind"]);
        let fate = match output.status.code() {
            Some(0) => Fate::Survived,
            Some(1 | 3) if wanted.contains(&verdict) || verdict == BREACH => Fate::Killed,
            Some(1 | 3) => Fate::WrongVerdict,
            _ => Fate::NoVerdict,
        };
        let mut text = word(&report["text"]);
        if fate == Fate::NoVerdict {
            text += &format!("\n{}", String::from_utf8_lossy(&output.stderr).trim_end());
        }
        Ok(Row {
            mutant: work.name.clone(),
            case: work.case.clone(),
            arch,
            fate,
            verdict,
            text,
            seconds,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(fates: &[Fate], without: &[&str]) -> Table {
        let row = |&fate| Row {
            mutant: "npf-outside".into(),
            case: "npf-outside".into(),
            arch: Arch::Riscv64,
            fate,
            verdict: "diverged".into(),
            text: "why".into(),
            seconds: 1.0,
        };
        Table {
            rows: fates.iter().map(row).collect(),
            without: without.iter().map(|&case| case.into()).collect(),
        }
    }

    #[test]
    fn only_a_table_of_kills_is_a_success() {
        use Fate::*;
        assert_eq!(table(&[Killed, Killed], &[]).exit_code(), 0);
        assert_eq!(table(&[Killed], &["npf-many"]).exit_code(), 1);
        for fate in [Survived, WrongVerdict, NotGreen] {
            assert_eq!(table(&[Killed, fate], &[]).exit_code(), 1, "{fate:?}");
        }
        assert_eq!(table(&[Survived, NoVerdict], &[]).exit_code(), 4);
    }

    #[test]
    fn a_row_says_what_became_of_the_mutant() {
        let shown: Vec<_> = table(&[Fate::Killed, Fate::Survived, Fate::WrongVerdict], &[])
            .rows
            .iter()
            .map(Row::human)
            .collect();
        assert!(shown[0].ends_with("diverged          killed"), "{shown:?}");
        assert!(shown[1].ends_with("SURVIVED"), "{shown:?}");
        assert!(shown[2].ends_with("WRONG VERDICT: why"), "{shown:?}");
    }
}
