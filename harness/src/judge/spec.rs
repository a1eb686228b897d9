//! What a run must show, as plain data: the steps, the strands, the forbidden lines, and how the
//! machine must end. The run's records hold a copy.

mod report;

use super::accounts;
use super::audit;
use super::hvlog::HvEvent;
use super::known::Known;
use super::results::CaseResult;
use super::verdict::EndKind;
pub use report::{HvExpected, Lines};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Who prints a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// The guest.
    Guest,
    /// The hypervisor.
    Hypervisor,
}

/// A line, or several, that must come next.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Step {
    /// Its name in reports.
    pub name: String,
    /// The regular expression its lines match.
    pub pattern: String,
    /// A looser pattern for the same line. A line that matches this but not `pattern` is the step gone
    /// wrong.
    pub near: Option<String>,
    /// Who prints it.
    pub by: Option<By>,
    /// Whether such a line is wrong at any other point.
    pub unique: bool,
    /// Whether the story may go on without it.
    pub optional: bool,
    /// How many such lines it takes.
    pub count: u64,
    /// The longest time since the last line that the story took.
    pub within: Option<Duration>,
    /// The strands that must be complete before it comes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<String>,
}

impl Step {
    /// A step of one line, with default settings.
    pub fn new(name: impl Into<String>, pattern: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            pattern: pattern.into(),
            near: None,
            by: None,
            unique: false,
            optional: false,
            count: 1,
            within: None,
            after: Vec::new(),
        }
    }

    fn objection(&self) -> Option<String> {
        let name = &self.name;
        if self.count == 0 {
            return Some(format!("step `{name}` happens 0 times"));
        }
        objection_to_pattern(&format!("step `{name}`"), &self.pattern)
    }
}

/// A line that must not come.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Forbidden {
    /// The regular expression it matches.
    pub pattern: String,
    /// Who is to blame.
    pub by: Option<By>,
    /// A line that also matches this is allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub except: Option<String>,
    /// The line is forbidden from this step on, once the story has reached or passed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The line is forbidden until this step is reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

impl Forbidden {
    /// A line that must not come at any time, whoever prints it.
    pub fn new(pattern: impl Into<String>) -> Self {
        Self {
            pattern: pattern.into(),
            by: None,
            except: None,
            from: None,
            until: None,
        }
    }
}

/// The lines of one of several concurrent tasks: they come in their own order, and other lines may come
/// between them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Strand {
    /// Its name in reports; no step may have the same name.
    pub name: String,
    /// Who prints it.
    pub by: Option<By>,
    /// Its lines.
    pub course: Course,
    /// Strands that must interleave with it: a line of one lies between two lines of the other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overlaps: Vec<String>,
}

/// The lines of a strand.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Course {
    /// A number in each line, counting from the first to the last.
    Sequence {
        /// The regular expression of such a line. Its only capture group is the number.
        pattern: String,
        /// The first number.
        first: u64,
        /// The last one.
        last: u64,
    },
    /// Steps, in order.
    Steps(Vec<Step>),
}

impl Strand {
    fn objection(&self) -> Option<String> {
        let name = &self.name;
        match &self.course {
            Course::Sequence {
                pattern,
                first,
                last,
            } => {
                if last < first {
                    return Some(format!("strand `{name}`: {first}..={last} holds no number"));
                }
                let groups = regex::Regex::new(pattern).map(|pattern| pattern.captures_len() - 1);
                if groups.is_ok_and(|groups| groups != 1) {
                    return Some(format!(
                        "strand `{name}`: its pattern needs one capture group, around the number"
                    ));
                }
                objection_to_pattern(&format!("strand `{name}`"), pattern)
            }
            Course::Steps(steps) => {
                if steps.iter().all(|step| step.optional) {
                    return Some(format!("strand `{name}` has no step that must happen"));
                }
                let bound = |step: &&Step| step.within.is_some() || !step.after.is_empty();
                if let Some(step) = steps.iter().find(bound) {
                    return Some(format!(
                        "strand `{name}`: its step `{}` has `within` or `after`, which are for the \
                         story's own steps",
                        step.name
                    ));
                }
                let named = names_are_their_own(steps.iter().map(|step| &step.name));
                let named = named.map(|why| format!("strand `{name}`: {why}"));
                named.or_else(|| steps.iter().find_map(Step::objection))
            }
        }
    }
}

/// What is wrong with names that must be different and not empty.
fn names_are_their_own<'n>(names: impl Iterator<Item = &'n String>) -> Option<String> {
    let mut before: Vec<&str> = Vec::new();
    for (nth, name) in names.enumerate() {
        if name.trim().is_empty() || before.contains(&name.as_str()) {
            return Some(format!("step {} has no name of its own", nth + 1));
        }
        before.push(name);
    }
    None
}

pub(super) fn objection_to_pattern(whose: &str, pattern: &str) -> Option<String> {
    match regex::Regex::new(pattern) {
        Ok(pattern) if pattern.is_match("") => {
            Some(format!("{whose} is any line, even an empty one"))
        }
        Ok(_) => None,
        Err(error) => Some(format!("{whose}: {error}")),
    }
}

/// The specification of a story, as `story.json` holds it: plain data, before its patterns are compiled.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StorySpec {
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// The strands, which run beside the steps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub strands: Vec<Strand>,
    /// The cases, each of which has to say that it went well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub results: Vec<CaseResult>,
    /// What must not come.
    pub forbidden: Vec<Forbidden>,
    /// How the machine must end.
    pub end: EndKind,
    /// What the hypervisor must report.
    pub hv: HvExpected,
    /// What QEMU must have logged; none if it is not asked.
    pub witness: Option<accounts::Expected>,
    /// What the machine may hold while a guest runs; none if it is not looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit: Option<audit::Expected>,
    /// What the harness itself knows of the programs of the run.
    #[serde(default)]
    pub known: Known,
}

impl StorySpec {
    /// What an event of the hypervisor's report has against a pass, when `ended` guests have ended.
    pub(super) fn objection_to_event(&self, event: &HvEvent, ended: u64) -> Option<String> {
        if self.hv.lines == Lines::Ignored {
            return None;
        }
        if let HvEvent::Start(said) = event
            && !said.agree_with(&self.hv.start)
        {
            let expected = &self.hv.start;
            return Some(format!("it starts with `{said}` instead of `{expected}`"));
        }
        self.known.objection(event, ended)
    }

    /// Says why this story, which anybody may have written, could prove nothing; none if it is fit to
    /// judge by.
    pub fn objection(&self) -> Option<String> {
        let asks = !self.strands.is_empty() || !self.results.is_empty();
        if !asks && self.steps.iter().all(|step| step.optional) {
            return Some("it has no step that must happen: every run would pass".into());
        }
        let steps = self.steps.iter();
        let names = steps.clone().map(|step| &step.name);
        let names = names.chain(self.strands.iter().map(|strand| &strand.name));
        let names = names.chain(self.results.iter().map(|result| &result.name));
        names_are_their_own(names)
            .or_else(|| steps.clone().find_map(Step::objection))
            .or_else(|| self.strands.iter().find_map(Strand::objection))
            .or_else(|| self.results.iter().find_map(CaseResult::objection))
            .or_else(|| self.strange_names())
    }

    /// A reference to a name that does not exist, if there is one.
    fn strange_names(&self) -> Option<String> {
        let is_strand = |name: &&String| self.strands.iter().any(|strand| strand.name == **name);
        let is_step = |name: &&String| self.steps.iter().any(|step| step.name == **name);
        for strand in &self.strands {
            let strange = |other: &&String| !is_strand(other) || **other == strand.name;
            if let Some(other) = strand.overlaps.iter().find(strange) {
                let name = &strand.name;
                return Some(format!(
                    "strand `{name}` cannot overlap `{other}`: there is no other strand of that name"
                ));
            }
        }
        let mut waits = self.steps.iter().flat_map(|step| &step.after);
        if let Some(other) = waits.find(|name| !is_strand(name)) {
            return Some(format!(
                "a step comes after `{other}`, and there is no such strand"
            ));
        }
        let bounds = |forbidden: &'_ Forbidden| {
            [forbidden.from.clone(), forbidden.until.clone()]
                .into_iter()
                .flatten()
        };
        let mut bounds = self.forbidden.iter().flat_map(bounds);
        let other = bounds.find(|name| !is_step(&name))?;
        Some(format!(
            "a line is forbidden from or until `{other}`, and there is no such step"
        ))
    }
}
