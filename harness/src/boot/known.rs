//! What the harness knows of the programs that it boots, for the judge to compare with what it is told.

use super::image;
use super::images::Part;
use crate::config::scenario::Scenario;
use crate::judge::audit::Span;
use crate::judge::{Known, KnownGuest};

/// A guest of a run: its name on the disk, its file, and its image as it lies there.
pub(super) struct Guest {
    pub name: String,
    pub program: Part,
    pub flat: Vec<u8>,
}

/// What is known of a run of a scenario with this hypervisor and these guests, the first of which runs as
/// often as the word `runs` says.
pub(super) fn known(scenario: &Scenario, hypervisor: &Part, guests: &[Guest]) -> Known {
    let runs = scenario.params.iter().find(|(name, _)| name == "runs");
    let runs = runs.and_then(|(_, runs)| runs.parse().ok()).unwrap_or(1);
    let guests = guests.iter().enumerate().map(|(nth, guest)| KnownGuest {
        runs: if nth == 0 { runs } else { 1 },
        path: format!("/sbin/{}", guest.name),
        bytes: guest.flat.len() as u64,
        gpa: scenario.guest_at,
        code: code(&guest.program, scenario.guest_at),
    });
    Known {
        guests: guests.collect(),
        hypervisor: code(hypervisor, None),
        windows: scenario.story.spec().known.windows.clone(),
    }
}

/// Where a program has its code: where it is linked, and, for the time before it turns its translation on,
/// where it is loaded, its image at that address.
fn code(program: &Part, at: Option<u64>) -> Vec<Span> {
    let mut spans = Vec::new();
    for code in image::code(&program.bytes) {
        spans.push(Span::new(code.linked, code.size));
        if let Some(at) = at {
            spans.push(Span::new(at.saturating_add(code.offset), code.size));
        }
    }
    spans
}
