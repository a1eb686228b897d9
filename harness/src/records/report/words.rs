//! A verdict in words, with what is known of the machine besides.

use crate::arch::Arch;
use crate::judge::verdict::{EndKind, MachineEnd, Verdict};
use std::time::Duration;

/// What a processor that nobody reset may have done, where there is such a thing.
fn own_reset(arch: Arch) -> Option<&'static str> {
    match arch {
        Arch::X86_64 => Some("on x86, unasked, that is a triple fault"),
        Arch::Riscv64 | Arch::Aarch64 => None,
    }
}

/// The verdict in words. `reset_at` is when the machine was reset and started again, if it was: the lines of the story
/// that it is judged by came twice then.
pub(super) fn words(arch: Arch, verdict: &Verdict, reset_at: Option<Duration>) -> String {
    let text = verdict.to_string();
    match verdict {
        Verdict::Pass | Verdict::Infrastructure { .. } => text,
        Verdict::EarlyExit { status, .. } => {
            let reset = |status: &MachineEnd| match status {
                MachineEnd::Reported { kind, .. } => *kind == EndKind::Reset,
                _ => false,
            };
            match own_reset(arch).filter(|_| reset(status)) {
                Some(why) => format!("{text}: {why}"),
                None => text,
            }
        }
        _ => {
            let Some(at) = reset_at else { return text };
            let why = own_reset(arch).map_or(String::new(), |why| format!(" ({why})"));
            let at = at.as_secs_f64();
            format!("{text}; the machine was reset at {at:.2} s{why}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::event::Event;
    use crate::judge::trial::Trial;
    use crate::judge::{Step, Story};

    fn story() -> Story {
        let steps = ["a", "b"].map(|name| Step {
            unique: true,
            ..Step::new(name, format!("^{name}$"))
        });
        Story::new(steps.to_vec(), Vec::new(), EndKind::Shutdown).unwrap()
    }

    /// What is said of a console whose machine was reset after its first line, at 0.13 s.
    fn said(arch: Arch, message: &str, from: &str, then: &Event<'_>) -> String {
        let story = story();
        let mut trial = Trial::of_run(&story, "nonce");
        let at = Duration::from_millis;
        trial.feed(at(100), &Event::line("a"));
        trial.feed(at(130), &Event::note(from, message));
        trial.feed(at(140), &Event::note(from, message));
        trial.feed(at(150), then);
        words(arch, trial.verdict().unwrap(), trial.reset_at())
    }

    const RESET: &str = r#"RESET {"guest":true,"reason":"guest-reset"}"#;

    #[test]
    fn a_machine_that_started_again_is_told_of_with_the_verdict_on_its_lines() {
        let again = Event::line("a");
        let plain = "step `b` was awaited, but a line of step `a` came: a";
        let text = said(Arch::Riscv64, RESET, "qmp", &again);
        assert_eq!(text, format!("{plain}; the machine was reset at 0.13 s"));
        let text = said(Arch::X86_64, RESET, "qmp", &again);
        let fault = "(on x86, unasked, that is a triple fault)";
        assert_eq!(
            text,
            format!("{plain}; the machine was reset at 0.13 s {fault}")
        );
        // The harness's own reset, at the machine's start, is none; nor is what others say.
        let by_host = r#"RESET {"guest":false,"reason":"host-qmp-system-reset"}"#;
        for (message, from) in [(by_host, "qmp"), ("RESET", "qmp"), (RESET, "qemu")] {
            assert_eq!(
                said(Arch::X86_64, message, from, &again),
                plain,
                "{message} {from}"
            );
        }
    }

    #[test]
    fn a_reset_that_ends_an_x86_machine_may_be_a_triple_fault() {
        let end = |kind, reason: &str| {
            let reason = reason.to_owned();
            Event::End(MachineEnd::Reported { kind, reason })
        };
        let reset = end(EndKind::Reset, "guest-reset");
        let plain = "the machine's end should have been shutdown, but was: reset (guest-reset)";
        assert_eq!(said(Arch::Riscv64, "", "qmp", &reset), plain);
        let text = said(Arch::X86_64, "", "qmp", &reset);
        assert_eq!(
            text,
            format!("{plain}: on x86, unasked, that is a triple fault")
        );
        let panic = end(EndKind::Panic, "guest-panic");
        assert!(said(Arch::X86_64, "", "qmp", &panic).ends_with("panic (guest-panic)"));
    }
}
