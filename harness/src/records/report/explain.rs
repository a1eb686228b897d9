//! What a reader is told of a run that did not pass.

use super::Report;
use crate::judge::results::{CaseOutcome, Outcome};
use crate::judge::{AT_THE_END, Standing};
use crate::shown;
use std::fmt::Write;

impl Report {
    pub(super) fn explain(&self, out: &mut String) {
        let mut line = |name: &str, text: String| {
            let text = shown::line(&text);
            let _ = writeln!(out, "{}", format!("  {name:<18} {text}").trim_end());
        };
        line(
            "verdict:",
            format!("{}, exit code {}", self.verdict.kind(), self.exit_code),
        );
        line("to look at:", self.blame.to_string());
        if let Some(cause) = &self.cause {
            let mut said = cause.line.clone();
            if let Some(then) = &cause.then {
                said = format!("{said} {then}");
            }
            line("likely cause:", said);
            let whose = format!("{} ({}); {}", cause.blame, cause.kind, cause.look_at);
            line("  look at:", whose);
        }
        line(
            "last step reached:",
            self.steps
                .last()
                .map_or("none".into(), |s| format!("{} ({})", s.step, s.line)),
        );
        line(
            "next one awaited:",
            match &self.awaited {
                Some(awaited) => format!("{}, /{}/", awaited.step, awaited.pattern),
                None => AT_THE_END.into(),
            },
        );
        for strand in &self.strands {
            let Standing {
                strand,
                reached,
                total,
                due,
                ..
            } = strand;
            let due = due
                .as_ref()
                .map_or("complete".into(), |due| format!("{due} is due"));
            line("strand:", format!("{strand}, {reached} of {total}, {due}"));
        }
        for CaseOutcome {
            name,
            outcome,
            line: said,
        } in &self.results
        {
            // What is ok is of no use here, and there may be many of them.
            if *outcome != Outcome::Ok {
                let said = said.as_deref().unwrap_or("no line of its own came");
                line("result:", format!("{name}, {outcome}: {said}"));
            }
        }
        if let Some(end) = &self.machine_end {
            line("machine's end:", end.to_string());
        }
        for stopped in &self.stopped_at {
            line("stopped at:", stopped.to_string());
        }
        if self.last_lines.is_empty() {
            line("last lines seen:", "none: the console stayed empty".into());
        } else {
            line("last lines seen:", String::new());
        }
        for text in &self.last_lines {
            let _ = writeln!(out, "    | {}", shown::line(text));
        }
    }
}
