//! Annotations of GitHub Actions: lines on standard output that its runner shows beside the sources, at the
//! place that is most likely to blame.
//!
//! The runner acts on any line that begins with `::`, and on `##[` anywhere in a line, so whoever prints what a
//! guest says puts that between [`stop`] and [`resume`], or has it [`disarmed`].

use super::words;
use crate::matrix::{CaseResult, Outcome, Results};
use crate::records::report::Report;
use crate::shown;
use std::borrow::Cow;
use std::path::Path;

/// How many errors the runner shows of one step.
const SHOWN: usize = 10;

/// How many characters of a message there are at most; the summary has the rest.
const MESSAGE: usize = 4000;

/// A place in a file of the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, from the repository's root.
    pub file: String,
    /// The line, from 1; none for the file as a whole.
    pub line: Option<u32>,
}

/// Finds places in the repository.
pub trait Sources {
    /// What a file is called there that a program calls so, if it is there.
    fn find(&self, file: &str) -> Option<String>;

    /// Where a scenario is written, in `file` if that is known and else by its name, and of a step of it the line, if
    /// there is one.
    fn scenario(&self, name: &str, file: Option<&Path>, step: Option<&str>) -> Option<Place>;
}

/// The annotations, each on a line: an error for each case that fails, a warning for a flaky one that does not,
/// and one for those that were not run.
pub fn annotations(results: &Results, sources: &dyn Sources) -> String {
    let mut out = String::new();
    let failed = results.cases.iter();
    let failed: Vec<_> = failed.filter(|c| words::fails(results, c)).collect();
    let not_run = results.cases.iter();
    let not_run = not_run.filter(|c| c.outcome == Outcome::NotRun).count();
    // The one about those that were not run is among those that are shown, and the last of the others tells of the rest.
    let room = SHOWN - usize::from(not_run > 0);
    let told = if failed.len() > room {
        room - 1
    } else {
        failed.len()
    };
    for case in &failed[..told] {
        out += &of_case(results, case, sources);
    }
    if told < failed.len() {
        let more = failed.len() - told;
        out += &command("error", None, "more", &format!("{more} more cases failed"));
    }
    let flaky = |case: &&CaseResult| case.outcome == Outcome::Flaky && !results.flaky_fails;
    for case in results.cases.iter().filter(flaky).take(SHOWN) {
        let why = "it passed only after the set-up had failed it";
        out += &command("warning", None, &format!("{}: flaky", case.name), why);
    }
    if not_run > 0 {
        let message = format!("{not_run} cases were not run: {}", words::NOT_RUN);
        out += &command("error", None, "not run", &message);
    }
    out
}

/// Tells the runner to take nothing for a command until [`resume`]. What is printed in between must not know the
/// token.
pub fn stop(token: &str) -> String {
    format!("::stop-commands::{token}\n")
}

/// Tells the runner to take lines for commands again.
pub fn resume(token: &str) -> String {
    format!("::{token}::\n")
}

/// Text that the runner takes for no command, on whichever stream it is printed. What would be one is spelled out, as
/// control characters are: `\x3a:` at the beginning of a line, `#\x23[` anywhere.
pub fn disarmed(text: &str) -> Cow<'_, str> {
    let begins = |line: &str| line.trim_start().starts_with("::");
    if !text.contains("##[") && !text.lines().any(begins) {
        return Cow::Borrowed(text);
    }
    let lines = text.split_inclusive('\n').map(|line| {
        let line = line.replace("##[", r"#\x23[");
        match line.trim_start() {
            rest if rest.starts_with("::") => {
                let margin = &line[..line.len() - rest.len()];
                format!(r"{margin}\x3a{}", &rest[1..])
            }
            _ => line,
        }
    });
    Cow::Owned(lines.collect())
}

fn of_case(results: &Results, case: &CaseResult, sources: &dyn Sources) -> String {
    let Some(attempt) = words::last(case) else {
        return command("error", None, &case.name, words::without_a_run(case));
    };
    let report = &attempt.report;
    if case.outcome == Outcome::Flaky {
        return command("error", None, &case.name, words::FLAKY_FAILS);
    }
    let title = format!("{}: {}", case.name, report.verdict.kind());
    let message = format!(
        "{}\nto look at: {}\nagain: {}",
        shown::paragraph(&report.text),
        report.blame,
        words::command(results, case)
    );
    let place = place(report, sources);
    command("error", place.as_ref(), &title, &message)
}

/// Where to look first: the place that a panic names, or where a processor was when a clock ran out, if it is in
/// the repository; otherwise the step that did not come.
fn place(report: &Report, sources: &dyn Sources) -> Option<Place> {
    let cause = report.cause.iter().map(|cause| cause.look_at.as_str());
    let stopped = report.stopped_at.iter();
    let stopped = stopped.filter_map(|at| at.place.as_ref()?.source.as_deref());
    let mut named = cause.chain(stopped).filter_map(|text| {
        let (file, line) = file_and_line(text)?;
        Some(Place {
            file: sources.find(file)?,
            line: Some(line),
        })
    });
    named.next().or_else(|| {
        let step = report.awaited.as_ref().map(|awaited| awaited.step.as_str());
        sources.scenario(&report.scenario, report.scenario_file.as_deref(), step)
    })
}

/// Reads `src/main.rs:12` or `src/main.rs:12:5`.
fn file_and_line(text: &str) -> Option<(&str, u32)> {
    let mut parts = text.split(':');
    let (file, line) = (parts.next()?, parts.next()?.parse().ok()?);
    let column = parts.next().is_none_or(|c| c.parse::<u32>().is_ok());
    (column && parts.next().is_none()).then_some((file, line))
}

/// The annotation of an error that is no verdict, at its place if it is in a file.
pub fn mistake(place: Option<&Place>, message: &str) -> String {
    command("error", place, "harness", message)
}

/// One command of the runner's.
fn command(kind: &str, place: Option<&Place>, title: &str, message: &str) -> String {
    let mut properties = Vec::new();
    if let Some(Place { file, line }) = place {
        properties.push(format!("file={}", property(file)));
        properties.extend(line.map(|line| format!("line={line}")));
    }
    properties.push(format!("title={}", property(&shown::line(title))));
    let message = words::beginning(message, MESSAGE);
    format!("::{kind} {}::{}\n", properties.join(","), data(&message))
}

/// Escapes a message as the runner expects it.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// Escapes a property, which ends at a comma, and all of them at a colon.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_runner_would_act_on_is_spelled_out_and_nothing_else_changes() {
        for plain in ["", "a::b\n c ::d\n", "#[x] ## [", "one\n\ntwo"] {
            assert!(matches!(disarmed(plain), Cow::Borrowed(text) if text == plain));
        }
        for (text, harmless) in [
            ("::error::x\n", r"\x3a:error::x".to_owned() + "\n"),
            (
                "one\n\t \u{a0}::x\r\ntwo ::y",
                "one\n\t \u{a0}\\x3a:x\r\ntwo ::y".to_owned(),
            ),
            ("a ##[b]###[c]", r"a #\x23[b]##\x23[c]".to_owned()),
            ("::##[", r"\x3a:#\x23[".to_owned()),
        ] {
            assert_eq!(disarmed(text), harmless);
        }
    }
}
