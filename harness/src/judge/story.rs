//! The story that a console must tell: its specification with its patterns ready to be matched.

use super::audit;
use super::hvlog::console::KILLED;
use super::known::Known;
use super::patterns::{Matches, Patterns};
use super::results::ResultPatterns;
use super::spec::{By, Course, Forbidden, HvExpected, Step, StorySpec, Strand};
use super::verdict::{Blame, EndKind, Verdict};
use regex::Regex;

/// A specification with its patterns ready to be matched.
#[derive(Debug)]
pub struct Story {
    spec: StorySpec,
    /// All patterns at once: first those of the steps, in order, then the others by the numbers below,
    /// then [`KILLED`] at the line's start.
    pub(super) patterns: Patterns,
    /// For each step, the number of its `near`.
    near: Vec<Option<usize>>,
    forbidden: Vec<Rule>,
    /// Those of them that forbid any line.
    forbids_any: Vec<Rule>,
    pub(super) strands: Vec<StrandPatterns>,
    pub(super) results: Vec<ResultPatterns>,
}

/// The patterns of a forbidden line, and the steps between which it is forbidden.
#[derive(Debug, Clone)]
struct Rule {
    pattern: usize,
    except: Option<usize>,
    from: Option<usize>,
    until: Option<usize>,
}

impl Rule {
    /// Whether it holds while step `next` is the next one.
    fn is_in_force(&self, next: usize) -> bool {
        self.from.is_none_or(|step| next > step) && self.until.is_none_or(|step| next <= step)
    }
}

/// The patterns of a strand.
#[derive(Debug)]
pub(super) enum StrandPatterns {
    /// The number of the pattern, and the pattern itself for its capture group.
    Sequence(usize, Regex),
    /// For each step, the numbers of its pattern and of its `near`.
    Steps(Vec<(usize, Option<usize>)>),
}

/// Numbers the patterns.
#[derive(Default)]
struct Numbering<'p>(Vec<&'p str>);

impl<'p> Numbering<'p> {
    fn number(&mut self, pattern: &'p str) -> usize {
        self.0.push(pattern);
        self.0.len() - 1
    }

    fn number_any(&mut self, pattern: Option<&'p String>) -> Option<usize> {
        pattern.map(|pattern| self.number(pattern))
    }

    fn strand(&mut self, strand: &'p Strand) -> Result<StrandPatterns, regex::Error> {
        Ok(match &strand.course {
            Course::Sequence { pattern, .. } => {
                StrandPatterns::Sequence(self.number(pattern), Regex::new(pattern)?)
            }
            Course::Steps(steps) => {
                let numbered = steps.iter().map(|step| {
                    let pattern = self.number(&step.pattern);
                    (pattern, self.number_any(step.near.as_ref()))
                });
                StrandPatterns::Steps(numbered.collect())
            }
        })
    }
}

impl Story {
    /// Makes a story from valid patterns, with the usual end in the hypervisor's report and without a
    /// witness. Fails if the patterns are too large together.
    pub fn new(
        steps: Vec<Step>,
        forbidden: Vec<Forbidden>,
        end: EndKind,
    ) -> Result<Self, regex::Error> {
        Self::of(StorySpec {
            steps,
            strands: Vec::new(),
            results: Vec::new(),
            forbidden,
            end,
            hv: HvExpected::of(end),
            witness: None,
            audit: None,
            known: Known::default(),
        })
    }

    /// Compiles a specification whose patterns are valid; fails if they are too large together.
    pub fn of(spec: StorySpec) -> Result<Self, regex::Error> {
        let killed = format!("^{}", regex::escape(KILLED));
        let mut numbering = Numbering::default();
        for step in &spec.steps {
            numbering.number(&step.pattern);
        }
        let near = spec.steps.iter();
        let near = near.map(|step| numbering.number_any(step.near.as_ref()));
        let near = near.collect();
        let place = |name: &Option<String>| {
            let name = name.as_ref()?;
            spec.steps.iter().position(|step| step.name == *name)
        };
        let forbidden = spec.forbidden.iter().map(|forbidden| Rule {
            pattern: numbering.number(&forbidden.pattern),
            except: numbering.number_any(forbidden.except.as_ref()),
            from: place(&forbidden.from),
            until: place(&forbidden.until),
        });
        let forbidden: Vec<Rule> = forbidden.collect();
        let strands = spec.strands.iter().map(|strand| numbering.strand(strand));
        let strands = strands.collect::<Result<_, _>>()?;
        let results = spec.results.iter().map(|result| ResultPatterns {
            ok: numbering.number(&result.pattern),
            failed: numbering.number(&result.failed),
        });
        let results = results.collect();
        numbering.number(&killed);
        let patterns = Patterns::new(&numbering.0)?;
        let of_any = forbidden
            .iter()
            .filter(|rule| patterns.is_any(rule.pattern));
        Ok(Self {
            spec,
            forbids_any: of_any.cloned().collect(),
            patterns,
            near,
            forbidden,
            strands,
            results,
        })
    }

    /// The specification that it was compiled from.
    pub fn spec(&self) -> &StorySpec {
        &self.spec
    }

    /// Takes note of what is known of the programs of the run.
    pub fn know(&mut self, known: Known) {
        self.spec.known = known;
    }

    /// Has the machine held against this; the spec says so too.
    pub fn set_audit(&mut self, expected: audit::Expected) {
        self.spec.audit = Some(expected);
    }

    /// The steps, in order.
    pub fn steps(&self) -> &[Step] {
        &self.spec.steps
    }

    /// The strands.
    pub fn strands(&self) -> &[Strand] {
        &self.spec.strands
    }

    /// What must not come.
    pub fn forbidden(&self) -> &[Forbidden] {
        &self.spec.forbidden
    }

    /// How the machine must end.
    pub fn end(&self) -> EndKind {
        self.spec.end
    }

    /// The patterns that a line matches while step `next` is the next one. Nearly every line comes while any
    /// line may come, and matches none: that is found out quickly.
    pub(super) fn matches(&self, line: &str, next: usize) -> Option<Matches> {
        let any = self.forbids_any.iter().any(|rule| rule.is_in_force(next));
        self.patterns.matches(line, any)
    }

    /// The rule that forbids a line while step `next` is the next one.
    pub(super) fn forbids(&self, matches: &Matches, next: usize) -> Option<&Forbidden> {
        let applies = |rule: &Rule| {
            matches.matched(rule.pattern)
                && !rule.except.is_some_and(|except| matches.matched(except))
                && rule.is_in_force(next)
        };
        let rule = self.forbidden.iter().position(applies)?;
        self.spec.forbidden.get(rule)
    }

    /// Whether a rule about forbidden lines is about this one, at any time: even one by which it is
    /// allowed.
    pub(super) fn has_a_rule_for(&self, line: &str) -> bool {
        let mut rules = self.forbidden.iter();
        let matches = self.patterns.matches(line, true);
        matches.is_some_and(|matches| rules.any(|rule| matches.matched(rule.pattern)))
    }

    /// The step that a line, which is not its turn's, belongs to in a way that must not be.
    pub(super) fn stray(&self, matches: &Matches) -> Option<&Step> {
        let steps = || self.steps().iter().enumerate();
        let unique = steps().find(|(nth, step)| step.unique && matches.matched(*nth));
        let near = |&(nth, _): &(usize, &Step)| {
            !matches.matched(nth) && self.near[nth].is_some_and(|near| matches.matched(near))
        };
        let (_, step) = unique.or_else(|| steps().find(near))?;
        Some(step)
    }

    /// Who is to blame for a verdict, as far as the console tells.
    pub fn blame(&self, verdict: &Verdict) -> Blame {
        let owner = |by: Option<By>| match by {
            Some(By::Guest) => Blame::Guest,
            Some(By::Hypervisor) => Blame::Hypervisor,
            None => Blame::GuestOrHypervisor,
        };
        let strand = |name: &str| {
            let strand = self.strands().iter().find(|strand| strand.name == name);
            owner(strand.and_then(|strand| strand.by))
        };
        let result = |name: &str| {
            let result = self.spec.results.iter().find(|result| result.name == name);
            result.map_or_else(|| strand(name), |result| owner(result.by))
        };
        let step = |name: &str| {
            let step = self.steps().iter().find(|step| step.name == name);
            step.map_or_else(|| result(name), |step| owner(step.by))
        };
        match verdict {
            Verdict::Pass => Blame::Nobody,
            Verdict::MissingMarker { next, .. } => step(next),
            Verdict::Diverged {
                belongs_to,
                awaited,
                ..
            } => match awaited {
                Some(awaited) if step(awaited) != step(belongs_to) => Blame::GuestOrHypervisor,
                _ => step(belongs_to),
            },
            Verdict::ForbiddenOutput { rule, .. } => owner(
                self.forbidden()
                    .iter()
                    .find(|f| &f.pattern == rule)
                    .and_then(|f| f.by),
            ),
            Verdict::StrandBroken { strand: name, .. } => strand(name),
            Verdict::GuestKilled { .. } => Blame::Guest,
            // Even if QEMU crashed: what it ran made it crash.
            Verdict::EarlyExit { .. } | Verdict::ExitFlood { .. } => Blame::GuestOrHypervisor,
            Verdict::Timeout { step: name, .. } => step(name),
            // A case fails because of what it finds, or because it is wrong itself.
            Verdict::WrongEnd { .. } | Verdict::ResultsWrong { .. } => Blame::GuestOrHypervisor,
            Verdict::HypervisorError { .. }
            | Verdict::BrokenReport { .. }
            | Verdict::WitnessDisagrees { .. }
            | Verdict::IsolationBroken { .. }
            | Verdict::NotAudited { .. } => Blame::Hypervisor,
            Verdict::Infrastructure { .. } => Blame::Setup,
        }
    }
}
