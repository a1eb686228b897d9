//! The conformance suite: the scenarios with a `[case]`, as a table for people.

use crate::arch::Arch;
use crate::config::scenario::{self, Summary};
use crate::error::ConfigError;
use crate::project::Project;
use std::fmt::Write;

const HEAD: &str = "\
# Conformance

What a hypervisor of this kind has to get right, case by case. Each is a guest of `gkernel/src/bin/`, a
scenario of `tests/scenarios/`, and a test of its own for each architecture (`./x test --test conformance
npf-`). What is judged is the hypervisor's own report, QEMU's log of the exits and the machine's end, not
what the guest prints.

This page is made from the scenarios: `./x list --markdown > docs/conformance.md`.

| case | the guest | what it proves | manual | riscv64 | aarch64 | x86_64 | mutant |
|---|---|---|---|---|---|---|---|
";

/// The scenarios that are cases, by name.
pub fn cases(project: &Project) -> Result<Vec<Summary>, ConfigError> {
    let all = project.scenario_names().into_iter();
    let all = all.map(|name| scenario::summary(project, &name));
    let all: Result<Vec<_>, _> = all.collect();
    Ok(all?
        .into_iter()
        .filter(|summary| summary.case.is_some())
        .collect())
}

/// The text that the page should have.
pub fn page(project: &Project) -> Result<String, ConfigError> {
    let mut page = HEAD.to_owned();
    let mut notes = String::new();
    for summary in cases(project)? {
        let Some(case) = &summary.case else { continue };
        let name = &summary.name;
        let _ = write!(
            page,
            "| {name} | {} | {} | {} ",
            summary.about, case.proves, case.manual
        );
        for arch in Arch::ALL {
            let mark = if summary.arches.contains(&arch) {
                "✓"
            } else {
                "–"
            };
            let _ = write!(page, "| {mark} ");
        }
        let patch = project.mutant(name);
        let _ = writeln!(page, "| {} |", if patch.is_file() { "✓" } else { "–" });
        for (arch, why) in &case.without {
            let _ = writeln!(notes, "- {name}, {arch}: {why}.");
        }
    }
    let _ = write!(page, "\n## Left out, and why\n\n{notes}");
    Ok(page)
}
