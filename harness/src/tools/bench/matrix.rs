//! Measures `harness matrix`: how long the main scenario takes on all architectures, and how busy the processors are kept by
//! all cases.

use super::{median, timed};
use crate::error::Error;
use crate::matrix::{Outcome, Results};
use crate::project::Project;
use serde::Serialize;
use std::path::Path;
use std::process::Stdio;
use tokio::process::Command;

/// The most time that the main scenario may take on all architectures, on two processors, in seconds: the whole program.
const MAIN_BUDGET: f64 = 1.0;

/// How much longer all cases may take, the whole program, than their boots did, shared out to the processors without a gap.
const WHOLE_BUDGET: f64 = 1.1;

/// The measurements, in seconds.
#[derive(Debug, Clone, Serialize)]
pub struct MatrixFigures {
    /// How many processors there are.
    pub processors: usize,
    /// How many runs of the main scenario.
    pub runs: usize,
    /// The main scenario on all architectures, the whole program: the median.
    pub main: f64,
    /// How many cases there are in all.
    pub cases: usize,
    /// All of them, as many at once as there are processors: the whole program.
    pub whole: f64,
    /// Their boots, each as long as it took then: the sum.
    pub boots: f64,
    /// How many times longer the whole took than the boots shared out to the processors.
    pub ratio: f64,
    /// Their boots one by one: the sum. A boot has more than one thread, so it is slower beside another one.
    pub alone: f64,
    /// Cases that did not pass.
    pub failures: usize,
}

impl MatrixFigures {
    /// Whether all values are within the promised limits.
    pub fn within_budget(&self) -> bool {
        self.failures == 0 && self.main <= MAIN_BUDGET && self.ratio <= WHOLE_BUDGET
    }

    /// Prints a short table.
    pub fn human(&self) -> String {
        let percent = |ratio: f64| (ratio - 1.0) * 100.0;
        format!(
            "matrix, on {} processors\n\
             \x20 the main scenario {:>8.3} s     on all architectures, median of {} (at most {MAIN_BUDGET:.1})\n\
             \x20 all {:>4} cases    {:>8.2} s,    {:>+4.1} % over {:.2} s of boots on as many processors (at most {:+.0})\n\
             \x20 one by one       {:>8.2} s     of boots\n\
             \x20 cases not passed  {:>8}\n",
            self.processors,
            self.main,
            self.runs,
            self.cases,
            self.whole,
            percent(self.ratio),
            self.boots,
            percent(WHOLE_BUDGET),
            self.alone,
            self.failures,
        )
    }
}

/// Measures, with runs of the harness `program`.
pub async fn measure(
    project: &Project,
    program: &Path,
    runs: usize,
) -> Result<MatrixFigures, Error> {
    let records = tempfile::tempdir().map_err(|e| Error::io("use", &std::env::temp_dir(), &e))?;
    let matrix = |args: &[&str]| {
        let mut command = Command::new(program);
        command.args(["matrix", "--format", "json", "--root"]);
        command.arg(project.folder());
        command.arg("--records").arg(records.path()).args(args);
        command.stdin(Stdio::null()).stderr(Stdio::inherit());
        command.kill_on_drop(true);
        command
    };
    let main = ["--scenario", "gkernel"];
    // The first one builds, and warms the caches.
    ran(matrix(&main)).await?;
    let (mut times, mut failures) = (Vec::new(), 0);
    for _ in 0..runs {
        let (seconds, results) = ran(matrix(&main)).await?;
        times.push(seconds);
        failures += not_passed(&results);
    }
    // One by one first: that is also how long the cases take is learnt.
    let (_, alone) = ran(matrix(&["--jobs", "1"])).await?;
    let (took, whole) = ran(matrix(&[])).await?;
    let boots = seconds_of_boots(&whole);
    Ok(MatrixFigures {
        processors: whole.jobs,
        runs,
        main: median(times),
        cases: whole.cases.len(),
        whole: took,
        boots,
        ratio: took / (boots / whole.jobs as f64),
        alone: seconds_of_boots(&alone),
        failures: failures + not_passed(&alone) + not_passed(&whole),
    })
}

/// Runs a matrix; how long the whole program took, and what came of it.
async fn ran(mut command: Command) -> Result<(f64, Results), Error> {
    let (seconds, output) = timed(&mut command).await?;
    let results = serde_json::from_slice(&output.stdout).map_err(|error| {
        Error::infrastructure(
            format!(
                "harness matrix gave no results ({}): {error}",
                output.status
            ),
            "run it by itself, and see what it says",
        )
    })?;
    Ok((seconds, results))
}

/// The sum over all its boots, each with all that belongs to it.
fn seconds_of_boots(results: &Results) -> f64 {
    let attempts = results.cases.iter().flat_map(|case| &case.attempts);
    attempts.map(|attempt| attempt.seconds).sum()
}

fn not_passed(results: &Results) -> usize {
    let cases = results.cases.iter();
    cases.filter(|case| case.outcome != Outcome::Passed).count()
}
