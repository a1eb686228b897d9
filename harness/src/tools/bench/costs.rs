//! What the harness costs, and how fast it judges: the same QEMU command alone, through the harness and through `x`, in
//! turn, so that all three see the same state of the computer.

use super::auditing::{self, Auditing};
use super::failing::{self, Failing};
use super::freshness::{self, Freshness};
use super::kept::Series;
use super::runs::{HarnessRun, qemu_alone};
use super::{judging, logging, median};
use crate::arch::Arch;
use crate::boot::image;
use crate::boot::{Request, prepare};
use crate::error::Error;
use crate::project::Project;
use serde::Serialize;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Instant;

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
    series.extend(freshness.series());
    series.extend(failing.iter().flat_map(Failing::series));
    let ratios = logging.iter().cloned();
    series.extend(ratios.map(|ratios| Series::new("a run with QEMU's log", "times", ratios)));
    series.extend(auditing.iter().flat_map(Auditing::series));
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
