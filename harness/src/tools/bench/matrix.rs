//! Measures `harness matrix`: how long the main scenario takes on all architectures, and how busy the processors are kept by
//! all cases.

use super::kept::Series;
use super::runs::{timed, without_job};
use super::{median, transcripts};
use crate::error::Error;
use crate::matrix::{Outcome, Results, folder};
use crate::project::Project;
use serde::Serialize;
use std::path::Path;
use std::process::Stdio;
use tokio::process::Command;

/// The most time that the main scenario may take on all architectures, on two processors, in seconds: the whole program.
const MAIN_BUDGET: f64 = 1.0;

/// How much longer all cases may take, the whole program, than their boots did, shared out to the processors without a gap.
const WHOLE_BUDGET: f64 = 1.1;

/// How the line begins that says where the results are.
const RESULTS: &str = "  results: ";

/// How much longer all cases may take than their boots one by one, shared out likewise: boots slow one another down, as each
/// has more than one busy thread, and this says by how much at most.
const ALONE_BUDGET: f64 = 1.75;

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
    /// What the whole printed, for the pages of this project.
    #[serde(skip)]
    pub printed: String,
    /// Everything that was measured, to be compared with other measurements.
    #[serde(skip)]
    pub series: Vec<Series>,
}

impl MatrixFigures {
    /// Whether all values are within the promised limits.
    pub fn within_budget(&self) -> bool {
        self.failures == 0
            && self.main <= MAIN_BUDGET
            && self.ratio <= WHOLE_BUDGET
            && self.over_alone() <= ALONE_BUDGET
    }

    /// How many times longer the whole took than the boots one by one, shared out to the processors.
    fn over_alone(&self) -> f64 {
        self.whole / (self.alone / self.processors as f64)
    }

    /// Prints a short table.
    pub fn human(&self) -> String {
        let percent = |ratio: f64| (ratio - 1.0) * 100.0;
        format!(
            "matrix, on {} processors\n\
             \x20 the main scenario {:>8.3} s     on all architectures, median of {} (at most {MAIN_BUDGET:.1})\n\
             \x20 all {:>4} cases    {:>8.2} s,    {:>+4.1} % over {:.2} s of boots on as many processors (at most {:+.0})\n\
             \x20 the same          {:>+8.1} % over {:.2} s of boots that run one by one (at most {:+.0})\n\
             \x20 cases not passed  {:>8}\n",
            self.processors,
            self.main,
            self.runs,
            self.cases,
            self.whole,
            percent(self.ratio),
            self.boots,
            percent(WHOLE_BUDGET),
            percent(self.over_alone()),
            self.alone,
            percent(ALONE_BUDGET),
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
        command.args(["matrix", "--root"]).arg(project.folder());
        command.arg("--records").arg(records.path()).args(args);
        command.env("NO_COLOR", "1");
        without_job(&mut command);
        command.stdin(Stdio::null()).stderr(Stdio::inherit());
        command.kill_on_drop(true);
        command
    };
    let main = ["--scenario", "gkernel"];
    // The first one builds, and warms the caches.
    ran(matrix(&main)).await?;
    let (mut times, mut failures) = (Vec::new(), 0);
    for _ in 0..runs {
        let main = ran(matrix(&main)).await?;
        times.push(main.seconds);
        failures += not_passed(&main.results);
    }
    // One by one first: that is also how long the cases take is learnt.
    let alone = ran(matrix(&["--jobs", "1"])).await?;
    let whole = ran(matrix(&[])).await?;
    let jobs = whole.results.jobs;
    let [alone_boots, boots] = [&alone, &whole].map(|ran| seconds_of_boots(&ran.results));
    let over = |boots: f64| whole.seconds / (boots / jobs as f64);
    let series = [
        ("the main scenario", "s", times.clone()),
        ("all cases", "s", vec![whole.seconds]),
        ("all cases, over their boots", "times", vec![over(boots)]),
        (
            "all cases, over boots one by one",
            "times",
            vec![over(alone_boots)],
        ),
    ];
    let series = series.map(|(name, unit, samples)| {
        let figure = Series::new(format!("matrix: {name}"), unit, samples);
        match figure.samples.len() {
            1 => figure.not_compared(),
            _ => figure,
        }
    });
    let usual = project.matrices();
    let usual = usual.strip_prefix(project.folder()).unwrap_or(&usual);
    // It stands where the matrices of people do, but for these here.
    let printed = whole
        .printed
        .replace(&*records.path().to_string_lossy(), &usual.to_string_lossy());
    Ok(MatrixFigures {
        processors: jobs,
        runs,
        main: median(times),
        cases: whole.results.cases.len(),
        whole: whole.seconds,
        boots,
        ratio: over(boots),
        alone: alone_boots,
        failures: failures + not_passed(&alone.results) + not_passed(&whole.results),
        printed: transcripts::matrix(&printed),
        series: series.into(),
    })
}

/// A matrix that was run.
struct Ran {
    /// How long the whole program took.
    seconds: f64,
    printed: String,
    results: Results,
}

async fn ran(mut command: Command) -> Result<Ran, Error> {
    let (seconds, output) = timed(&mut command).await?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let file = printed.lines().find_map(|line| line.strip_prefix(RESULTS));
    let folder = file.and_then(|file| Path::new(file).parent());
    let folder = folder.ok_or_else(|| {
        Error::infrastructure(
            format!("harness matrix gave no results ({})", output.status),
            "run it by itself, and see what it says",
        )
    })?;
    let results = folder::read(folder)?;
    Ok(Ran {
        seconds,
        printed,
        results,
    })
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
