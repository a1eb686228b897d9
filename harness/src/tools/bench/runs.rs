//! The runs that are measured.

use crate::arch::Arch;
use crate::boot::Prepared;
use crate::error::Error;
use crate::project::Project;
use crate::records::whereabouts::Programs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;
use tokio::process::Command;

/// The seconds that a run's QEMU takes without the harness.
pub(super) async fn qemu_alone(prepared: &Prepared) -> Result<f64, Error> {
    let mut command = prepared.launch.command(&prepared.by_hand);
    command
        .kill_on_drop(true)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    timed(&mut command).await.map(|(seconds, _)| seconds)
}

/// Runs of the whole program.
#[derive(Clone)]
pub(super) struct HarnessRun {
    pub(super) program: PathBuf,
    pub(super) project: Project,
    pub(super) arch: Arch,
    pub(super) records: PathBuf,
    /// The most memory that each run had, in KiB.
    pub(super) memory: Vec<f64>,
    pub(super) failures: usize,
}

impl HarnessRun {
    pub(super) fn new(project: &Project, program: &Path, arch: Arch, records: &Path) -> Self {
        Self {
            program: program.to_owned(),
            project: project.clone(),
            arch,
            records: records.to_owned(),
            memory: Vec::new(),
            failures: 0,
        }
    }

    /// The command, with its usual options.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["run", "--arch", self.arch.name(), "--root"]);
        command.arg(self.project.folder());
        command.arg("--records").arg(&self.records);
        command.stdin(Stdio::null()).kill_on_drop(true);
        without_job(&mut command);
        command
    }

    /// The command that boots what is already built.
    pub(super) fn command_that_boots(&self, programs: &Programs) -> Command {
        let mut command = self.command();
        command.arg("--hypervisor").arg(&programs.hypervisor);
        if let Some((_, guest)) = programs.guests.first() {
            command.arg("--guest").arg(guest);
        }
        command
    }

    pub(super) async fn time(&mut self) -> Result<f64, Error> {
        let mut command = self.command();
        command.args(["--format", "json"]);
        let (seconds, output) = timed(&mut command).await?;
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        self.memory.extend(report["memory_kib"].as_f64());
        self.failures += usize::from(!output.status.success());
        Ok(seconds)
    }
}

/// Keeps a harness that is measured from telling GitHub of its runs.
pub(super) fn without_job(command: &mut Command) {
    command
        .env_remove("GITHUB_ACTIONS")
        .env_remove("GITHUB_STEP_SUMMARY");
}

/// Runs a command, and gives the seconds that it took.
pub(super) async fn timed(command: &mut Command) -> Result<(f64, std::process::Output), Error> {
    let start = Instant::now();
    let output = command.output().await.map_err(|error| {
        let program = command
            .as_std()
            .get_program()
            .to_string_lossy()
            .into_owned();
        Error::infrastructure(
            format!("{program} could not be started: {error}"),
            "run ./x setup",
        )
    })?;
    Ok((start.elapsed().as_secs_f64(), output))
}
