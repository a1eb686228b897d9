//! A run of a page, taken from its folder.

use super::bounds::{self, Room};
use super::data::{self, Audit, ByHand, Cause, Page, Run, Sign, Timeline};
use super::exits::Placing;
use super::facts::{booted_facts, facts};
use super::follow::{Follower, Wanted, micros};
use super::texts::{Id, Texts};
use crate::arch::Arch;
use crate::error::Error;
use crate::files;
use crate::judge::audit::Expected;
use crate::judge::trial::each_event;
use crate::judge::verdict::{Blame, Verdict};
use crate::judge::witness::{self, Format};
use crate::judge::{By, StorySpec};
use crate::records::asked::Asked;
use crate::records::report::Report;
use crate::records::version::StoryFile;
use crate::records::{self, Booted, EVENTS, REGISTERS, STORY, VERDICT, packed, replay};
use std::io::BufReader;
use std::path::Path;

/// The file with QEMU's command.
const COMMAND: &str = "command.txt";

/// How large a file of registers, or with a command, may be.
const SMALL: u64 = 256 << 10;

/// How large QEMU's log may be; the records keep less.
const LOG: u64 = 16 << 20;

/// What a matrix knows of a run.
#[derive(Debug)]
pub struct Known<'a> {
    /// By which a link names it.
    pub id: String,
    /// Its report.
    pub report: &'a Report,
}

/// Reads a run out of its folder, as much of it as there is room for.
///
/// # Errors
///
/// The records cannot be read.
pub fn read(
    dir: &Path,
    known: Option<Known<'_>>,
    room: Room,
    texts: &mut Texts,
    page: &mut Page,
) -> Result<Run, Error> {
    let booted: Booted = records::read_json(dir, records::BOOTED)?;
    let machine = booted.machine.as_ref().map(|machine| machine.name.clone());
    let machine = machine.unwrap_or_else(|| booted.arch.name().to_owned());
    let own;
    let report = match &known {
        Some(known) => known.report,
        None => {
            own = own_report(dir)?;
            &own
        }
    };
    let id = known.as_ref().map(|known| known.id.clone());
    let id = id.unwrap_or_else(|| format!("{}::{machine}", report.scenario));
    let mut run = of_report(&id, &machine, report, texts);
    let story = records::read_json::<StoryFile>(dir, STORY);
    let spec = story.as_ref().ok().map(|story| &story.spec);
    run.missing = story
        .as_ref()
        .err()
        .map(|error| texts.block(&error.to_string()));
    let seen = follow(dir, &booted, spec, report, room, texts, page)?;
    run.log = seen.lines.finish(room.log, texts);
    run.timeline = Timeline {
        awaited: run.timeline.awaited,
        ..seen.timeline
    };
    run.audits = seen.audits;
    run.cause = cause(report, seen.cause, &run.audits, texts);
    bounds::bound(&mut run, room, seen.audits_left_out, texts);
    forget_lines_left_out(&mut run);
    run.registers = small(&dir.join(REGISTERS)).map(|text| texts.block(&text));
    run.facts.extend(booted_facts(&booted, texts));
    run.commands = commands(page, &booted, &run, texts);
    run.folder = Some(texts.line(&folder(dir, page)));
    run.by_hand = by_hand(dir, texts);
    Ok(run)
}

/// The report that a run's folder holds, or else the one that its events give.
fn own_report(dir: &Path) -> Result<Report, Error> {
    if dir.join(VERDICT).is_file() {
        return records::read_json(dir, VERDICT);
    }
    replay::run_again(dir)
}

/// What a report alone tells of a run.
pub fn of_report(id: &str, machine: &str, report: &Report, texts: &mut Texts) -> Run {
    let text = match report.passed() {
        true => report.summary(),
        false => report.text.clone(),
    };
    let whereabouts = report.stopped_at.iter();
    let whereabouts = whereabouts
        .map(|stopped| texts.line(&stopped.to_string()))
        .collect();
    let awaited = report
        .awaited
        .as_ref()
        .map(|awaited| texts.line(&awaited.step));
    Run {
        id: texts.line(id),
        scenario: texts.line(&report.scenario),
        machine: texts.line(machine),
        arch: report.arch.name(),
        sign: sign(&report.verdict),
        kind: report.verdict.kind(),
        text: texts.block(&text),
        exit_code: report.exit_code,
        seconds: report.seconds,
        blame: texts.line(&report.blame.to_string()),
        cause: cause(report, None, &[], texts),
        facts: facts(report, texts),
        commands: Vec::new(),
        folder: None,
        by_hand: ByHand::default(),
        stopped_at: whereabouts,
        registers: None,
        log: data::Log::default(),
        timeline: Timeline {
            end: micros(report.seconds),
            awaited: awaited.filter(|_| report.blame != Blame::Nobody),
            ..Timeline::default()
        },
        audits: Vec::new(),
        missing: None,
    }
}

/// A verdict in a letter.
pub fn sign(verdict: &Verdict) -> Sign {
    match verdict {
        Verdict::Pass => Sign::Passed,
        Verdict::Timeout { .. } => Sign::TimedOut,
        Verdict::Infrastructure { .. } => Sign::SetUp,
        _ => Sign::Failed,
    }
}

fn follow(
    dir: &Path,
    booted: &Booted,
    spec: Option<&StorySpec>,
    report: &Report,
    room: Room,
    texts: &mut Texts,
    page: &mut Page,
) -> Result<super::follow::Seen, Error> {
    let by = |name: &str| {
        let step = spec?.steps.iter().find(|step| step.name == name)?;
        step.by.map(|by| match by {
            By::Guest => "guest",
            By::Hypervisor => "hypervisor",
        })
    };
    let expected: Option<&Expected> = spec.and_then(|spec| spec.audit.as_ref());
    let wanted = Wanted {
        nonce: &booted.nonce,
        steps: &report.steps,
        by: &by,
        cause: cause_line(report),
        expected,
        room,
    };
    let log = packed::read(dir, witness::FILE, LOG).unwrap_or_default();
    let placing = Placing::read(format(booted.arch), &log);
    let mut follower = Follower::new(wanted, placing);
    let path = dir.join(EVENTS);
    let unusable = |e| Error::Usage(format!("{} cannot be read: {e}", path.display()));
    let events = BufReader::new(packed::open(dir, EVENTS).map_err(unusable)?);
    each_event(events, |at, event| follower.event(at, event, texts, page)).map_err(unusable)?;
    Ok(follower.finish())
}

/// The format in which an architecture's QEMU logs, with all that it may log.
fn format(arch: Arch) -> Format {
    match arch {
        Arch::Riscv64 => Format::RiscvTrap,
        Arch::Aarch64 => Format::Aarch64Int,
        Arch::X86_64 => Format::X86SvmInt,
    }
}

/// The line that a verdict is about.
fn cause_line(report: &Report) -> Option<&str> {
    if let Some(cause) = &report.cause {
        return Some(&cause.line);
    }
    match &report.verdict {
        Verdict::Diverged { line, .. } | Verdict::ForbiddenOutput { line, .. } => Some(line),
        Verdict::StrandBroken { line, .. } => line.as_deref(),
        _ => None,
    }
}

fn cause(
    report: &Report,
    line: Option<usize>,
    audits: &[Audit],
    texts: &mut Texts,
) -> Option<Cause> {
    let broken = audits.iter().find(|audit| !audit.breaches.is_empty());
    if let (Verdict::IsolationBroken { .. }, Some(audit)) = (&report.verdict, broken) {
        return Some(Cause {
            text: audit.breaches[0],
            look_at: texts.line("the memory map or the registers of that audit"),
            line: audit.line,
        });
    }
    let Some(cause) = &report.cause else {
        return line.zip(cause_line(report)).map(|(line, text)| Cause {
            text: texts.line(text),
            look_at: texts.line(&report.blame.to_string()),
            line: Some(line),
        });
    };
    let then = cause.then.iter().map(|then| format!(" {then}"));
    let text = format!("{}{}", cause.line, then.collect::<String>());
    let look_at = format!("{} ({}); {}", cause.blame, cause.kind, cause.look_at);
    Some(Cause {
        text: texts.line(&text),
        look_at: texts.line(&look_at),
        line,
    })
}

/// A link to a line that the page leaves out would lead nowhere.
fn forget_lines_left_out(run: &mut Run) {
    let timeline = &mut run.timeline;
    let steps = timeline.steps.iter_mut().map(|step| &mut step.line);
    let marks = timeline.marks.iter_mut().chain(&mut timeline.typed);
    let audits = run.audits.iter_mut().map(|audit| &mut audit.line);
    let cause = run.cause.iter_mut().map(|cause| &mut cause.line);
    for line in steps
        .chain(marks.map(|(_, line)| line))
        .chain(audits)
        .chain(cause)
    {
        *line = line.filter(|&line| run.log.has(line));
    }
}

fn commands(page: &Page, booted: &Booted, run: &Run, texts: &mut Texts) -> Vec<[Id; 2]> {
    let usual = Asked::of(&booted.scenario, texts.text(run.machine));
    let again = booted.asked.as_ref().unwrap_or(&usual);
    let again = again.command(&page.program);
    let commands: Vec<_> = again
        .map(|again| ("run it again", again))
        .into_iter()
        .collect();
    let commands = commands.into_iter();
    commands
        .map(|(what, command)| [texts.line(what), texts.command(&command)])
        .collect()
}

/// The folder of a run's files, as it is called from that of the page.
fn folder(dir: &Path, page: &Page) -> String {
    let dir = data::whole(dir);
    let within = dir.strip_prefix(&page.folder);
    within.unwrap_or(&dir).display().to_string()
}

/// How to start the same machine by hand. The records begin with a note where that is no longer possible.
fn by_hand(dir: &Path, texts: &mut Texts) -> ByHand {
    const HEADING: &str = "# by hand";
    let Some(said) = small(&dir.join(COMMAND)) else {
        return ByHand::default();
    };
    let note = said.lines().take_while(|line| {
        line.is_empty() || (line.starts_with('#') && !line.starts_with(HEADING))
    });
    let note = note.map(|line| line.trim_start_matches('#').trim());
    let note: Vec<_> = note.filter(|line| !line.is_empty()).collect();
    if !note.is_empty() {
        return ByHand {
            command: None,
            note: Some(texts.block(&note.join("\n"))),
        };
    }
    let command = said
        .lines()
        .find(|line| !line.is_empty() && !line.starts_with('#'));
    let Some(command) = command else {
        return ByHand::default();
    };
    if command.contains(" -kernel kernel ") && !dir.join("kernel").is_file() {
        return ByHand {
            command: None,
            note: Some(texts.line("What it boots is not in its folder any more.")),
        };
    }
    // The page knows the folder, which may have been moved.
    const IN_THE_FOLDER: &str = "TMPDIR=. ";
    let inside = command.split_once(&format!(" && {IN_THE_FOLDER}"));
    let command = inside
        .filter(|(folder, _)| folder.starts_with("cd "))
        .map_or(command.to_owned(), |(_, rest)| {
            format!("{IN_THE_FOLDER}{rest}")
        });
    ByHand {
        command: Some(texts.command(&command)),
        note: None,
    }
}

/// A small file's text, if there is one.
fn small(path: &Path) -> Option<String> {
    let bytes = files::read(path, SMALL).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}
