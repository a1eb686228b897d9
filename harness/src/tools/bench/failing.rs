//! Measures how fast a failure is reported, on a real QEMU: from its cause to the end of the harness.

use super::kept::Series;
use super::median;
use super::runs::HarnessRun;
use crate::error::Error;
use crate::records::whereabouts::Programs;
use rustix::process::{Pid, Signal, kill_process};
use serde::Serialize;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Instant;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

/// How many times each of them is measured.
const TIMES: usize = 9;

/// The beginning of the line that is forbidden: a line of the banner that every boot prints, and that
/// is not a step. An awaited line is always allowed, so forbidding one would change nothing.
const LINE: &str = "      d88888 ";

/// Medians, in seconds.
#[derive(Debug, Clone, Serialize)]
pub struct Failing {
    /// From a forbidden line, when the harness shows it.
    pub forbidden_line: f64,
    /// From a SIGKILL to QEMU.
    pub death: f64,
    /// What both are the medians of.
    #[serde(skip)]
    samples: [Vec<f64>; 2],
}

impl Failing {
    /// The slower of the two.
    pub fn slowest(&self) -> f64 {
        self.forbidden_line.max(self.death)
    }

    /// Both, with every sample.
    pub(super) fn series(&self) -> [Series; 2] {
        let [line, death] = self.samples.clone();
        [
            Series::new("forbidden line to the end", "s", line),
            Series::new("QEMU's death to the end", "s", death),
        ]
    }
}

/// Measures both; none if the system does not show which process is QEMU.
pub(super) async fn measure(
    harness: &HarnessRun,
    programs: &Programs,
) -> Result<Option<Failing>, Error> {
    let (mut lines, mut deaths) = (Vec::new(), Vec::new());
    let scenario = scenario_that_forbids(harness)?;
    for _ in 0..TIMES {
        let mut command = harness.command_that_boots(programs);
        command.arg("--scenario").arg(&scenario);
        let told = from_line(command, LINE, |_| Some(()), 1).await?;
        lines.extend(told);
        let death = from_line(harness.command_that_boots(programs), "", kill_qemu_of, 4).await?;
        deaths.extend(death);
    }
    Ok(
        (lines.len() == TIMES && deaths.len() == TIMES).then(|| Failing {
            forbidden_line: median(lines.clone()),
            death: median(deaths.clone()),
            samples: [lines, deaths],
        }),
    )
}

/// The usual scenario, with a line forbidden that always comes.
fn scenario_that_forbids(harness: &HarnessRun) -> Result<PathBuf, Error> {
    let usual = harness.project.scenario("gkernel");
    let text = std::fs::read_to_string(&usual).map_err(|e| Error::io("read", &usual, &e))?;
    let file = harness.records.join("forbids.toml");
    let forbid = format!("\n[[forbid]]\npattern = '^{LINE}'\n");
    std::fs::write(&file, text + &forbid).map_err(|e| Error::io("write", &file, &e))?;
    Ok(file)
}

/// Seconds from the line with this beginning, and from the action taken then, to the end of the harness
/// with that exit code. The first such line shows that the machine is up.
async fn from_line(
    mut command: Command,
    beginning: &str,
    then: impl Fn(u32) -> Option<()>,
    code: i32,
) -> Result<Option<f64>, Error> {
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let cannot = |e| Error::io("run", std::path::Path::new("the harness"), &e);
    let mut child = command.spawn().map_err(cannot)?;
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let mut start = None;
    while let Ok(Some(line)) = lines.next_line().await {
        if start.is_none() && line.starts_with(beginning) {
            start = child.id().and_then(&then).map(|()| Instant::now());
        }
    }
    let status = child.wait().await.map_err(cannot)?;
    let failed = status.code() == Some(code);
    Ok(start
        .filter(|_| failed)
        .map(|start| start.elapsed().as_secs_f64()))
}

/// Kills the only child of a harness whose machine is running. Any of its threads may be the parent.
fn kill_qemu_of(harness: u32) -> Option<()> {
    let threads = std::fs::read_dir(format!("/proc/{harness}/task")).ok()?;
    let children = threads.filter_map(|thread| {
        let children = thread.ok()?.path().join("children");
        std::fs::read_to_string(children).ok()
    });
    let children: String = children.collect();
    let pid = Pid::from_raw(children.trim().parse().ok()?)?;
    kill_process(pid, Signal::KILL).ok()
}
