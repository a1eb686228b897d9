//! A verdict, for people and for programs.

use crate::arch::Arch;
use crate::config::accel::Accelerator;
use crate::error::Error;
use crate::judge::hvlog::console::KILLED;
use crate::judge::hvlog::{Forged, GuestEnd};
use crate::judge::results::CaseOutcome;
use crate::judge::trial::{StepReached, Trial};
use crate::judge::verdict::{Blame, MachineEnd, Verdict};
use crate::judge::witness::Account;
use crate::judge::{Cause, Lines, Standing, Story};
use crate::records::version::{VERSION, lossy};
use crate::records::whereabouts::Whereabouts;
use crate::shown;
use anstyle::{AnsiColor, Style};
use serde::{Deserialize, Serialize};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

mod explain;
mod words;

/// Everything that can be said about a run or a recorded console.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[must_use = "a report that nobody looks at is a test that cannot fail"]
#[non_exhaustive]
pub struct Report {
    /// The version of the records.
    pub version: u32,
    /// The verdict.
    pub verdict: Verdict,
    /// The verdict in words.
    pub text: String,
    /// The process's exit code.
    pub exit_code: u8,
    /// Who is to blame.
    #[serde(rename = "fault")]
    pub blame: Blame,
    /// The architecture.
    pub arch: Arch,
    /// The scenario.
    pub scenario: String,
    /// The scenario's file, if it is known: of records that were judged again it is not.
    #[serde(skip)]
    pub scenario_file: Option<PathBuf>,
    /// The steps reached.
    pub steps: Vec<StepReached>,
    /// How many steps there are.
    pub steps_total: usize,
    /// The awaited step, if the story was not complete.
    pub awaited: Option<Awaited>,
    /// The state of each strand.
    pub strands: Vec<Standing>,
    /// The result of each case.
    pub results: Vec<CaseOutcome>,
    /// The line that looks most like the cause, if the run failed.
    pub cause: Option<Cause>,
    /// The last console lines.
    pub last_lines: Vec<String>,
    /// How the machine ended, if it ended before the verdict.
    pub machine_end: Option<MachineEnd>,
    /// What the hypervisor reported at its end, if it did.
    pub hypervisor_end: Option<GuestEnd>,
    /// Lines that pretended to belong to the hypervisor's report.
    pub forged: Forged,
    /// What QEMU logged of the guest's exits, if it was asked.
    pub witness: Option<Account>,
    /// How often the machine itself was looked at, if it was.
    pub audit: Option<AuditSummary>,
    /// Where the processors were when a clock ran out, if QEMU answered.
    pub stopped_at: Vec<Whereabouts>,
    /// Seconds from the machine's start to the verdict.
    pub seconds: f64,
    /// QEMU's version.
    pub qemu: Option<String>,
    /// What the machine ran with, if QEMU has said so.
    #[serde(default)]
    pub accelerator: Option<Accelerator>,
    /// Where the run's records are.
    #[serde(serialize_with = "lossy_path")]
    pub run_dir: Option<PathBuf>,
    /// The command that boots the same again, or judges it again, as one types it; none if no command can, and in records of
    /// earlier harnesses.
    #[serde(default)]
    pub again: Option<String>,
    /// The most memory that the harness itself has used, in KiB.
    pub memory_kib: Option<u64>,
    /// Further remarks for the user.
    pub notes: Vec<String>,
}

/// How often the machine itself was looked at.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AuditSummary {
    /// How often.
    pub snapshots: u64,
    /// How long it stood still for one at most, in milliseconds.
    pub longest_ms: f64,
    /// How long for all of them.
    pub total_ms: f64,
}

impl AuditSummary {
    fn of(trial: &Trial<'_>) -> Option<Self> {
        let seen = trial.audited();
        let (longest_ms, total_ms) = seen.stood_still_ms();
        (seen.snapshots() > 0).then(|| Self {
            snapshots: seen.snapshots(),
            longest_ms,
            total_ms,
        })
    }
}

/// A step that did not come.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Awaited {
    /// Its name.
    pub step: String,
    /// Its pattern.
    pub pattern: String,
}

impl Report {
    /// The report of a trial with a verdict.
    pub fn new(arch: Arch, scenario: &str, story: &Story, trial: &Trial<'_>) -> Self {
        let verdict = trial
            .verdict()
            .cloned()
            .unwrap_or_else(|| Verdict::Infrastructure {
                what: "the run was cut short before there was a verdict".into(),
                hint: "run it again".into(),
            });
        Self {
            version: VERSION,
            text: words::words(arch, &verdict, trial.reset_at()),
            exit_code: verdict.exit_code(),
            blame: story.blame(&verdict),
            arch,
            scenario: scenario.to_owned(),
            scenario_file: None,
            steps: trial.steps().to_vec(),
            steps_total: story.steps().len(),
            awaited: trial.awaited().map(|step| Awaited {
                step: step.name.clone(),
                pattern: step.pattern.clone(),
            }),
            strands: trial.strands(),
            results: trial.results().to_vec(),
            cause: cause(&verdict, story, trial),
            last_lines: trial.last_lines().map(str::to_owned).collect(),
            machine_end: trial.end().cloned(),
            hypervisor_end: trial.hypervisor().end().cloned(),
            forged: trial.hypervisor().forged().clone(),
            witness: trial.witness().cloned(),
            audit: AuditSummary::of(trial),
            stopped_at: Vec::new(),
            seconds: 0.0,
            qemu: None,
            accelerator: None,
            run_dir: None,
            again: None,
            memory_kib: crate::records::memory::own_memory_kib(),
            notes: notes(&verdict, story, trial),
            verdict,
        }
    }

    /// The report of a run that the set-up kept from being judged.
    pub fn of_error(arch: Arch, scenario: &str, error: &Error) -> Option<Self> {
        let Error::Infrastructure { what, hint } = error else {
            return None;
        };
        let verdict = Verdict::Infrastructure {
            what: what.clone(),
            hint: hint.clone(),
        };
        Some(Self {
            version: VERSION,
            text: verdict.to_string(),
            exit_code: verdict.exit_code(),
            blame: Blame::Setup,
            arch,
            scenario: scenario.to_owned(),
            scenario_file: None,
            steps: Vec::new(),
            steps_total: 0,
            awaited: None,
            strands: Vec::new(),
            results: Vec::new(),
            cause: None,
            last_lines: Vec::new(),
            machine_end: None,
            hypervisor_end: None,
            forged: Forged::default(),
            witness: None,
            audit: None,
            stopped_at: Vec::new(),
            seconds: 0.0,
            qemu: None,
            accelerator: None,
            run_dir: None,
            again: None,
            memory_kib: crate::records::memory::own_memory_kib(),
            notes: Vec::new(),
            verdict,
        })
    }

    /// Adds how long the run took.
    pub fn took(mut self, duration: Duration) -> Self {
        self.seconds = (duration.as_secs_f64() * 1e3).round() / 1e3;
        self
    }

    /// The report as one JSON object.
    pub fn json(&self) -> String {
        shown::json(self)
    }

    /// The report as a short paragraph, with colours if they are wanted, and without anything else that
    /// a terminal acts on.
    pub fn human(&self) -> String {
        let passed = self.passed();
        let colour = if passed {
            AnsiColor::Green
        } else {
            AnsiColor::Red
        };
        let head = Style::new().bold().fg_color(Some(colour.into()));
        let word = match (&self.verdict, passed) {
            (_, true) => "PASS",
            (Verdict::Infrastructure { .. }, _) => "STOPPED",
            (Verdict::Timeout { .. }, _) => "TIMEOUT",
            _ => "FAIL",
        };
        let scenario = shown::line(&self.scenario);
        let mut out = format!("{head}{word}{head:#} {scenario} on {}: ", self.arch);
        out += &if passed {
            shown::paragraph(&self.summary())
        } else {
            shown::paragraph(&self.text)
        };
        out.push('\n');
        if !passed && self.blame != Blame::Setup {
            self.explain(&mut out);
        }
        for note in &self.notes {
            let _ = writeln!(out, "  note: {}", shown::line(note));
        }
        if let Some(accelerator) = self.accelerator {
            let _ = writeln!(out, "  accelerator: {accelerator}");
        }
        if let Some(dir) = &self.run_dir {
            let dir = shortened(dir).display().to_string();
            let _ = writeln!(out, "  records: {}", shown::safe(&dir));
        }
        out
    }

    /// Whether the verdict is a pass.
    pub fn passed(&self) -> bool {
        self.verdict == Verdict::Pass
    }

    /// Panics unless the verdict is a pass. The message is the text of [`human`](Self::human), without
    /// colours.
    #[track_caller]
    pub fn assert_passed(&self) {
        let text = self.human();
        let text = anstream::adapter::strip_str(&text);
        assert!(self.passed(), "the run did not pass\n{text}");
    }

    /// What came of a run that passed, in a line.
    pub fn summary(&self) -> String {
        let end = self
            .machine_end
            .as_ref()
            .map_or(String::new(), MachineEnd::to_string);
        let witness = self.witness.as_ref().map_or(String::new(), |qemu| {
            let (npf, calls) = (qemu.npf, qemu.hypercall);
            format!(", QEMU's log agrees (npf {npf}, hypercall {calls})")
        });
        let audit = self.audit.map_or(String::new(), |audit| {
            format!(", as declared in {} audits", audit.snapshots)
        });
        let results = match self.results.len() {
            0 => String::new(),
            1 => ", 1 result ok".into(),
            several => format!(", {several} results ok"),
        };
        format!(
            "{} of {} steps in order{results}, end of the machine: {end}{witness}{audit}, {:.2} s",
            self.steps.len(),
            self.steps_total,
            self.seconds
        )
    }
}

/// The line that looks most like the cause of a failure, unless the set-up failed.
fn cause(verdict: &Verdict, story: &Story, trial: &Trial<'_>) -> Option<Cause> {
    let mut cause = match verdict {
        Verdict::Pass | Verdict::Infrastructure { .. } => None,
        _ => trial.cause().cloned(),
    }?;
    // If the verdict is about this very line, the verdict knows best who is to blame.
    let its_own = match verdict {
        Verdict::ForbiddenOutput { line, .. } => line.starts_with(&cause.line),
        Verdict::GuestKilled { exit: words } | Verdict::HypervisorError { error: words } => {
            format!("{KILLED}{words}").starts_with(&cause.line)
        }
        _ => false,
    };
    if its_own {
        cause.blame = story.blame(verdict);
        if let Verdict::HypervisorError { .. } = verdict {
            cause.look_at = "the machine, the file or the word that it names".into();
        }
    }
    Some(cause)
}

/// What the user should know besides the verdict.
fn notes(verdict: &Verdict, story: &Story, trial: &Trial<'_>) -> Vec<String> {
    let report = trial.hypervisor();
    let mut notes = forgeries(report.forged());
    let silent = report.can_tell() && !report.has_any_line();
    if silent && story.spec().hv.lines == Lines::IfAny {
        notes.push("the hypervisor printed no report (no @hv line), so none was judged".into());
    }
    if *verdict == Verdict::Pass
        && let Some((cause, pattern)) = trial.unforbidden()
    {
        let then = cause.then.iter().map(|then| format!(" {then}"));
        notes.push(format!(
            "the console tells of a failure, and the scenario does not forbid it: {}{}; if it is one, add \
             [[forbid]] pattern = '{pattern}'",
            cause.line,
            then.collect::<String>()
        ));
    }
    notes
}

/// A remark about forged lines, if there are any.
fn forgeries(forged: &Forged) -> Vec<String> {
    let first = forged.lines.first();
    let note = first.map(|first| {
        let count = forged.count;
        format!("{count} @hv line(s) without the run's nonce were forged, the first: {first}")
    });
    note.into_iter().collect()
}

/// Writes a run's directory, if there is one, for people to read.
pub fn lossy_path<S: serde::Serializer>(path: &Option<PathBuf>, to: S) -> Result<S::Ok, S::Error> {
    match path {
        Some(path) => lossy(path, to),
        None => to.serialize_none(),
    }
}

/// The shortest path to type from the current folder.
fn shortened(path: &Path) -> &Path {
    std::env::current_dir()
        .ok()
        .and_then(|here| path.strip_prefix(here).ok())
        .unwrap_or(path)
}
