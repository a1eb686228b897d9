//! Judges what was recorded: the directory of a run, or just a console.

use crate::arch::Arch;
use crate::config::machine::Machine;
use crate::config::scenario::{Definition, Scenario, With};
use crate::error::Error;
use crate::judge::Story;
use crate::judge::trial::Trial;
use crate::judge::verdict::{Clock, Verdict};
use crate::judge::witness::Format;
use crate::project::Project;
use crate::records::report::Report;
use crate::records::version::StoryFile;
use crate::records::{self, Booted, packed};
use crate::shown;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::time::Instant;

/// Judges a run again from its records alone: its story, and its events. The verdict is the same as
/// when it ran. Anybody may have written the records.
pub fn run_again(dir: &Path) -> Result<Report, Error> {
    let mut booted: Booted = records::read_json(dir, records::BOOTED)?;
    booted.scenario = shown::line(&booted.scenario).into_owned();
    let mut story_file: StoryFile = records::read_json(dir, records::STORY)?;
    let spec = &mut story_file.spec;
    let names = spec.steps.iter_mut().map(|step| &mut step.name);
    for name in names.chain(spec.results.iter_mut().map(|result| &mut result.name)) {
        *name = shown::line(name).into_owned();
    }
    let objection = story_file.spec.objection();
    if let Some(why) = objection.or_else(|| other_architecture(&booted, &story_file)) {
        return Err(damaged(dir, records::STORY, &why));
    }
    let story = Story::of(story_file.spec).map_err(|e| damaged(dir, records::STORY, &e))?;
    let events = dir.join(records::EVENTS);
    let unusable = |e| Error::Usage(format!("{} cannot be read: {e}", events.display()));
    let file = packed::open(dir, records::EVENTS).map_err(unusable)?;
    let mut trial = Trial::of_run(&story, &booted.nonce);
    let last = trial
        .replay_events(BufReader::new(file))
        .map_err(|e| damaged(dir, records::EVENTS, &e))?;
    let logged = trial.witness().map(|account| architecture(account.format));
    if let Some(logged) = logged.filter(|logged| *logged != booted.arch) {
        let why = format!(
            "QEMU's log in it is from {logged}, the run from {}",
            booted.arch
        );
        return Err(damaged(dir, records::EVENTS, &why));
    }
    if let Some(Verdict::Timeout { clock, after, .. }) = trial.verdict() {
        let clocks = [
            (Clock::Run, story_file.timeout),
            (Clock::Silence, story_file.silence),
        ];
        let had = clocks.iter().find(|(one, _)| one == clock);
        let had = had.and_then(|(_, had)| Some(had.as_ref()?.as_secs_f64()));
        if let Some(had) = had.filter(|had| had != after) {
            let why = format!("the {clock} clock ran out after {after} s in it, but had {had} s");
            return Err(damaged(dir, records::EVENTS, &why));
        }
    }
    let mut report = Report::new(booted.arch, &booted.scenario, &story, &trial).took(last);
    report.accelerator = booted.accelerator;
    report.run_dir = Some(dir.to_owned());
    Ok(report)
}

/// The architecture whose QEMU logs in this format.
fn architecture(format: Format) -> Arch {
    match format {
        Format::RiscvTrap => Arch::Riscv64,
        Format::Aarch64Int => Arch::Aarch64,
        Format::X86Svm | Format::X86SvmInt => Arch::X86_64,
    }
}

/// Why the story cannot belong to a run on its architecture, if it cannot.
fn other_architecture(booted: &Booted, story_file: &StoryFile) -> Option<String> {
    let arch = booted.arch;
    let reported = story_file.spec.hv.start.get("arch");
    let others = [story_file.arch.map(Arch::name), reported]
        .into_iter()
        .flatten();
    let mut others = others.filter(|other| *other != arch.name());
    let other = others.next()?;
    Some(format!("it is from {other}, the run from {arch}"))
}

/// Judges a recorded console, read from `log`, like that of a scenario's run.
pub fn console(
    project: &Project,
    machine: &Machine,
    scenario: &Definition,
    console: impl Read,
    log: &Path,
) -> Result<Report, Error> {
    let scenario = scenario.resolve(project, machine, &With::default())?;
    judge_console(machine, &scenario, console).map_err(|e| Error::io("read", log, &e))
}

/// Judges a recorded console of a machine like that of a scenario's run. The error comes from the
/// reader.
pub fn judge_console(
    machine: &Machine,
    scenario: &Scenario,
    console: impl Read,
) -> io::Result<Report> {
    let start = Instant::now();
    let mut trial = Trial::new(&scenario.story);
    trial.replay_console(console)?;
    let report = Report::new(machine.arch, &scenario.name, &scenario.story, &trial);
    let mut report = report.took(start.elapsed());
    report.notes.push(
        "a recorded console does not tell how the machine ended, nor which @hv lines are genuine"
            .into(),
    );
    Ok(report)
}

fn damaged(dir: &Path, file: &str, error: &dyn std::fmt::Display) -> Error {
    let path = dir.join(file);
    Error::Usage(format!("{} is damaged: {error}", path.display()))
}
