//! Verdicts in words.

use super::Verdict;
use std::fmt;

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Pass => f.write_str("the whole story, in order, and the expected end"),
            Verdict::MissingMarker { next, .. } => {
                write!(f, "the machine ended before step `{next}` came")
            }
            Verdict::Diverged {
                line,
                belongs_to,
                awaited: Some(awaited),
            } if belongs_to == awaited => {
                write!(f, "step `{awaited}` came, but not as it should: {line}")
            }
            Verdict::Diverged {
                line,
                belongs_to,
                awaited: Some(awaited),
            } => write!(
                f,
                "step `{awaited}` was awaited, but a line of step `{belongs_to}` came: {line}"
            ),
            Verdict::Diverged {
                line,
                belongs_to,
                awaited: None,
            } => {
                write!(
                    f,
                    "step `{belongs_to}` may come only once, but came again: {line}"
                )
            }
            Verdict::StrandBroken {
                strand,
                because,
                line,
            } => {
                write!(f, "strand `{strand}`: {because}")?;
                line.as_ref().map_or(Ok(()), |line| write!(f, ": {line}"))
            }
            Verdict::ResultsWrong { of, results } => {
                write!(f, "{} of {of} results are not ok:", results.len())?;
                for result in results {
                    write!(f, "\n  {result}")?;
                }
                Ok(())
            }
            Verdict::ForbiddenOutput { line, rule } => {
                write!(f, "a forbidden line ({rule}): {line}")
            }
            Verdict::GuestKilled { exit } => {
                write!(f, "the hypervisor ended the guest: {exit}")
            }
            Verdict::HypervisorError { error } => {
                write!(f, "the hypervisor gave up, and no guest ran: {error}")
            }
            Verdict::EarlyExit { status, expected } => {
                write!(
                    f,
                    "the machine's end should have been {expected}, but was: {status}"
                )
            }
            Verdict::Timeout {
                clock,
                after,
                step,
                silent_for,
            } => {
                write!(
                    f,
                    "the {clock} clock ran out after {after} s while `{step}` was awaited; \
                     no step had been reached for {silent_for:.1} s"
                )
            }
            Verdict::BrokenReport { because } => {
                write!(
                    f,
                    "the hypervisor's own report (its @hv lines) is broken: {because}"
                )
            }
            Verdict::WrongEnd { expected, said } => {
                write!(
                    f,
                    "the guest's end should have been `{expected}`; the hypervisor reports `{said}`"
                )
            }
            Verdict::WitnessDisagrees { because } => {
                write!(f, "QEMU's own log disagrees: {}", because.join("; "))
            }
            Verdict::IsolationBroken { at, breaches } => {
                write!(f, "the guest is not confined ({at}):")?;
                for breach in breaches {
                    write!(f, "\n  {breach}")?;
                }
                Ok(())
            }
            Verdict::NotAudited { because } => {
                write!(
                    f,
                    "the machine was not looked at as the scenario wants it: {}",
                    because.join("; ")
                )
            }
            Verdict::ExitFlood { limit, exits } => {
                let mib = limit >> 20;
                write!(
                    f,
                    "QEMU logged more than {mib} MiB of traps, {exits} exits of the guest among \
                     them; something traps again and again"
                )
            }
            Verdict::Infrastructure { what, hint } => {
                write!(f, "{what}\n  what to do: {hint}")
            }
        }
    }
}
