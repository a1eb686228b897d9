//! Measures the cost of the audit: the same run with and without it.

use super::kept::Series;
use super::median;
use super::runs::{HarnessRun, timed};
use crate::error::Error;
use crate::records::whereabouts::Programs;
use serde::Serialize;

/// What the audit costs.
#[derive(Debug, Clone, Serialize)]
pub struct Auditing {
    /// How many times longer a run takes with it than without, from its start to its verdict: the median of
    /// the ratios within pairs of runs.
    pub ratio: f64,
    /// How often the machine is looked at in a run, median.
    pub snapshots: f64,
    /// How long it stands still for one at most, in milliseconds, median.
    pub longest_ms: f64,
    /// The ratios, and the longest of each run.
    #[serde(skip)]
    samples: [Vec<f64>; 2],
}

impl Auditing {
    /// The ratios and the longest, of every run.
    pub(super) fn series(&self) -> [Series; 2] {
        let [ratios, longest] = self.samples.clone();
        [
            Series::new("a run with the audit", "times", ratios),
            Series::new("the longest standstill", "ms", longest),
        ]
    }
}

/// A run: its seconds, and of the audit how often and how long.
struct Run {
    seconds: f64,
    audit: Option<(f64, f64)>,
}

/// Measures so many pairs of runs. None if one does not pass.
pub(super) async fn measure(
    harness: &HarnessRun,
    programs: &Programs,
    pairs: usize,
) -> Result<Option<Auditing>, Error> {
    let (mut ratios, mut snapshots, mut longest) = (Vec::new(), Vec::new(), Vec::new());
    for nth in 0..pairs {
        // Each kind goes first equally often: the load of the computer may change slowly.
        let mut kinds = [true, false];
        kinds.rotate_left(nth % 2);
        let [mut with, mut without] = [None, None];
        for audited in kinds {
            let Some(run) = run(harness, programs, audited).await? else {
                return Ok(None);
            };
            match run.audit {
                Some((count, ms)) if audited => {
                    snapshots.push(count);
                    longest.push(ms);
                    with = Some(run.seconds);
                }
                None if !audited => without = Some(run.seconds),
                _ => return Ok(None),
            }
        }
        ratios.extend(with.zip(without).map(|(with, without)| with / without));
    }
    Ok(Some(Auditing {
        ratio: median(ratios.clone()),
        snapshots: median(snapshots),
        longest_ms: median(longest.clone()),
        samples: [ratios, longest],
    }))
}

async fn run(
    harness: &HarnessRun,
    programs: &Programs,
    audited: bool,
) -> Result<Option<Run>, Error> {
    let mut command = harness.command_that_boots(programs);
    command.args(["--format", "json"]);
    if !audited {
        command.arg("--no-audit");
    }
    let (_, output) = timed(&mut command).await?;
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let of_audit = |key: &str| report["audit"][key].as_f64();
    let seconds = report["seconds"]
        .as_f64()
        .filter(|_| output.status.success());
    Ok(seconds.map(|seconds| Run {
        seconds,
        audit: of_audit("snapshots").zip(of_audit("longest_ms")),
    }))
}
