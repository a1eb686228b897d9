//! Boots the same scenario many times: any boot that does not pass is a flake, and its records are
//! kept.

use super::median;
use super::runs::{HarnessRun, timed};
use crate::arch::Arch;
use crate::boot::{Request, prepare};
use crate::error::Error;
use crate::project::Project;
use crate::records::report::lossy_path;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// The results.
#[derive(Debug, Clone, Serialize)]
pub struct Soaked {
    /// The architecture.
    pub arch: Arch,
    /// How many boots.
    pub boots: usize,
    /// From the machine's start to the verdict, in seconds: the median.
    pub verdict: f64,
    /// The longest.
    pub slowest: f64,
    /// The whole process, in seconds: the median.
    pub process: f64,
    /// The boots that did not pass.
    pub flakes: Vec<Flake>,
}

/// A boot that did not pass.
#[derive(Debug, Clone, Serialize)]
pub struct Flake {
    /// Its kind of verdict, and the verdict in words.
    pub verdict: String,
    /// Its records.
    #[serde(serialize_with = "lossy_path")]
    pub run_dir: Option<PathBuf>,
}

impl Soaked {
    /// Prints a short table.
    pub fn human(&self) -> String {
        let mut out = format!(
            "{}, {} boots, {} of them not passed\n\
             \x20 to the verdict   {:>8.3} s, median; {:.3} s at most\n\
             \x20 whole process    {:>8.3} s, median\n",
            self.arch,
            self.boots,
            self.flakes.len(),
            self.verdict,
            self.slowest,
            self.process,
        );
        for Flake { verdict, run_dir } in &self.flakes {
            let records = run_dir.as_ref().map(|dir| dir.display().to_string());
            out += &format!("  {verdict}\n    {}\n", records.unwrap_or_default());
        }
        out
    }
}

/// Boots the usual scenario this many times, each in a new process of the harness `program`.
pub async fn soak(
    project: &Project,
    program: &Path,
    arch: Arch,
    boots: usize,
) -> Result<Soaked, Error> {
    let records = project.soaks();
    let request = Request::new("gkernel").arch(arch).records(&records);
    let prepared = prepare(project, &request).await?;
    let _ = std::fs::remove_dir_all(prepared.dir.path()); // it was made to have things built
    let harness = HarnessRun::new(project, program, arch, &records);
    let (mut verdicts, mut processes, mut flakes) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..boots {
        let mut command = harness.command_that_boots(&prepared.programs);
        command.args(["--format", "json"]);
        let (seconds, output) = timed(&mut command).await?;
        processes.push(seconds);
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        verdicts.push(report["seconds"].as_f64().unwrap_or_default());
        // The name is plain; the report may not show the whole path of the folder.
        let run_dir = report["run_dir"].as_str().map(Path::new);
        let run_dir = run_dir
            .and_then(Path::file_name)
            .map(|name| records.join(name));
        if report["verdict"]["kind"] != "pass" {
            flakes.push(flake(&report, run_dir));
        } else if let Some(dir) = run_dir {
            let _ = std::fs::remove_dir_all(dir);
        }
    }
    Ok(Soaked {
        arch,
        boots,
        slowest: verdicts.iter().copied().fold(0.0, f64::max),
        verdict: median(verdicts),
        process: median(processes),
        flakes,
    })
}

fn flake(report: &serde_json::Value, run_dir: Option<PathBuf>) -> Flake {
    let word = |value: &serde_json::Value| value.as_str().unwrap_or("no report").to_owned();
    Flake {
        verdict: format!(
            "{}: {}",
            word(&report["verdict"]["kind"]),
            word(&report["text"])
        ),
        run_dir,
    }
}
