//! Errors of the hypervisor that are about no guest.

use super::super::event::Event;
use super::super::hvlog::Heard;
use super::super::hvlog::console::KILLED;
use super::super::spec::Lines;
use super::super::verdict::Verdict;
use super::Judge;

impl Judge<'_> {
    /// The verdict on a line by which the hypervisor gives up while no guest runs, as far as its report
    /// tells: a guest that runs is entered in it first.
    pub(super) fn own_error(&self, line: &str) -> Option<Verdict> {
        let error = line.strip_prefix(KILLED)?;
        let report = &self.hypervisor;
        let tells = match self.story.spec().hv.lines {
            Lines::Required => report.can_tell(),
            Lines::IfAny => report.events() > 0,
            Lines::Ignored => false,
        };
        let error = error.into();
        (tells && !report.runs_a_guest()).then_some(Verdict::HypervisorError { error })
    }

    /// The verdict on a line that was about a guest, unless the report says now that none has run.
    pub(super) fn killed_or_own(&mut self, event: &Event<'_>, exit: String) -> Verdict {
        if let Event::Line { text } = event {
            let heard = self.hypervisor.line(text);
            if matches!(heard, Heard::Event(_)) && !self.hypervisor.runs_a_guest() {
                return Verdict::HypervisorError { error: exit };
            }
        }
        Verdict::GuestKilled { exit }
    }
}
