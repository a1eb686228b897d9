//! The outcome of a run: one value, whatever happened.

use super::audit::{Breach, Moment};
use super::results::CaseOutcome;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How a machine must end, or did end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndKind {
    /// The program that QEMU runs, that is the hypervisor, switched the machine off.
    Shutdown,
    /// The machine was reset.
    Reset,
    /// The machine reported a panic to QEMU.
    Panic,
}

impl fmt::Display for EndKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            EndKind::Shutdown => "shutdown",
            EndKind::Reset => "reset",
            EndKind::Panic => "panic",
        })
    }
}

/// How a machine really ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum MachineEnd {
    /// As QEMU reported it over QMP.
    Reported {
        /// What kind of end it was.
        kind: EndKind,
        /// QEMU's own word for it.
        reason: String,
    },
    /// QEMU went without reporting the end of its machine.
    Unreported {
        /// How QEMU went: an exit status, a signal, or a reason that is not the guest's.
        status: String,
    },
    /// A recorded console does not show the end.
    NotRecorded,
}

impl fmt::Display for MachineEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MachineEnd::Reported { kind, reason } => write!(f, "{kind} ({reason})"),
            MachineEnd::Unreported { status } => f.write_str(status),
            MachineEnd::NotRecorded => f.write_str("not recorded"),
        }
    }
}

/// The clocks that can run out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Clock {
    /// The whole run, `--timeout`.
    Run,
    /// One step, `within`.
    Step,
    /// No step for too long, `silence`; chatter does not count.
    Silence,
}

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Clock::Run => "whole run's",
            Clock::Step => "step's",
            Clock::Silence => "silence",
        })
    }
}

/// Who is to blame for a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Blame {
    /// Nobody: the run passed.
    Nobody,
    /// The guest program.
    Guest,
    /// The hypervisor.
    Hypervisor,
    /// One of these two; the console does not show which.
    GuestOrHypervisor,
    /// The set-up: a missing tool, a failed build, a full disk, a QEMU that somebody killed.
    Setup,
}

impl fmt::Display for Blame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Blame::Nobody => "nobody",
            Blame::Guest => "the guest",
            Blame::Hypervisor => "the hypervisor",
            Blame::GuestOrHypervisor => "the guest or the hypervisor",
            Blame::Setup => "the set-up",
        })
    }
}

/// The verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[must_use = "a verdict that nobody looks at is a test that cannot fail"]
#[non_exhaustive]
pub enum Verdict {
    /// Every step in order, no forbidden line, the expected end, and the witness agrees.
    Pass,
    /// The machine ended as it should, but before its story was complete.
    MissingMarker {
        /// The last step reached.
        last: Option<String>,
        /// The step that did not come.
        next: String,
    },
    /// A line of the story came out of order, a second time, or with other content.
    Diverged {
        /// The line.
        line: String,
        /// The step it belongs to.
        belongs_to: String,
        /// The awaited step; none if all had been reached.
        awaited: Option<String>,
    },
    /// A forbidden line, or too much output.
    ForbiddenOutput {
        /// The line.
        line: String,
        /// The pattern or limit that forbids it.
        rule: String,
    },
    /// The hypervisor ended the guest.
    GuestKilled {
        /// The exit that ended it, in the hypervisor's words.
        exit: String,
    },
    /// The hypervisor gave up while no guest ran.
    HypervisorError {
        /// Why, in its words.
        error: String,
    },
    /// A strand's lines did not come as they should.
    StrandBroken {
        /// The strand.
        strand: String,
        /// What is wrong with it.
        because: String,
        /// The line that showed it, if one did.
        line: Option<String>,
    },
    /// Cases of the run failed, or said nothing.
    ResultsWrong {
        /// How many results the scenario has.
        of: usize,
        /// Those that are not ok.
        results: Vec<CaseOutcome>,
    },
    /// The machine did not end as it should.
    EarlyExit {
        /// How it ended.
        status: MachineEnd,
        /// How it should have ended.
        expected: EndKind,
    },
    /// A clock ran out.
    Timeout {
        /// Which one.
        clock: Clock,
        /// The clock's limit, in seconds.
        after: f64,
        /// The step that was awaited.
        step: String,
        /// Seconds since the last step was reached.
        silent_for: f64,
    },
    /// The hypervisor's own report has gaps, or contradicts itself.
    BrokenReport {
        /// What is wrong with it.
        because: String,
    },
    /// The hypervisor reports a different end of its guest than the scenario expects.
    WrongEnd {
        /// What its report should have said.
        expected: String,
        /// What it said.
        said: String,
    },
    /// QEMU's own log contradicts the story.
    WitnessDisagrees {
        /// Each contradiction.
        because: Vec<String>,
    },
    /// The machine itself held something that lets the guest out of its confines.
    IsolationBroken {
        /// When it was seen.
        at: Moment,
        /// What.
        breaches: Vec<Breach>,
    },
    /// The scenario wants the machine looked at, and it was not.
    NotAudited {
        /// What is missing.
        because: Vec<String>,
    },
    /// QEMU logged more of the guest's exits than any guest makes that gets somewhere.
    ExitFlood {
        /// The limit of the log, in bytes.
        limit: u64,
        /// How many exits of the guest it held.
        exits: u64,
    },
    /// The set-up kept the machine from being judged.
    Infrastructure {
        /// What went wrong.
        what: String,
        /// What to do about it.
        hint: String,
    },
}

impl Verdict {
    /// The name of each kind, as [`kind`](Self::kind) has them.
    pub const KINDS: [&str; 17] = [
        "pass",
        "missing-marker",
        "diverged",
        "strand-broken",
        "results-wrong",
        "forbidden-output",
        "guest-killed",
        "hypervisor-error",
        "early-exit",
        "timeout",
        "broken-report",
        "wrong-end",
        "witness-disagrees",
        "isolation-broken",
        "not-audited",
        "exit-flood",
        "infrastructure",
    ];

    /// The process's exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Verdict::Pass => 0,
            Verdict::MissingMarker { .. }
            | Verdict::Diverged { .. }
            | Verdict::StrandBroken { .. }
            | Verdict::ResultsWrong { .. }
            | Verdict::ForbiddenOutput { .. }
            | Verdict::GuestKilled { .. }
            | Verdict::HypervisorError { .. }
            | Verdict::EarlyExit { .. }
            | Verdict::BrokenReport { .. }
            | Verdict::WrongEnd { .. }
            | Verdict::WitnessDisagrees { .. }
            | Verdict::IsolationBroken { .. }
            | Verdict::NotAudited { .. }
            | Verdict::ExitFlood { .. } => 1,
            Verdict::Timeout { .. } => 3,
            Verdict::Infrastructure { .. } => 4,
        }
    }

    /// The verdict's name, as in its JSON.
    pub fn kind(&self) -> &'static str {
        match self {
            Verdict::Pass => "pass",
            Verdict::MissingMarker { .. } => "missing-marker",
            Verdict::Diverged { .. } => "diverged",
            Verdict::StrandBroken { .. } => "strand-broken",
            Verdict::ResultsWrong { .. } => "results-wrong",
            Verdict::ForbiddenOutput { .. } => "forbidden-output",
            Verdict::GuestKilled { .. } => "guest-killed",
            Verdict::HypervisorError { .. } => "hypervisor-error",
            Verdict::EarlyExit { .. } => "early-exit",
            Verdict::Timeout { .. } => "timeout",
            Verdict::BrokenReport { .. } => "broken-report",
            Verdict::WrongEnd { .. } => "wrong-end",
            Verdict::WitnessDisagrees { .. } => "witness-disagrees",
            Verdict::IsolationBroken { .. } => "isolation-broken",
            Verdict::NotAudited { .. } => "not-audited",
            Verdict::ExitFlood { .. } => "exit-flood",
            Verdict::Infrastructure { .. } => "infrastructure",
        }
    }
}

#[cfg(test)]
mod tests;
mod words;
