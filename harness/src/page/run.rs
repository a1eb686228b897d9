//! A run of a page, taken from its folder.

use super::data::{Audit, Cause, Page, Run, Sign, Timeline};
use super::exits::Placing;
use super::follow::{Follower, Wanted, micros};
use super::texts::{Id, Texts};
use crate::arch::Arch;
use crate::error::Error;
use crate::files;
use crate::judge::audit::Expected;
use crate::judge::results::Outcome;
use crate::judge::trial::each_event;
use crate::judge::verdict::{Blame, Verdict};
use crate::judge::witness::{self, Format};
use crate::judge::{By, StorySpec};
use crate::records::asked::{Asked, typed};
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

/// Reads a run out of its folder. Of its log there will be about `room` bytes.
///
/// # Errors
///
/// The records cannot be read.
pub fn read(
    dir: &Path,
    known: Option<Known<'_>>,
    room: usize,
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
    let seen = follow(dir, &booted, spec, report, texts, page)?;
    run.log = seen.lines.finish(room, texts);
    run.timeline = Timeline {
        awaited: run.timeline.awaited,
        ..seen.timeline
    };
    forget_lines_left_out(&mut run);
    run.audits = seen.audits;
    run.cause = cause(report, seen.cause, &run.audits, texts);
    run.registers = small(&dir.join(REGISTERS)).map(|text| texts.block(&text));
    run.facts.extend(booted_facts(&booted, texts));
    run.commands = commands(dir, page, &booted, &run, texts);
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
        stopped_at: whereabouts,
        registers: None,
        log: super::data::Log::default(),
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
            line: Some(audit.line),
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
    let log = &run.log;
    for step in &mut run.timeline.steps {
        step.line = step.line.filter(|&line| log.has(line));
    }
}

fn facts(report: &Report, texts: &mut Texts) -> Vec<[Id; 2]> {
    let mut facts = Vec::new();
    let mut fact = |what: &str, text: String| facts.push([texts.line(what), texts.line(&text)]);
    let (reached, total) = (report.steps.len(), report.steps_total);
    fact("steps", format!("{reached} of {total}"));
    if let Some(last) = report.steps.last() {
        fact(
            "last step reached",
            format!("{} ({})", last.step, last.line),
        );
    }
    if let Some(awaited) = &report.awaited {
        fact(
            "step awaited",
            format!("{}, /{}/", awaited.step, awaited.pattern),
        );
    }
    for strand in &report.strands {
        let due = strand
            .due
            .as_ref()
            .map_or("complete".into(), |due| format!("{due} is due"));
        let (reached, total) = (strand.reached, strand.total);
        fact(
            "strand",
            format!("{}, {reached} of {total}, {due}", strand.strand),
        );
    }
    let ok = report
        .results
        .iter()
        .filter(|result| result.outcome == Outcome::Ok)
        .count();
    if !report.results.is_empty() {
        fact("results", format!("{ok} of {} ok", report.results.len()));
    }
    for result in report
        .results
        .iter()
        .filter(|result| result.outcome != Outcome::Ok)
    {
        let said = result.line.as_deref().unwrap_or("no line of its own came");
        fact(
            "result",
            format!("{}, {}: {said}", result.name, result.outcome),
        );
    }
    if let Some(end) = &report.machine_end {
        fact("end of the machine", end.to_string());
    }
    if let Some(account) = &report.witness {
        let (npf, calls, other) = (account.npf, account.hypercall, account.other);
        fact(
            "exits in QEMU's log",
            format!("{npf} page faults, {calls} calls, {other} others"),
        );
    }
    if let Some(audit) = &report.audit {
        let (count, longest) = (audit.snapshots, audit.longest_ms);
        fact("audits", format!("{count}, at most {longest:.1} ms each"));
    }
    for note in &report.notes {
        fact("note", note.clone());
    }
    if let Some(qemu) = &report.qemu {
        fact("QEMU", qemu.clone());
    }
    facts
}

fn booted_facts(booted: &Booted, texts: &mut Texts) -> Vec<[Id; 2]> {
    let files = [
        ("hypervisor", Some(&booted.hypervisor)),
        ("guest", booted.guest.as_ref()),
        ("second guest", booted.second.as_ref()),
        ("firmware", booted.firmware.as_ref()),
    ];
    let files = files
        .into_iter()
        .filter_map(|(what, file)| Some((what, file?)));
    files
        .map(|(what, file)| {
            let hash: String = file.sha256.chars().take(16).collect();
            let text = format!("{} (sha256 {hash}…)", file.file.display());
            [texts.line(what), texts.line(&text)]
        })
        .collect()
}

fn commands(
    dir: &Path,
    page: &Page,
    booted: &Booted,
    run: &Run,
    texts: &mut Texts,
) -> Vec<[Id; 2]> {
    let program = &page.program;
    let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    let folder = typed(dir.as_os_str());
    let mut commands = Vec::new();
    let usual = Asked::of(&booted.scenario, texts.text(run.machine));
    let again = booted.asked.as_ref().unwrap_or(&usual).command(program);
    commands.extend(again.map(|again| ("run it again", again)));
    commands.push((
        "judge the records again",
        format!("{program} judge {folder}"),
    ));
    if !run.audits.is_empty() {
        commands.push((
            "what the machine held, as a table",
            format!("{program} audit {folder}"),
        ));
    }
    let command = small(&dir.join(COMMAND)).unwrap_or_default();
    let by_hand = command
        .lines()
        .find(|line| !line.is_empty() && !line.starts_with('#'));
    commands.extend(by_hand.map(|line| {
        (
            "the same machine by hand, its console on the terminal",
            line.to_owned(),
        )
    }));
    let commands = commands.into_iter();
    commands
        .map(|(what, command)| [texts.line(what), texts.command(&command)])
        .collect()
}

/// A small file's text, if there is one.
fn small(path: &Path) -> Option<String> {
    let bytes = files::read(path, SMALL).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}
