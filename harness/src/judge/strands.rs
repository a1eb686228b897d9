//! The progress of each strand while a console is judged.

use super::patterns::Matches;
use super::spec::{By, Course, Step, Strand};
use super::story::{Story, StrandPatterns};
use super::verdict::Verdict;
use serde::{Deserialize, Serialize};

/// How much of a strand's last line is kept.
const SHOWN: usize = 240;

/// The state of a strand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The strand's name.
    pub strand: String,
    /// How many of its numbers or steps have come.
    pub reached: u64,
    /// How many there are.
    pub total: u64,
    /// What is due next: a number, or a step's name. None when it is complete.
    pub due: Option<String>,
    /// Its last line.
    pub last_line: Option<String>,
}

/// The progress of a strand. Its size does not depend on the number of lines.
#[derive(Debug, Clone, Default)]
struct Progress {
    /// How many numbers have come, or the step that is due.
    next: u64,
    /// How many lines of that step have come.
    seen: u64,
    /// The positions of its first and its last line among the lines of all strands.
    span: Option<(u64, u64)>,
    last_line: String,
}

/// The progress of all strands.
#[derive(Debug)]
pub(super) struct Strands<'s> {
    story: &'s Story,
    progress: Vec<Progress>,
    lines: u64,
    lines_of_a_guest: u64,
}

/// The step that a line belongs to: the next one, or a later one if all steps between them are
/// optional.
pub(super) fn taker(steps: &[Step], next: usize, matched: impl Fn(usize) -> bool) -> Option<usize> {
    for (index, step) in steps.iter().enumerate().skip(next) {
        if matched(index) {
            return Some(index);
        }
        if !step.optional {
            return None;
        }
    }
    None
}

impl<'s> Strands<'s> {
    /// At the start.
    pub(super) fn new(story: &'s Story) -> Self {
        Self {
            story,
            progress: vec![Progress::default(); story.strands().len()],
            lines: 0,
            lines_of_a_guest: 0,
        }
    }

    /// How many lines the strands have taken.
    pub(super) fn lines(&self) -> u64 {
        self.lines
    }

    /// How many of these a guest has printed.
    pub(super) fn lines_of_a_guest(&self) -> u64 {
        self.lines_of_a_guest
    }

    /// Gives a line to the first strand in which it is due; says whether there is one.
    pub(super) fn take(&mut self, line: &str, matches: &Matches) -> bool {
        for (nth, patterns) in self.story.strands.iter().enumerate() {
            let strand = &self.story.strands()[nth];
            if self.progress[nth].take(strand, patterns, line, matches) {
                self.lines += 1;
                self.lines_of_a_guest += u64::from(strand.by == Some(By::Guest));
                let first = self.progress[nth]
                    .span
                    .map_or(self.lines, |(first, _)| first);
                self.progress[nth].span = Some((first, self.lines));
                beginning(line).clone_into(&mut self.progress[nth].last_line);
                return true;
            }
        }
        false
    }

    /// The objection to a line that no strand awaits, if it belongs to a strand.
    pub(super) fn stray(&self, line: &str, matches: &Matches) -> Option<Verdict> {
        let strands = self.story.strands().iter().zip(&self.story.strands);
        for ((strand, patterns), progress) in strands.zip(&self.progress) {
            if let Some(because) = progress.objection_to(strand, patterns, matches) {
                return Some(Verdict::StrandBroken {
                    strand: strand.name.clone(),
                    because,
                    line: Some(line.to_owned()),
                });
            }
        }
        None
    }

    /// The first incomplete strand, of some or of all, and what is due in it.
    pub(super) fn incomplete(&self, among: Option<&[String]>) -> Option<(&'s Strand, String)> {
        let is_among = |strand: &Strand| among.is_none_or(|names| names.contains(&strand.name));
        let strands = self.story.strands().iter().zip(&self.progress);
        let mut strands = strands.filter(|(strand, _)| is_among(strand));
        strands.find_map(|(strand, progress)| Some((strand, progress.due(strand)?)))
    }

    /// The objection to a pass if all strands are complete: two that should overlap did not.
    pub(super) fn apart(&self) -> Option<Verdict> {
        let span = |name: &str| {
            let nth = self.story.strands().iter().position(|s| s.name == name)?;
            self.progress[nth].span
        };
        for strand in self.story.strands() {
            for other in &strand.overlaps {
                let spans = span(&strand.name).zip(span(other));
                // Two spans overlap exactly if a line of one lies within the other.
                let overlap = spans.is_some_and(|(one, two)| one.0 < two.1 && two.0 < one.1);
                if !overlap {
                    return Some(Verdict::StrandBroken {
                        strand: strand.name.clone(),
                        because: format!(
                            "one of it and `{other}` was over before the other began, so neither \
                             interrupted the other"
                        ),
                        line: None,
                    });
                }
            }
        }
        None
    }

    /// The state of each strand.
    pub(super) fn standing(&self) -> Vec<Standing> {
        let strands = self.story.strands().iter().zip(&self.progress);
        let standing = strands.map(|(strand, progress)| Standing {
            strand: strand.name.clone(),
            reached: progress.next,
            total: match &strand.course {
                Course::Sequence { first, last, .. } => (last - first).saturating_add(1),
                Course::Steps(steps) => steps.len() as u64,
            },
            due: progress.due(strand),
            last_line: progress.span.map(|_| progress.last_line.clone()),
        });
        standing.collect()
    }
}

impl Progress {
    /// Takes a line if it is due.
    fn take(
        &mut self,
        strand: &Strand,
        patterns: &StrandPatterns,
        line: &str,
        matches: &Matches,
    ) -> bool {
        match (&strand.course, patterns) {
            (Course::Sequence { first, last, .. }, StrandPatterns::Sequence(pattern, regex)) => {
                // Compared like this, the largest number does not end the sequence.
                let due = first.checked_add(self.next).filter(|due| due <= last);
                let is_due =
                    matches.matched(*pattern) && due.is_some() && number(regex, line) == due;
                self.next += u64::from(is_due);
                is_due
            }
            (Course::Steps(steps), StrandPatterns::Steps(numbers)) => {
                let next = usize::try_from(self.next).unwrap_or(usize::MAX);
                let Some(index) = taker(steps, next, |nth| matches.matched(numbers[nth].0)) else {
                    return false;
                };
                if index != next {
                    (self.next, self.seen) = (index as u64, 0);
                }
                self.seen += 1;
                if self.seen == steps[index].count {
                    (self.next, self.seen) = (index as u64 + 1, 0);
                }
                true
            }
            _ => false,
        }
    }

    /// What is due; none if the strand is complete.
    fn due(&self, strand: &Strand) -> Option<String> {
        match &strand.course {
            Course::Sequence { first, last, .. } => {
                let due = first.checked_add(self.next).filter(|due| due <= last);
                due.map(|due| due.to_string())
            }
            Course::Steps(steps) => {
                let next = usize::try_from(self.next).ok()?;
                let mut rest = steps.get(next..)?.iter();
                rest.find(|step| !step.optional)
                    .map(|step| step.name.clone())
            }
        }
    }

    /// Why a line that is not due in this strand must not come, if it is one of its lines.
    fn objection_to(
        &self,
        strand: &Strand,
        patterns: &StrandPatterns,
        matches: &Matches,
    ) -> Option<String> {
        let due = self.due(strand);
        let was_due = due.map_or("it was complete".into(), |due| format!("{due} was due"));
        match (&strand.course, patterns) {
            (Course::Sequence { .. }, StrandPatterns::Sequence(pattern, _)) => {
                matches.matched(*pattern).then_some(was_due)
            }
            (Course::Steps(steps), StrandPatterns::Steps(numbers)) => {
                let stray = |(step, (pattern, near)): &(&Step, &(usize, Option<usize>))| {
                    let matched = matches.matched(*pattern);
                    let near = near.is_some_and(|near| matches.matched(near));
                    matched && step.unique || !matched && near
                };
                let (step, _) = steps.iter().zip(numbers).find(stray)?;
                Some(format!("{was_due}, and a line of `{}` came", step.name))
            }
            _ => None,
        }
    }
}

/// The number in a line of a sequence.
fn number(pattern: &regex::Regex, line: &str) -> Option<u64> {
    pattern.captures(line)?.get(1)?.as_str().parse().ok()
}

fn beginning(line: &str) -> &str {
    let end = line
        .char_indices()
        .nth(SHOWN)
        .map_or(line.len(), |(at, _)| at);
    &line[..end]
}
