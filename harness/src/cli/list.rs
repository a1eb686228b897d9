//! `harness list`.

use super::say;
use crate::config::machine::{self, Machine, Origin};
use crate::config::scenario;
use crate::error::Error;
use crate::project::Project;
use crate::tools::conformance;
use std::ffi::OsStr;

/// Shows what there is, and marks what cannot be read, which is an error in the end; or, as `markdown`, the conformance suite's page.
pub(super) fn list(project: &Project, markdown: bool) -> Result<u8, Error> {
    if markdown {
        say(conformance::page(project)?.trim_end())?;
        return Ok(0);
    }
    let mut broken = 0;
    let mut mark = |name: &str, error: Error| {
        broken += 1;
        say(&format!("  {name:<22} BROKEN: {error}"))
    };
    say("machines:")?;
    for name in machine::names(project) {
        let machine = match Machine::named(project, OsStr::new(&name)) {
            Ok(machine) => machine,
            Err(error) => {
                mark(&name, error)?;
                continue;
            }
        };
        let (program, origin) = (machine.qemu.program.display(), machine.origin());
        let origin = match origin {
            Origin::File(file) => project.short(file).display().to_string(),
            Origin::BuiltIn(_) => "built in".to_owned(),
        };
        say(&format!(
            "  {name:<22} {:<8} {program}, {origin}",
            machine.arch
        ))?;
    }
    say("scenarios:")?;
    for name in project.scenario_names() {
        let summary = match scenario::summary(project, &name) {
            Ok(summary) => summary,
            Err(error) => {
                mark(&name, error.into())?;
                continue;
            }
        };
        let arches: Vec<_> = summary.arches.iter().map(|arch| arch.name()).collect();
        say(&format!(
            "  {name:<22} {} [{}]",
            summary.about,
            arches.join(", ")
        ))?;
        let without = summary.case.map(|case| case.without).unwrap_or_default();
        for (arch, why) in without {
            say(&format!("  {:<22} not {arch}: {why}", ""))?;
        }
    }
    say("guests:")?;
    for name in project.guests() {
        say(&format!("  {name}"))?;
    }
    if broken > 0 {
        let files = if broken == 1 {
            "a file is"
        } else {
            "files are"
        };
        return Err(Error::Usage(format!(
            "{files} broken: correct what is marked"
        )));
    }
    Ok(0)
}
