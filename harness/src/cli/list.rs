//! `harness list`.

use super::say;
use crate::arch::Arch;
use crate::config::machine::Machine;
use crate::config::scenario;
use crate::error::Error;
use crate::project;
use crate::tools::conformance;
use std::path::Path;

/// Shows what there is; or, as `markdown`, the conformance suite's page.
pub(super) fn list(root: &Path, markdown: bool) -> Result<u8, Error> {
    if markdown {
        say(conformance::page(root)?.trim_end())?;
        return Ok(0);
    }
    say("architectures:")?;
    for arch in Arch::ALL {
        let machine = Machine::load(root, arch)?;
        say(&format!("  {arch:<10} {}", machine.qemu.program.display()))?;
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
