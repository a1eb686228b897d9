//! What commands print, for the pages that show it: with the beginning and what is repeated left out, and marked so.

use super::runs::{timed, without_job};
use crate::error::Error;
use crate::project::Project;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use tokio::process::Command;

/// What stands for lines that are left out.
const LEFT_OUT: &str = "…";

/// How the hypervisor's console begins.
const CONSOLE: &str = "Hypervisor ...";

/// How many lines of each part of an audit are shown.
const ROWS: usize = 3;

/// The run that is shown, and the console of another one, on which a guest never ran.
const RUN: [&str; 5] = ["run", "--arch", "x86_64", "--timeout", "30"];
const FAILURE: [&str; 4] = [
    "judge",
    "--arch",
    "riscv64",
    "fixtures/consoles/riscv64/seed-broken-loader.log",
];

/// What a run, its audit and a failure print, by the harness `program`.
///
/// # Errors
///
/// The run does not pass.
pub async fn measure(project: &Project, program: &Path) -> Result<BTreeMap<String, String>, Error> {
    let run = printed(project, program, &RUN, 0).await?;
    let records = run
        .lines()
        .find_map(|line| line.strip_prefix("  records: "));
    let records = records.ok_or_else(|| unreadable("run", "no records"))?;
    let audit = printed(project, program, &["audit", records], 0).await?;
    let failure = printed(project, program, &FAILURE, 1).await?;
    let shown = [
        ("a run", shown(&RUN, &console(&run))),
        ("its audit", shown(&["audit", records], &parts(&audit))),
        ("a failure", shown(&FAILURE, &last_lines(&failure))),
    ];
    Ok(shown.map(|(name, text)| (name.to_owned(), text)).into())
}

/// What a command prints that has to end with this exit code.
async fn printed(
    project: &Project,
    program: &Path,
    args: &[&str],
    code: i32,
) -> Result<String, Error> {
    let mut command = Command::new(program);
    command
        .args(args)
        .current_dir(project.folder())
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    without_job(&mut command);
    let (_, output) = timed(&mut command).await?;
    match output.status.code() == Some(code) {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(unreadable(args[0], &output.status.to_string())),
    }
}

/// A command, as it is typed, with what it printed.
fn shown(args: &[&str], printed: &str) -> String {
    format!("$ ./x {}\n{}", args.join(" "), printed.trim())
}

fn unreadable(command: &str, why: &str) -> Error {
    Error::infrastructure(
        format!("harness {command} did not print what a page shows: {why}"),
        "run it by itself, and see what it says",
    )
}

/// A run from the hypervisor's first line on.
fn console(run: &str) -> String {
    let at = run.find(CONSOLE).unwrap_or(0);
    format!("{LEFT_OUT}\n{}", &run[at..])
}

/// A verdict with the last few of the last lines.
fn last_lines(verdict: &str) -> String {
    let is_quoted = |line: &&str| line.starts_with("    | ");
    let quoted = verdict.lines().filter(is_quoted).count();
    let mut passed_over = 0;
    let mut lines = Vec::new();
    for line in verdict.lines() {
        if is_quoted(&line) && passed_over + ROWS < quoted {
            if passed_over == 0 {
                lines.push("    …");
            }
            passed_over += 1;
        } else {
            lines.push(line);
        }
    }
    lines.join("\n")
}

/// The parts of an audit, of each the first lines.
fn parts(audit: &str) -> String {
    let part = |text: &str| {
        let is_list = text
            .lines()
            .nth(1)
            .is_some_and(|line| line.starts_with("  "));
        let mut lines: Vec<_> = text.lines().collect();
        if is_list && lines.len() > ROWS + 1 {
            lines.truncate(ROWS + 1);
            lines.push(LEFT_OUT);
        }
        lines.join("\n")
    };
    let parts: Vec<_> = audit.trim_end().split("\n\n").map(part).collect();
    parts.join("\n\n")
}

/// What a matrix printed: the first lines about cases, and the summary.
pub fn matrix(printed: &str) -> String {
    let (cases, summary) = printed.split_once("\n\n").unwrap_or((printed, ""));
    let first: Vec<_> = cases.lines().take(ROWS).collect();
    let text = format!("{}\n{LEFT_OUT}\n\n{summary}", first.join("\n"));
    shown(&["matrix"], &text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_shows_a_run_from_its_first_line_and_a_part_of_each_list() {
        let run = "SeaBIOS\r\nHypervisor ...\nHypervisor ok!\n\nPASS\n  records: r\n";
        assert_eq!(
            shown(&["run"], &console(run)),
            "$ ./x run\n…\nHypervisor ...\nHypervisor ok!\n\nPASS\n  records: r"
        );
        let verdict =
            "\nFAIL\n  last lines:\n    | a\n    | b\n    | c\n    | d\n    | e\n  note: n\n";
        assert_eq!(
            last_lines(verdict),
            "\nFAIL\n  last lines:\n    …\n    | c\n    | d\n    | e\n  note: n"
        );
        assert_eq!(last_lines("FAIL\n    | a\n"), "FAIL\n    | a");
        let audit = "at a\nat b\nat c\nat d\nat e\n\nMemory\n  GPA\n  1\n  2\n  3\n\nText\n  x\n";
        assert_eq!(
            parts(audit),
            "at a\nat b\nat c\nat d\nat e\n\nMemory\n  GPA\n  1\n  2\n…\n\nText\n  x"
        );
        let printed = "PASS a\nPASS b\nPASS c\nPASS d\n\n   cases\n\nPASS 4 cases\n";
        assert_eq!(
            matrix(printed),
            "$ ./x matrix\nPASS a\nPASS b\nPASS c\n…\n\n   cases\n\nPASS 4 cases"
        );
    }
}
