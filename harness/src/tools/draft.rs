//! `harness new`: drafts a scenario from the console of a good run.
//!
//! The draft asks for lines that occur only once, and leaves their numbers and addresses open. It
//! passes on the console that it came from; this is checked before anybody sees it.

use crate::arch::Arch;
use crate::config::machine::Machine;
use crate::config::scenario::{Scenario, With};
use crate::error::Error;
use crate::judge::firmware_lines::FirmwareFilter;
use crate::judge::hvlog::{MARK, console::KILLED};
use crate::judge::lines::LineAssembler;
use crate::judge::trial::Trial;
use crate::judge::verdict::Verdict;
use crate::project::Project;
use crate::shown;
use regex::{Regex, RegexSet};
use std::collections::HashMap;
use std::path::Path;

/// The most steps that a draft has; a console may have thousands of lines.
const STEPS: usize = 12;

/// How much of a long line a pattern covers, in characters.
const PATTERN: usize = 120;

/// The most lines that a line is compared with.
const COMPARED: usize = 1000;

/// What no good run prints, and why it is forbidden.
const FORBIDDEN: [(&str, &str); 3] = [
    ("panicked at", "a Rust panic"),
    (
        r"(?i)\b(unhandled|unexpected) (trap|exception|interrupt|vmexit|exit)\b",
        "an exit that nobody handles",
    ),
    (r"(?i)\bout of memory\b", "an allocation that failed"),
];

/// A line that becomes a step.
struct Candidate {
    line: String,
    pattern: String,
    /// Whether the draft cannot pass without it.
    needed: bool,
}

/// Drafts a scenario from the bytes of a console that was recorded in `log`.
///
/// The error says why no draft can pass on that console: it is empty, or its run failed.
pub fn draft(
    project: &Project,
    machine: &Machine,
    console: &[u8],
    log: &Path,
) -> Result<String, Error> {
    let name = shown::line(&log.display().to_string()).into_owned();
    let lines = lines(console);
    if lines.iter().all(|line| line.trim().is_empty()) {
        return Err(Error::Usage(format!(
            "{name} is empty; if QEMU does not boot it by hand, run it by `harness run` with any scenario, \
             and take the console.log of that run's records"
        )));
    }
    let candidates = candidates(machine, &lines);
    let Some(steps) = chosen(candidates) else {
        return Err(Error::Usage(format!(
            "{name} has no line that a step could be made of: one with words in it, that comes once"
        )));
    };
    let text = written(machine.arch, &name, &lines, &steps);
    match tried(project, machine, &text, console)? {
        Verdict::Pass => Ok(text),
        verdict => Err(Error::Usage(format!(
            "no scenario passes on {name}: {verdict}; record the console of a run that went well"
        ))),
    }
}

/// Judges a console by a draft made from it.
fn tried(
    project: &Project,
    machine: &Machine,
    text: &str,
    console: &[u8],
) -> Result<Verdict, Error> {
    let scenario = Scenario::from_text("new", text).resolve(project, machine, &With::default())?;
    let mut trial = Trial::new(&scenario.story);
    let read = trial.replay_console(console);
    read.map_err(|e| Error::io("read", Path::new("the console"), &e))?;
    let verdict = trial.verdict().cloned();
    Ok(verdict.expect("a console that has ended has a verdict"))
}

fn lines(console: &[u8]) -> Vec<String> {
    let (mut assembler, mut lines) = (LineAssembler::default(), Vec::new());
    let mut keep = |line: std::borrow::Cow<'_, str>| {
        lines.push(line.into_owned());
        true
    };
    assembler.push(console, &mut keep);
    assembler.finish(&mut keep);
    lines
}

/// The lines that could become steps: those with words, and only one line of its kind.
fn candidates(machine: &Machine, lines: &[String]) -> Vec<Candidate> {
    let mut firmware = FirmwareFilter::new(machine.firmware_lines.clone());
    let failed = failures();
    let judged = lines.iter().filter(|line| !firmware.takes(line));
    let judged = judged.filter(|line| !failed.is_match(line));
    let index = Index::new(lines);
    let mut candidates = Vec::new();
    for line in judged.filter(|line| !line.starts_with(MARK) && has_words(line)) {
        let pattern = pattern(line);
        // Nothing distinguishes two lines of one pattern; on another run, the second might come first.
        if index.has_one_of(line, &pattern) {
            candidates.push(Candidate {
                needed: line.starts_with(KILLED),
                line: line.clone(),
                pattern,
            });
        }
    }
    candidates
}

/// The lines of a console, in an order in which those that one pattern may match lie together.
struct Index<'l> {
    /// Each line after its [constant] part.
    lines: Vec<(String, &'l str)>,
}

impl<'l> Index<'l> {
    fn new(lines: &'l [String]) -> Self {
        let mut lines: Vec<_> = lines.iter().map(|line| (constant(line), &**line)).collect();
        lines.sort_unstable();
        Self { lines }
    }

    /// Whether the pattern of a line certainly matches no other line. It is compared with a bounded
    /// number: a line that so many resemble is not worth asking for.
    fn has_one_of(&self, line: &str, pattern: &str) -> bool {
        let (beginning, is_cut) = beginning(line);
        let constant = constant(beginning);
        let from = self.lines.partition_point(|(other, _)| *other < constant);
        let alike = self.lines[from..]
            .iter()
            .take_while(|(other, _)| other == &constant || is_cut && other.starts_with(&constant));
        let alike: Vec<_> = alike.take(COMPARED + 1).collect();
        if alike.len() > COMPARED {
            return false;
        }
        let regex = Regex::new(pattern).expect("it is made of escaped text and classes");
        let matching = alike.iter().filter(|(_, line)| regex.is_match(line));
        matching.take(2).count() == 1
    }
}

/// What is left of a text without the characters that the classes of a [pattern] match. If the pattern of
/// one line matches another line, this is the same of both, or of a cut line the beginning.
fn constant(text: &str) -> String {
    let varies = |c: &char| c.is_ascii_hexdigit() || " .xX".contains(*c);
    text.chars().filter(|c| !varies(c)).collect()
}

/// What no good run prints.
fn failures() -> RegexSet {
    RegexSet::new(FORBIDDEN.map(|(pattern, _)| pattern)).expect("they are ours")
}

/// Whether a line says something: a drawing of letters and digits and a table of numbers do not.
fn has_words(line: &str) -> bool {
    let words = line.split(|c: char| !c.is_alphabetic());
    let lengths = words.map(|word| word.chars().count());
    lengths.filter(|length| *length > 1).sum::<usize>() > 2
}

/// The first line, the last line and an even choice of the lines between, if there are too many.
fn chosen(candidates: Vec<Candidate>) -> Option<Vec<Candidate>> {
    let last = candidates.len().checked_sub(1)?;
    let many = candidates.len() > STEPS;
    let picks: Vec<_> = (0..STEPS).map(|nth| nth * last / (STEPS - 1)).collect();
    let numbered = candidates.into_iter().enumerate();
    let kept = numbered.filter(|(nth, one)| !many || one.needed || picks.contains(nth));
    Some(kept.map(|(_, one)| one).collect())
}

/// The part of a line that its pattern covers, and whether that is not all of it.
fn beginning(line: &str) -> (&str, bool) {
    match line.char_indices().nth(PATTERN) {
        Some((end, _)) => (&line[..end], true),
        None => (line, false),
    }
}

/// A pattern for a line, which also matches lines with other numbers and addresses.
fn pattern(line: &str) -> String {
    let (mut rest, is_cut) = beginning(line);
    let mut pattern = String::from("^");
    let mut before = ' ';
    while let Some(first) = rest.chars().next() {
        let in_word = before.is_alphanumeric() || before == '_';
        let (class, length) = match variable(rest) {
            Some(found) if !in_word || first == ' ' => found,
            _ => {
                let length = first.len_utf8();
                pattern += &regex::escape(&rest[..length]);
                before = first;
                rest = &rest[length..];
                continue;
            }
        };
        pattern += class;
        before = rest[..length].chars().next_back().unwrap_or(before);
        rest = &rest[length..];
    }
    if !is_cut {
        pattern.push('$');
    }
    pattern
}

/// The part at the beginning of a text that may differ from run to run: its class, and its length.
fn variable(text: &str) -> Option<(&'static str, usize)> {
    let run = |from: &str, of: fn(&char) -> bool| from.chars().take_while(of).count();
    let hex = |c: &char| c.is_ascii_hexdigit();
    if let Some(digits) = text.strip_prefix("0x").or(text.strip_prefix("0X")) {
        let digits = run(digits, hex);
        return (digits > 0).then_some(("0[xX][0-9A-Fa-f]+", digits + 2));
    }
    let spaces = run(text, |c| *c == ' ');
    if spaces > 1 {
        return Some((" +", spaces));
    }
    let (digits, number) = (run(text, hex), run(text, char::is_ascii_digit));
    let mixed = text[..digits].bytes().any(|b| b.is_ascii_digit()) && number < digits;
    if digits >= 8 && mixed {
        return Some(("[0-9A-Fa-f]+", digits));
    }
    let dotted = run(text, |c| c.is_ascii_digit() || *c == '.');
    let dotted = text[..dotted].trim_end_matches('.').len();
    match number {
        // A single digit usually has a meaning: `exit [0]`, `smp = 1`.
        0 => None,
        1 if dotted == 1 => None,
        _ if dotted > number => Some(("[0-9.]+", dotted)),
        _ => Some(("[0-9]+", number)),
    }
}

fn written(arch: Arch, name: &str, lines: &[String], steps: &[Candidate]) -> String {
    let reports = lines.iter().any(|line| line.starts_with(MARK));
    let mut warning = String::new();
    let failed = failures();
    if let Some(line) = lines.iter().find(|line| failed.is_match(line)) {
        let line = shown::line(line);
        warning = format!(
            "# This console looks like one of a run that failed: {line}\n\
             # Draft from one of a run that went well, or what went wrong passes.\n"
        );
    }
    let mut text = format!(
        "# Drafted by `harness new` from {name}. Read it: what you do not ask for is not judged.\n{warning}\
         # `harness explain KEY` says what a key means.\n\
         about  = {}\n\
         arches = [\"{arch}\"]\n\
         # How the machine has to end, which the console does not tell: \"shutdown\", \"reset\", \"panic\".\n\
         end    = \"shutdown\"\n",
        quoted(&format!("what {name} shows")),
    );
    if !reports {
        text += "\n# There were no @hv lines: the hypervisor's report of its guests' exits. Without them the\n\
                 # console is all that tells.\n[hv]\nlines = false\n";
    }
    text += "\n# The steps come in this order. `unique`: not a second time. Add `by = \"guest\"` or\n\
             # `by = \"hypervisor\"` where you know whose line it is, and failures will say whose they are.\n";
    let mut names: HashMap<String, usize> = HashMap::new();
    for step in steps {
        let name = step_name(&step.line, &mut names);
        text += &format!(
            "[[step]]\nname    = \"{name}\"\npattern = {}\nunique  = true\n\n",
            quoted(&step.pattern)
        );
    }
    for (pattern, why) in FORBIDDEN {
        let regex = Regex::new(pattern).expect("it is one of ours");
        let entry = format!("[[forbid]]\npattern = {}\n", quoted(pattern));
        match lines.iter().find(|line| regex.is_match(line)) {
            None => text += &format!("# {why}\n{entry}\n"),
            Some(line) => {
                let line = shown::line(line);
                text += &format!("# {why}; left out, since the console has it: {line}\n");
                text.extend(entry.lines().map(|line| format!("# {line}\n")));
                text.push('\n');
            }
        }
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// A unique name for a step, from the first words of its line; `taken` counts how often these were taken.
fn step_name(line: &str, taken: &mut HashMap<String, usize>) -> String {
    let words = line.split(|c: char| !c.is_ascii_alphanumeric());
    let words = words.filter(|word| word.starts_with(|c: char| c.is_ascii_alphabetic()));
    let words: Vec<_> = words.take(3).map(str::to_ascii_lowercase).collect();
    let name = match words.join("-") {
        name if name.is_empty() => "line".to_owned(),
        name => name.chars().take(40).collect(),
    };
    let count = taken.entry(name.clone()).or_default();
    *count += 1;
    // No word begins with a digit, so a name with a number is not another line's own.
    match count {
        1 => name,
        nth => format!("{name}-{nth}"),
    }
}

/// A TOML string: between `'` if possible.
fn quoted(text: &str) -> String {
    let literal = |c: char| c != '\'' && (c == '\t' || !c.is_control());
    if text.chars().all(literal) {
        return format!("'{text}'");
    }
    // JSON's escapes are valid in TOML too.
    shown::json(&text)
}

#[cfg(test)]
mod tests;
