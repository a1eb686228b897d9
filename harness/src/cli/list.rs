//! `harness list`.

use super::say;
use crate::arch::Arch;
use crate::config::machine::Machine;
use crate::config::scenario;
use crate::error::Error;
use crate::project::Project;
use crate::tools::conformance;

/// Shows what there is; or, as `markdown`, the conformance suite's page.
pub(super) fn list(project: &Project, markdown: bool) -> Result<u8, Error> {
    if markdown {
        say(conformance::page(project)?.trim_end())?;
        return Ok(0);
    }
    say("architectures:")?;
    for arch in Arch::ALL {
        let machine = Machine::load(project, arch)?;
        say(&format!("  {arch:<10} {}", machine.qemu.program.display()))?;
    }
    say("scenarios:")?;
    for name in project.scenario_names() {
        let summary = scenario::summary(project, &name)?;
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
    Ok(0)
}
