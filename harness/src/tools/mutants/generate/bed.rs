//! What mutants are tried with: a copy of the workspace in which only the hypervisor is built, and the
//! workspace's own scenarios and guests, which no mutant changes.

use super::super::tree::Tree;
use super::memory::Memory;
use super::order::{self, HOST_TESTS};
use super::outcome::{Fate, Green, Line, Row};
use super::site::Site;
use crate::arch::Arch;
use crate::boot::Request;
use crate::boot::build::{self, Ask, Target};
use crate::boot::cargo::{self, Progress};
use crate::config::recipe::Recipe;
use crate::error::Error;
use crate::project::Project;
use crate::run::run_async;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::process::Command;
use tokio::sync::Mutex;
use tokio::sync::mpsc::UnboundedSender;

/// A run with a mutant may take so many times as long as the one without, and at least so long.
const SLOWER: f64 = 4.0;
const AT_LEAST: Duration = Duration::from_secs(10);

/// What all workers share.
pub struct Shared {
    /// The workspace.
    pub project: Project,
    /// The scenarios, and the architectures of each.
    pub scenarios: Vec<(String, Vec<Arch>)>,
    /// Whether only those scenarios are run that were made for what a mutant breaks.
    pub quick: bool,
    /// How each went without a mutant. Held while one is tried, so that each is tried once.
    pub greens: Mutex<Vec<Green>>,
    /// What killed mutants before.
    pub memory: Mutex<Memory>,
    /// Where results go.
    pub results: UnboundedSender<Line>,
}

/// A worker's own copy.
pub struct Bed {
    shared: Arc<Shared>,
    tree: Tree,
    copy: Project,
    records: PathBuf,
}

/// What came of a scenario.
enum Ran {
    Passed,
    Failed(&'static str),
}

impl Bed {
    /// Makes the copy of the worker of that number, or brings it up to date.
    pub async fn new(shared: Arc<Shared>, number: usize) -> Result<Self, Error> {
        let project = &shared.project;
        let folder = project.mutants().join(format!("generated-{number}"));
        let tree = Tree::of(project.folder(), &folder).await?;
        let copy = Project::workspace(tree.path())?;
        Ok(Self {
            tree,
            copy,
            records: folder.join("records"),
            shared,
        })
    }

    /// Tries a mutant: builds it, and runs scenarios until one fails.
    pub async fn attempt(&self, site: &Site, arch: Arch) -> Result<Row, Error> {
        let path = self.tree.path().join(&site.file);
        let original = self
            .tree
            .read(&site.file)
            .map_err(|e| Error::io("read", &path, &e))?;
        let mutant = site.apply(&original).ok_or_else(|| {
            let what = format!(
                "{} has changed since the mutants were made",
                site.file.display()
            );
            Error::infrastructure(what, "run it again")
        })?;
        self.tree.replace(&site.file, &mutant)?;
        let started = Instant::now();
        let mut row = self.tried(site, arch, &original).await;
        self.tree.replace(&site.file, &original)?;
        if let Ok(row) = &mut row {
            row.seconds = started.elapsed().as_secs_f64();
            self.shared.memory.lock().await.add(row);
        }
        row
    }

    async fn tried(&self, site: &Site, arch: Arch, original: &str) -> Result<Row, Error> {
        let started = Instant::now();
        let built = self.build(arch).await;
        let mut row = Row {
            id: site.id.clone(),
            arch,
            place: format!("{}:{}", site.file.display(), site.line),
            change: format!("`{}` becomes `{}`", site.before, site.after),
            fate: Fate::Survived,
            by: String::new(),
            verdict: String::new(),
            runs: 0,
            building: started.elapsed().as_secs_f64(),
            seconds: 0.0,
            text: String::new(),
        };
        let hypervisor = match built {
            Ok(file) => file,
            Err(error) => {
                let text = error.to_string();
                let refused = text.contains(": error");
                row.fate = if refused {
                    Fate::DoesNotCompile
                } else {
                    Fate::NoVerdict
                };
                return Ok(Row { text, ..row });
            }
        };
        let (scenarios, made_for_it) = {
            let memory = self.shared.memory.lock().await;
            let killers = memory.killers(site, arch);
            order::order(site, arch, &self.shared.scenarios, &killers)
        };
        for (nth, scenario) in scenarios.into_iter().enumerate() {
            if self.shared.quick && nth == made_for_it {
                row.fate = Fate::Undecided;
                break;
            }
            let green = self.green(&scenario, arch, site, original).await?;
            if green.verdict != "pass" {
                continue;
            }
            let ran = match &*scenario {
                HOST_TESTS => self.host_tests().await,
                _ => {
                    let limit = limit(green.seconds);
                    let booted = self.boot(&scenario, arch, Some(&hypervisor), limit).await;
                    booted.map(|(ran, _)| ran)
                }
            };
            row.runs += 1;
            match ran {
                Ok(Ran::Passed) => {}
                Ok(Ran::Failed(verdict)) => {
                    (row.fate, row.by) = (Fate::Killed, scenario);
                    row.verdict = verdict.to_owned();
                    return Ok(row);
                }
                Err(error) => {
                    (row.fate, row.by) = (Fate::NoVerdict, scenario);
                    return Ok(Row {
                        text: error.to_string(),
                        ..row
                    });
                }
            }
        }
        Ok(row)
    }

    async fn build(&self, arch: Arch) -> Result<PathBuf, Error> {
        let recipe = Recipe::load(&self.copy, arch)?;
        let quiet = Progress::nobody();
        let targets = [Target::Hypervisor];
        let files = build::build(&self.copy, &recipe, &targets, Ask::IfChanged, &quiet).await?;
        Ok(files.into_iter().next().expect("a file for each target"))
    }

    /// How a scenario goes without a mutant.
    async fn green(
        &self,
        scenario: &str,
        arch: Arch,
        site: &Site,
        original: &str,
    ) -> Result<Green, Error> {
        let mut greens = self.shared.greens.lock().await;
        let is_it = |green: &&Green| (green.arch, &*green.scenario) == (arch, scenario);
        if let Some(green) = greens.iter().find(is_it) {
            return Ok(green.clone());
        }
        let (ran, seconds) = if scenario == HOST_TESTS {
            let started = Instant::now();
            let mutant = self.tree.replace(&site.file, original)?;
            let ran = self.host_tests().await;
            self.tree.replace(&site.file, &mutant)?;
            (ran?, started.elapsed().as_secs_f64())
        } else {
            self.boot(scenario, arch, None, crate::boot::request::TIMEOUT)
                .await?
        };
        let verdict = match ran {
            Ran::Passed => "pass",
            Ran::Failed(verdict) => verdict,
        };
        let green = Green {
            arch,
            scenario: scenario.to_owned(),
            verdict: verdict.to_owned(),
            seconds,
        };
        let _ = self.shared.results.send(Line::Green(green.clone()));
        greens.push(green.clone());
        Ok(green)
    }

    /// Boots a scenario of the workspace, with a hypervisor or the workspace's own: what came of it, and how many
    /// seconds its machine ran, without what was built first. Its records are removed.
    async fn boot(
        &self,
        scenario: &str,
        arch: Arch,
        hypervisor: Option<&Path>,
        limit: Duration,
    ) -> Result<(Ran, f64), Error> {
        let mut request = Request::new(scenario)
            .arch(arch)
            .timeout(limit)
            .records(&self.records);
        if let Some(file) = hypervisor {
            request = request.hypervisor(file);
        }
        let report = run_async(&self.shared.project, request).await;
        let _ = std::fs::remove_dir_all(&self.records);
        let report = report?;
        match report.exit_code {
            0 => Ok((Ran::Passed, report.seconds)),
            1 | 3 => Ok((Ran::Failed(report.verdict.kind()), report.seconds)),
            _ => Err(Error::infrastructure(report.text, "run it again")),
        }
    }

    /// The hypervisor's own tests, in the copy.
    async fn host_tests(&self) -> Result<Ran, Error> {
        let quiet = Progress::nobody();
        let cargo = |more: &[&str]| {
            let mut command = Command::new("cargo");
            command.current_dir(self.copy.folder()).args([
                "test",
                "--quiet",
                "--package",
                "hypervisor",
            ]);
            command
                .arg("--target-dir")
                .arg(self.copy.target().join("host"))
                .args(more);
            command
                .env("CARGO_INCREMENTAL", "1")
                .env_remove("CARGO")
                .env_remove("RUSTFLAGS");
            command
        };
        let label = "hypervisor for the host";
        cargo::run(cargo(&["--no-run"]), label, &quiet).await?;
        match tokio::time::timeout(
            Duration::from_secs(120),
            cargo::run(cargo(&[]), label, &quiet),
        )
        .await
        {
            Ok(Ok(())) => Ok(Ran::Passed),
            Ok(Err(_)) => Ok(Ran::Failed("failed")),
            Err(_) => Ok(Ran::Failed("timeout")),
        }
    }
}

/// How long a run may take with a mutant, if it takes so many seconds without.
fn limit(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds * SLOWER).max(AT_LEAST)
}
