//! `harness list`.

use super::say;
use crate::config::machine::{self, Machine, Origin};
use crate::config::scenario;
use crate::error::Error;
use crate::project;
use crate::tools::conformance;
use std::ffi::OsStr;
use std::path::Path;

/// Shows what there is; or, as `markdown`, the conformance suite's page.
pub(super) fn list(root: &Path, markdown: bool) -> Result<u8, Error> {
    if markdown {
        say(conformance::page(root)?.trim_end())?;
        return Ok(0);
    }
    say("machines:")?;
    for name in machine::names(root) {
        let machine = Machine::named(root, OsStr::new(&name))?;
        let (program, origin) = (machine.qemu.program.display(), machine.origin());
        let origin = match origin {
            Origin::File(file) => file
                .strip_prefix(root)
                .unwrap_or(file)
                .display()
                .to_string(),
            Origin::BuiltIn(_) => "built in".to_owned(),
        };
        say(&format!(
            "  {name:<22} {:<8} {program}, {origin}",
            machine.arch
        ))?;
    }
    say("scenarios:")?;
    for name in scenario::names(root) {
        let summary = scenario::summary(root, &name)?;
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
    for name in project::guests(root) {
        say(&format!("  {name}"))?;
    }
    Ok(0)
}
