//! Measures the harness. `harness bench`: its cost and its speed. `harness bench --soak`: how often it
//! is wrong. `harness bench --exits`: what the hypervisor costs its guests. `harness bench --matrix`: how well many runs share
//! the processors.
//!
//! The same QEMU command runs alone, through the harness and through `x`, in turn, so that all three
//! see the same state of the computer. The results are medians.

mod auditing;
pub mod baseline;
pub mod exits;
mod failing;
mod freshness;
mod judging;
pub mod kept;
mod logging;
pub mod matrix;
pub mod pages;
pub mod soak;
pub mod transcripts;

use crate::arch::Arch;
use crate::boot::image;
use crate::boot::{Prepared, Request, prepare};
use crate::error::Error;
use crate::machine::ask;
use crate::project::Project;
use crate::records::whereabouts::Programs;
use auditing::Auditing;
use failing::Failing;
use freshness::Freshness;
use kept::Series;
use serde::Serialize;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Instant, SystemTime};
use tokio::process::Command;

/// The most time that a warm `./x run` may add to QEMU's own, in seconds.
const OVERHEAD_BUDGET: f64 = 0.1;

/// The most memory that the harness may use, in KiB.
const MEMORY_BUDGET: u64 = 30 << 10;

/// The longest time from the cause of a failure to the harness's end, in seconds.
const FAILING_BUDGET: f64 = 0.1;

/// The lowest speed for judging a recorded console, in MB/s.
const JUDGING_TARGET: f64 = 200.0;

/// The longest that a machine may stand still to be looked at, in milliseconds.
const STANDSTILL_BUDGET: f64 = 10.0;

/// How much longer a run may take with the audit than without.
const AUDIT_TARGET: f64 = 1.05;

/// The measurements, in seconds and KiB.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// The architecture.
    pub arch: Arch,
    /// How many runs of each.
    pub runs: usize,
    /// QEMU's own time, median.
    pub qemu_alone: f64,
    /// The whole `harness run`, median.
    pub harness_run: f64,
    /// The whole `./x run`, median.
    pub x_run: f64,
    /// How much longer `harness run` took than the QEMU before it, median.
    pub overhead: f64,
    /// How much longer `./x run` took than the QEMU before it, median.
    pub x_overhead: f64,
    /// The harness's own largest memory.
    pub memory_kib: u64,
    /// Making a disk image, median.
    pub disk_image: f64,
    /// The size of a disk image on the disk.
    pub disk_kib: u64,
    /// Runs that did not pass.
    pub failures: usize,
    /// From the cause of a failure to the harness's end, if the system lets that be measured.
    pub failing: Option<Failing>,
    /// How many times longer a run takes with QEMU's log of the exits than without, if both pass.
    pub logging: Option<f64>,
    /// What the audit costs, if runs with and without it pass.
    pub auditing: Option<Auditing>,
    /// Judging a recorded console, in MB/s on one core.
    pub judging: f64,
    /// What it takes to find that nothing has to be built.
    pub freshness: Freshness,
    /// Everything that was measured, to be compared with other measurements.
    #[serde(skip)]
    pub series: Vec<Series>,
}

impl Figures {
    /// Whether all values are within the promised limits.
    pub fn within_budget(&self) -> bool {
        let slowest = self.failing.as_ref().map_or(0.0, Failing::slowest);
        let audit = self.auditing.as_ref();
        let standstill = audit.map_or(0.0, |audit| audit.longest_ms);
        self.is_sound()
            && standstill <= STANDSTILL_BUDGET
            && self.x_overhead <= OVERHEAD_BUDGET
            && self.memory_kib <= MEMORY_BUDGET
            && slowest <= FAILING_BUDGET
            && self.judging >= JUDGING_TARGET
    }

    /// Whether every run came out as it was meant to.
    pub fn is_sound(&self) -> bool {
        self.failures == 0 && self.not_measured().is_empty()
    }

    /// What could not be measured.
    fn not_measured(&self) -> Vec<&'static str> {
        let all = [
            (self.failing.is_some(), "how fast a failure is told"),
            (self.logging.is_some(), "QEMU's log"),
            (self.auditing.is_some(), "the audit"),
        ];
        let missing = all.into_iter().filter(|(measured, _)| !measured);
        missing.map(|(_, what)| what).collect()
    }

    /// Prints a short table.
    pub fn human(&self) -> String {
        let Self { arch, runs, .. } = self;
        let failing = self.failing.as_ref().map_or(String::new(), |failing| {
            format!(
                "\x20 forbidden line   {:>8.1} ms to the harness's end (at most {:.0})\n\
                 \x20 QEMU's death     {:>8.1} ms to the harness's end (at most {:.0})\n",
                failing.forbidden_line * 1e3,
                FAILING_BUDGET * 1e3,
                failing.death * 1e3,
                FAILING_BUDGET * 1e3,
            )
        });
        let logging = self.logging.map_or(String::new(), |ratio| {
            let percent = (ratio - 1.0) * 100.0;
            format!("\x20 QEMU's log        {percent:>+8.1} % of a run\n")
        });
        let auditing = self.auditing.as_ref().map_or(String::new(), |audit| {
            let percent = (audit.ratio - 1.0) * 100.0;
            let target = (AUDIT_TARGET - 1.0) * 100.0;
            format!(
                "\x20 the audit        {percent:>+8.1} % of a run (goal {target:+.0}), {:.0} times, {:.1} ms for \
                 the longest (at most {STANDSTILL_BUDGET:.0})\n",
                audit.snapshots, audit.longest_ms
            )
        });
        let missing = self.not_measured().into_iter().map(|what| {
            format!("\x20 not measured     {what}: a run for it did not end as it was meant to\n")
        });
        let missing: String = missing.collect();
        format!(
            "{arch}, {runs} runs of each in turn, medians\n\
             \x20 QEMU alone       {:>8.3} s\n\
             \x20 harness run      {:>8.3} s,    {:>+4.0} ms\n\
             \x20 ./x run          {:>8.3} s,    {:>+4.0} ms (at most {:+.0})\n\
             \x20 harness's memory {:>8.1} MiB   (at most {})\n\
             \x20 a disk image     {:>8.1} ms, {:.1} MiB\n\
             \x20 runs not passed  {:>8}\n\
             {failing}\
             {logging}\
             {auditing}\
             {missing}\
             \x20 judging a log    {:>8.0} MB/s  (at least {JUDGING_TARGET:.0})\n\
             \x20 nothing to build {:>8.1} ms by the stamps, {:.0} ms by cargo\n",
            self.qemu_alone,
            self.harness_run,
            self.overhead * 1e3,
            self.x_run,
            self.x_overhead * 1e3,
            OVERHEAD_BUDGET * 1e3,
            self.memory_kib as f64 / 1024.0,
            MEMORY_BUDGET >> 10,
            self.disk_image * 1e3,
            self.disk_kib as f64 / 1024.0,
            self.failures,
            self.judging,
            self.freshness.stamps * 1e3,
            self.freshness.cargo * 1e3,
        )
    }
}

/// Measures an architecture, with runs of the harness `program`.
pub async fn measure(
    project: &Project,
    program: &Path,
    arch: Arch,
    runs: usize,
) -> Result<Figures, Error> {
    let records = tempfile::tempdir().map_err(|e| Error::io("use", &std::env::temp_dir(), &e))?;
    let request = Request::new("gkernel").arch(arch).records(records.path());
    let prepared = prepare(project, &request).await?;
    let (disk_image, disk_kib) = disk_image(records.path())?;
    let mut harness = HarnessRun::new(project, program, arch, records.path());
    let mut by_x = HarnessRun {
        program: project.x(),
        ..harness.clone()
    };
    // The first ones warm the caches; `x` may have to build.
    by_x.time().await?;
    harness.time().await?;
    let (mut alone, mut through, mut through_x) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..runs {
        alone.push(qemu_alone(&prepared).await?);
        through.push(harness.time().await?);
        through_x.push(by_x.time().await?);
    }
    let failing = failing::measure(&harness, &prepared.programs).await?;
    let logging = logging::measure(&harness, &prepared.programs, runs).await?;
    let auditing = auditing::measure(&harness, &prepared.programs, runs).await?;
    let freshness = freshness::measure(project, arch).await?;
    let judging = judging::measure(&prepared.scenario.story);
    let over = |through: &[f64]| -> Vec<f64> {
        let pairs = alone.iter().zip(through);
        pairs.map(|(alone, through)| through - alone).collect()
    };
    let [overhead, x_overhead] = [&through, &through_x].map(|through| over(through));
    let mut series = vec![
        Series::new("harness run over QEMU", "s", overhead.clone()),
        Series::new("./x run over QEMU", "s", x_overhead.clone()),
        Series::new("the harness's memory", "KiB", harness.memory.clone()),
        Series::new("a disk image", "s", disk_image.clone()),
        Series::new("judging a log", "MB/s", judging.clone()).more_is_better(),
    ];
    let found = ["by the stamps", "by cargo"]
        .into_iter()
        .zip(&freshness.samples);
    series.extend(
        found.map(|(how, times)| {
            Series::new(format!("nothing to build, {how}"), "s", times.clone())
        }),
    );
    if let Some(Failing {
        samples: [line, death],
        ..
    }) = &failing
    {
        series.push(Series::new("forbidden line to the end", "s", line.clone()));
        series.push(Series::new("QEMU's death to the end", "s", death.clone()));
    }
    series.extend(
        logging
            .clone()
            .map(|ratios| Series::new("a run with QEMU's log", "times", ratios)),
    );
    if let Some(Auditing {
        samples: [ratios, longest],
        ..
    }) = &auditing
    {
        series.push(Series::new("a run with the audit", "times", ratios.clone()));
        series.push(Series::new("the longest standstill", "ms", longest.clone()));
    }
    for figure in &mut series {
        figure.name = format!("{arch}: {}", figure.name);
    }
    Ok(Figures {
        arch,
        runs,
        qemu_alone: median(alone),
        harness_run: median(through),
        x_run: median(through_x),
        overhead: median(overhead),
        x_overhead: median(x_overhead),
        memory_kib: harness.memory.iter().copied().fold(0.0, f64::max) as u64,
        disk_image: median(disk_image),
        disk_kib,
        failures: harness.failures + by_x.failures,
        failing,
        logging: logging.map(median),
        auditing,
        judging: median(judging),
        freshness,
        series,
    })
}

/// How and where is measured, for people: the QEMU, the processors, how many runs, and the day.
pub async fn circumstances(project: &Project, runs: usize) -> Result<String, Error> {
    let qemu = Path::new("qemu-system-x86_64");
    let answer = ask::ask(qemu, &["--version"], project.folder(), ask::PATIENCE).await?;
    let version = answer.first_line().unwrap_or_default();
    let version = version.split_whitespace().nth(3).unwrap_or("?").to_owned();
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let today = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let (day, _) = today.split_once('T').unwrap_or((&today, ""));
    Ok(format!(
        "QEMU {version} (TCG) with {processors} processors and nothing else to do, medians of {runs} runs, {day}"
    ))
}

async fn qemu_alone(prepared: &Prepared) -> Result<f64, Error> {
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
struct HarnessRun {
    program: PathBuf,
    project: Project,
    arch: Arch,
    records: PathBuf,
    /// The most memory that each run had, in KiB.
    memory: Vec<f64>,
    failures: usize,
}

impl HarnessRun {
    fn new(project: &Project, program: &Path, arch: Arch, records: &Path) -> Self {
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
    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["run", "--arch", self.arch.name(), "--root"]);
        command.arg(self.project.folder());
        command.arg("--records").arg(&self.records);
        command.stdin(Stdio::null()).kill_on_drop(true);
        without_job(&mut command);
        command
    }

    /// The command that boots what is already built.
    fn command_that_boots(&self, programs: &Programs) -> Command {
        let mut command = self.command();
        command.arg("--hypervisor").arg(&programs.hypervisor);
        if let Some((_, guest)) = programs.guests.first() {
            command.arg("--guest").arg(guest);
        }
        command
    }

    async fn time(&mut self) -> Result<f64, Error> {
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
fn without_job(command: &mut Command) {
    command
        .env_remove("GITHUB_ACTIONS")
        .env_remove("GITHUB_STEP_SUMMARY");
}

async fn timed(command: &mut Command) -> Result<(f64, std::process::Output), Error> {
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

/// The times to make a disk image, and its size on the disk.
fn disk_image(folder: &Path) -> Result<(Vec<f64>, u64), Error> {
    let path = folder.join("bench.img");
    let files = [("/sbin/gkernel".to_owned(), vec![1; 128 << 10])];
    let mut times = Vec::new();
    for _ in 0..9 {
        let start = Instant::now();
        image::write_disk(&path, 64 << 20, &files).map_err(|e| Error::io("write", &path, &e))?;
        times.push(start.elapsed().as_secs_f64());
    }
    let meta = std::fs::metadata(&path).map_err(|e| Error::io("read", &path, &e))?;
    Ok((times, meta.blocks() / 2))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
