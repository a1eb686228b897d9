use super::*;
use crate::judge::audit::{Breach, Moment};
use crate::judge::results::{CaseOutcome, Outcome};
use crate::judge::{By, Forbidden, HvExpected, Known, Step, Story, StorySpec};

/// A verdict of each kind; more than one where what it tells decides whose fault it is.
fn all() -> Vec<Verdict> {
    let name = || "one".to_owned();
    let early = |status| Verdict::EarlyExit {
        status,
        expected: EndKind::Shutdown,
    };
    let mut all = vec![
        Verdict::Pass,
        Verdict::MissingMarker {
            last: None,
            next: name(),
        },
        Verdict::GuestKilled { exit: name() },
        Verdict::HypervisorError { error: name() },
        Verdict::ResultsWrong {
            of: 1,
            results: vec![CaseOutcome {
                name: "case".into(),
                outcome: Outcome::Missing,
                line: None,
            }],
        },
        Verdict::StrandBroken {
            strand: name(),
            because: name(),
            line: None,
        },
        Verdict::BrokenReport { because: name() },
        Verdict::WrongEnd {
            expected: name(),
            said: name(),
        },
        Verdict::IsolationBroken {
            at: Moment::Exits { count: 1 },
            breaches: vec![Breach::NoSecondStage],
        },
        Verdict::NotAudited {
            because: vec!["no snapshot was taken".into()],
        },
        Verdict::WitnessDisagrees {
            because: vec![name()],
        },
        Verdict::ExitFlood { limit: 1, exits: 1 },
        Verdict::Infrastructure {
            what: name(),
            hint: name(),
        },
        early(MachineEnd::NotRecorded),
        early(MachineEnd::Unreported { status: name() }),
    ];
    let kinds = [EndKind::Shutdown, EndKind::Reset, EndKind::Panic];
    all.extend(kinds.map(|kind| {
        early(MachineEnd::Reported {
            kind,
            reason: name(),
        })
    }));
    for step in ["guest's", "hypervisor's", "one", crate::judge::AT_THE_END] {
        all.push(Verdict::Diverged {
            line: name(),
            belongs_to: step.into(),
            awaited: Some("guest's".into()),
        });
        all.push(Verdict::ForbiddenOutput {
            line: name(),
            rule: step.into(),
        });
        for clock in [Clock::Run, Clock::Step, Clock::Silence] {
            all.push(Verdict::Timeout {
                clock,
                after: 1.0,
                step: step.into(),
                silent_for: 1.0,
            });
        }
    }
    all
}

fn story() -> Story {
    let by = |who: &str| match who {
        "guest's" => Some(By::Guest),
        "hypervisor's" => Some(By::Hypervisor),
        _ => None,
    };
    let names = ["guest's", "hypervisor's", "one"];
    let step = |name: &str| Step {
        name: name.into(),
        pattern: name.into(),
        near: None,
        by: by(name),
        unique: false,
        optional: false,
        count: 1,
        within: None,
        after: Vec::new(),
    };
    let forbidden = |name: &str| Forbidden {
        pattern: name.into(),
        by: by(name),
        except: None,
        from: None,
        until: None,
    };
    Story::of(StorySpec {
        strands: Vec::new(),
        results: Vec::new(),
        steps: names.map(step).into(),
        forbidden: names.map(forbidden).into(),
        end: EndKind::Shutdown,
        hv: HvExpected::of(EndKind::Shutdown),
        witness: None,
        audit: None,
        known: Known::default(),
    })
    .unwrap()
}

/// The exit code says the same as the words do.
#[test]
fn whose_fault_it_is_agrees_with_the_exit_code() {
    let story = story();
    let mut kinds = Vec::new();
    for verdict in all() {
        let codes: &[u8] = match story.blame(&verdict) {
            Blame::Nobody => &[0],
            Blame::Guest | Blame::Hypervisor | Blame::GuestOrHypervisor => &[1, 3],
            Blame::Setup => &[4],
        };
        let code = verdict.exit_code();
        assert!(codes.contains(&code), "{code}: {verdict:?}");
        assert_eq!(code == 3, verdict.kind() == "timeout", "{verdict:?}");
        let written = serde_json::to_value(&verdict).unwrap();
        assert_eq!(written["kind"], verdict.kind());
        kinds.push(verdict.kind());
    }
    kinds.sort_unstable();
    kinds.dedup();
    // A kind that is new is missing above until it is added there and to the list.
    let mut listed = Verdict::KINDS;
    listed.sort_unstable();
    assert_eq!(kinds, listed);
}
