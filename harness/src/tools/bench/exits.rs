//! Measures what the hypervisor costs its guests: an exit, of each kind that the guest `bench-exits` knows, with what
//! the machine itself takes for one; how late the timer's interrupt is; and what a guest costs that waits.
//!
//! The guest measures by its own counter. QEMU's log and the audit are off: each would be most of what it measures.

mod lines;

use super::kept::Series;
use super::median;
use super::runs::{HarnessRun, timed};
use crate::arch::Arch;
use crate::boot::{Request, prepare};
use crate::error::Error;
use crate::files;
use crate::project::Project;
use crate::records::whereabouts::Programs;
use lines::{Line, Measured};
use serde::Serialize;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// The guest that measures, and the one that waits: the names of the scenarios.
const MEASURES: &str = "bench-exits";
const WAITS: &str = "bench-idle";

/// The line of a scenario that says for how many milliseconds the guest waits.
const WAITING: &str = "arg   = \"10000\"";
const SECONDS: f64 = 10.0;
/// How many boots of it there are at most: it waits long enough for a few to do.
const WAITS_BOOTS: usize = 3;
const NOT_WAITING: &str = "arg   = \"0\"";

/// The results. All are medians over the boots, but for the idle cost.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Exits {
    /// The architecture.
    pub arch: Arch,
    /// How many boots of each guest.
    pub boots: usize,
    /// What the machine takes by itself.
    pub floors: Vec<Floor>,
    /// What exits cost.
    pub exits: Vec<Exit>,
    /// How late the timer is.
    pub late: Vec<Late>,
    /// The processor's time that the host uses while a guest waits, as a part of the time waited: the mean.
    pub idle: f64,
    /// Everything that was measured, to be compared with other measurements.
    #[serde(skip)]
    pub series: Vec<Series>,
}

/// A trap without the hypervisor's own work.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Floor {
    /// `entry`: the guest is entered at a call, and is left by it; nothing else is done. Any other is a trap inside the
    /// guest, by the name of its instruction.
    pub name: String,
    /// How long one takes, in nanoseconds.
    pub nanos: f64,
}

/// An exit of the guest, with all that is done until the guest goes on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Exit {
    /// What causes it.
    pub name: String,
    /// How long one takes, in nanoseconds.
    pub nanos: f64,
    /// How many times the highest floor of the same boot that is.
    pub ratio: f64,
}

/// From a deadline to the guest's handler, or to the end of its wait.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Late {
    /// What the guest does meanwhile.
    pub name: String,
    /// How many deadlines a boot has.
    pub deadlines: u64,
    /// The median of a boot, in microseconds.
    pub median_us: f64,
    /// The latest of a boot, in microseconds.
    pub most_us: f64,
}

impl Exits {
    /// Puts together what each boot measured, which has to be the same things in the same order.
    fn of(arch: Arch, boots: &[Vec<Line>], idle: Vec<f64>) -> Result<Self, String> {
        let mut results = Self {
            arch,
            boots: boots.len(),
            floors: Vec::new(),
            exits: Vec::new(),
            late: Vec::new(),
            idle: idle.iter().sum::<f64>() / idle.len() as f64,
            series: vec![Series::new(format!("{arch}: idle"), "of 1", idle).not_compared()],
        };
        let first = boots.first().ok_or("there was no boot")?;
        let same = |boot: &Vec<Line>| boot.iter().map(Line::key).eq(first.iter().map(Line::key));
        if !boots.iter().all(same) {
            return Err("two boots did not measure the same".into());
        }
        if first.is_empty() {
            return Err("nothing was measured".into());
        }
        let highest: Vec<f64> = boots.iter().map(|boot| highest_floor(boot)).collect();
        for (index, line) in first.iter().enumerate() {
            let over = |value: fn(&Measured) -> f64| {
                let values = boots.iter().map(|boot| value(&boot[index].measured));
                values.collect::<Vec<_>>()
            };
            let name = line.name.clone();
            results.note(line, "", over(Measured::nanos));
            if let Measured::Late { .. } = line.measured {
                results.note(line, ", the latest", over(Measured::most_nanos));
            }
            match line.measured {
                Measured::Floor { .. } => results.floors.push(Floor {
                    name,
                    nanos: median(over(Measured::nanos)),
                }),
                Measured::Exit { .. } => {
                    let nanos = over(Measured::nanos);
                    let ratios = nanos.iter().zip(&highest).map(|(exit, floor)| exit / floor);
                    results.exits.push(Exit {
                        name,
                        ratio: median(ratios.collect()),
                        nanos: median(nanos),
                    });
                }
                Measured::Late { count, .. } => results.late.push(Late {
                    name,
                    deadlines: count,
                    median_us: median(over(Measured::nanos)) / 1e3,
                    most_us: median(over(Measured::most_nanos)) / 1e3,
                }),
            }
        }
        Ok(results)
    }

    /// Notes what each boot measured, in nanoseconds.
    fn note(&mut self, line: &Line, which: &str, nanos: Vec<f64>) {
        let kind = match line.measured {
            Measured::Floor { .. } => "floor",
            Measured::Exit { .. } => "exit",
            Measured::Late { .. } => "late",
        };
        let name = format!("{}: {kind} {}{which}", self.arch, line.name);
        self.series.push(Series::new(name, "ns", nanos));
    }

    /// Prints a table.
    pub fn human(&self) -> String {
        let mut out = format!("{}, {} boots, medians\n", self.arch, self.boots);
        // Writing to a String does not fail.
        for Floor { name, nanos } in &self.floors {
            let _ = writeln!(out, "  floor  {name:<12}{nanos:>9.0} ns");
        }
        for Exit { name, nanos, ratio } in &self.exits {
            let _ = writeln!(
                out,
                "  exit   {name:<12}{nanos:>9.0} ns, {ratio:>5.1} times the highest floor"
            );
        }
        for late in &self.late {
            let Late {
                name,
                deadlines,
                median_us,
                most_us,
            } = late;
            let _ = writeln!(
                out,
                "  late   {name:<12}{median_us:>9.0} us, {most_us:.0} us the latest of {deadlines}"
            );
        }
        let idle = self.idle * 100.0;
        let _ = writeln!(
            out,
            "  idle   {:<12}{idle:>9.1} % of a processor, mean",
            "host"
        );
        out
    }
}

fn highest_floor(boot: &[Line]) -> f64 {
    let floors = boot
        .iter()
        .filter(|line| matches!(line.measured, Measured::Floor { .. }));
    floors
        .map(|line| line.measured.nanos())
        .fold(f64::NAN, f64::max)
}

/// Measures an architecture in so many boots of each guest, each in a new process of the harness `program`.
pub async fn measure(
    project: &Project,
    program: &Path,
    arch: Arch,
    boots: usize,
) -> Result<Exits, Error> {
    let records = tempfile::tempdir().map_err(|e| Error::io("use", &std::env::temp_dir(), &e))?;
    let harness = HarnessRun::new(project, program, arch, records.path());
    let mut measured = Vec::new();
    let measures = Guest::prepare(&harness, MEASURES).await?;
    for _ in 0..boots {
        measured.push(measures.boot(&harness, None).await?);
    }
    let waits = Guest::prepare(&harness, WAITS).await?;
    let ends = scenario_that_does_not_wait(&harness)?;
    let mut idle = Vec::new();
    for _ in 0..boots.min(WAITS_BOOTS) {
        let mut used = [0.0; 2];
        for (scenario, used) in [None, Some(&ends)].into_iter().zip(&mut used) {
            let before = seconds_of_children()?;
            waits.boot(&harness, scenario).await?;
            *used = seconds_of_children()? - before;
        }
        let [waiting, ending] = used;
        idle.push((waiting - ending) / SECONDS);
    }
    Exits::of(arch, &measured, idle).map_err(|why| {
        Error::infrastructure(
            format!("the guest {MEASURES} on {arch}: {why}"),
            format!("look at ./x run --no-audit --arch {arch} --scenario {MEASURES}"),
        )
    })
}

/// A guest that was built.
struct Guest {
    name: &'static str,
    programs: Programs,
}

impl Guest {
    async fn prepare(harness: &HarnessRun, name: &'static str) -> Result<Self, Error> {
        let request = Request::new(name)
            .arch(harness.arch)
            .records(&harness.records);
        let programs = prepare(&harness.project, &request).await?.programs;
        Ok(Self { name, programs })
    }

    /// Boots it, in its own scenario or another one, and gives what it measured. That it does not pass is an error.
    async fn boot(
        &self,
        harness: &HarnessRun,
        scenario: Option<&PathBuf>,
    ) -> Result<Vec<Line>, Error> {
        let mut command = harness.command_that_boots(&self.programs);
        command.args(["--no-audit", "--timeout", "5m", "--format", "json"]);
        command.arg("--scenario");
        match scenario {
            Some(file) => command.arg(file),
            None => command.arg(self.name),
        };
        let (_, output) = timed(&mut command).await?;
        let failed = |why: &str| {
            let (name, arch) = (self.name, harness.arch);
            Error::infrastructure(
                format!("a run of {name} on {arch} measured nothing: {why}"),
                format!("look at ./x run --no-audit --arch {arch} --scenario {name}"),
            )
        };
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        if !output.status.success() {
            return Err(failed(report["text"].as_str().unwrap_or("it did not run")));
        }
        // The name is plain; the report may not show the whole path of the folder.
        let run = report["run_dir"]
            .as_str()
            .and_then(|dir| Path::new(dir).file_name());
        let run = run.ok_or_else(|| failed("it has no records"))?;
        let console = harness.records.join(run).join("console.log");
        let text = files::read_text(&console).map_err(|e| Error::io("read", &console, &e))?;
        lines::parse(&text).map_err(|why| failed(&why))
    }
}

/// The scenario of a guest that waits, with nothing to wait for.
fn scenario_that_does_not_wait(harness: &HarnessRun) -> Result<PathBuf, Error> {
    let usual = harness.project.scenario(WAITS);
    let text = files::read_text(&usual).map_err(|e| Error::io("read", &usual, &e))?;
    let changed = text.replace(WAITING, NOT_WAITING);
    if text == changed {
        return Err(Error::Usage(format!(
            "{}: there is no line `{WAITING}`, which this measurement takes away: write it so",
            usual.display()
        )));
    }
    let file = harness.records.join("ends-at-once.toml");
    std::fs::write(&file, changed).map_err(|e| Error::io("write", &file, &e))?;
    Ok(file)
}

/// The processor time of the children of this process that have ended, and of theirs.
fn seconds_of_children() -> Result<f64, Error> {
    const STAT: &str = "/proc/self/stat";
    let stat = std::fs::read_to_string(STAT).map_err(|e| Error::io("read", Path::new(STAT), &e))?;
    let ticks = lines::ticks_of_children(&stat).ok_or_else(|| {
        Error::infrastructure(
            format!("{STAT} does not say what processor time children have used"),
            "measure on Linux (proc_pid_stat(5))",
        )
    })?;
    Ok(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

#[cfg(test)]
mod tests;
