//! Judging what was recorded: the directory of a run, or nothing but a console.

use crate::arch::Arch;
use crate::config::machine::Machine;
use crate::config::scenario::Scenario;
use crate::error::Error;
use crate::judge::trial::Trial;
use crate::judge::{Plan, Story};
use crate::records::report::Report;
use crate::records::{self, Booted};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::time::Instant;

/// Judges a run again, from its records alone: what was to be told, and what happened. It gets the
/// verdict that it got when it ran.
pub fn run_again(dir: &Path) -> Result<Report, Error> {
    let booted: Booted = records::read_json(dir, records::BOOTED)?;
    let plan: Plan = records::read_json(dir, records::STORY)?;
    let story = Story::of(plan).map_err(|e| damaged(dir, records::STORY, &e))?;
    let events = dir.join(records::EVENTS);
    let file = File::open(&events).map_err(|e| Error::io("open", &events, &e))?;
    let mut trial = Trial::of_run(&story, &booted.nonce);
    let last = trial
        .replay_events(BufReader::new(file))
        .map_err(|e| damaged(dir, records::EVENTS, &e))?;
    let mut report = Report::new(booted.arch, &booted.scenario, &story, &trial).took(last);
    report.run_dir = Some(dir.to_owned());
    Ok(report)
}

/// Judges a recorded console as if it were that of a scenario's run.
pub fn console(root: &Path, arch: Arch, scenario: &str, log: &Path) -> Result<Report, Error> {
    let machine = Machine::load(root, arch)?;
    let scenario = Scenario::load(root, scenario, &machine)?;
    let start = Instant::now();
    let mut trial = Trial::new(&scenario.story);
    let file =
        File::open(log).map_err(|e| Error::Usage(format!("cannot open {}: {e}", log.display())))?;
    trial
        .replay_console(file)
        .map_err(|e| Error::io("read", log, &e))?;
    let report = Report::new(arch, &scenario.name, &scenario.story, &trial);
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
