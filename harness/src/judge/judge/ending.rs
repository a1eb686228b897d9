//! The verdict of a machine that has ended.

use super::super::accounts::Accounts;
use super::super::hvlog::console::printed_fault;
use super::super::verdict::{MachineEnd, Verdict};
use super::Judge;

impl Judge<'_> {
    pub(super) fn end(&self, end: &MachineEnd) -> Verdict {
        let expected = self.story.end();
        match end {
            MachineEnd::Reported { kind, .. } if *kind == expected => {}
            MachineEnd::NotRecorded => {}
            other => {
                return Verdict::EarlyExit {
                    status: other.clone(),
                    expected,
                };
            }
        }
        if let Some((strand, due)) = self.blocking() {
            return Verdict::StrandBroken {
                strand: strand.name.clone(),
                because: format!("the machine ended when {due} was due"),
                line: None,
            };
        }
        if let Some(next) = self.awaited() {
            return Verdict::MissingMarker {
                last: self.reached.last().map(|reached| reached.step.clone()),
                next: next.name.clone(),
            };
        }
        let whole_run = *end != MachineEnd::NotRecorded;
        let objection = self.results.objection();
        let objection = objection.or_else(|| self.strands.apart());
        let objection = objection.or_else(|| self.objection_of_the_report());
        let objection = objection.or_else(|| self.objection_of_the_witness(whole_run));
        let objection = objection.or_else(|| self.objection_of_the_audit(whole_run));
        objection.unwrap_or(Verdict::Pass)
    }

    /// The objections to a pass in the hypervisor's report.
    fn objection_of_the_report(&self) -> Option<Verdict> {
        self.story.spec().hv.objection(&self.hypervisor)
    }

    /// The objections to a pass in QEMU's log.
    fn objection_of_the_witness(&self, whole_run: bool) -> Option<Verdict> {
        let expected = self.story.spec().witness.as_ref()?;
        let because = match &self.witness {
            Some(qemu) => {
                let reached = self.reached.iter();
                let printed: Vec<_> = reached
                    .filter_map(|step| printed_fault(&step.line))
                    .collect();
                let accounts = Accounts {
                    printed: &printed,
                    guest_lines: self.guest_lines(),
                    hypervisor: &self.hypervisor,
                    qemu,
                };
                accounts.contradictions(expected)
            }
            None if whole_run => vec!["there is no log, although the scenario asks for one".into()],
            None => Vec::new(),
        };
        (!because.is_empty()).then_some(Verdict::WitnessDisagrees { because })
    }

    /// What is missing of the audit.
    fn objection_of_the_audit(&self, whole_run: bool) -> Option<Verdict> {
        let expected = self.story.spec().audit.as_ref().filter(|_| whole_run)?;
        let because = expected.missing(&self.audited);
        (!because.is_empty()).then_some(Verdict::NotAudited { because })
    }
}
