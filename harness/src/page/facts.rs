//! What else is known of a run, as the page lists it.

use super::texts::{Id, Texts};
use crate::judge::results::Outcome;
use crate::records::Booted;
use crate::records::report::Report;

/// How many facts of a run are listed: a report may have very many results or notes.
const FACTS: usize = 100;

/// The facts of a report: what, and then the fact.
pub fn facts(report: &Report, texts: &mut Texts) -> Vec<[Id; 2]> {
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
    let more = facts.len().saturating_sub(FACTS);
    if more > 0 {
        facts.truncate(FACTS);
        let words = format!("{more} more facts, which verdict.json has");
        facts.push([texts.line("and"), texts.line(&words)]);
    }
    facts
}

/// The files that were booted, each with its hash.
pub fn booted_facts(booted: &Booted, texts: &mut Texts) -> Vec<[Id; 2]> {
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
