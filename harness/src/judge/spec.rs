//! What a run must show, as plain data: the steps, the strands, the forbidden lines, and how the
//! machine must end. The run's records hold a copy.

use super::accounts;
use super::audit;
use super::hvlog::{Fields, GuestLog, HvEvent, Listener};
use super::known::Known;
use super::results::CaseResult;
use super::verdict::{EndKind, Verdict};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
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

/// Whether a report of the hypervisor is required. In a record: `true`, `false`, `"if-any"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lines {
    /// It is required, and must be correct.
    Required,
    /// If there is a line of one, a complete one is required: somebody else's hypervisor may report
    /// nothing.
    IfAny,
    /// It is ignored.
    Ignored,
}

impl Serialize for Lines {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Required => to.serialize_bool(true),
            Self::Ignored => to.serialize_bool(false),
            Self::IfAny => to.serialize_str("if-any"),
        }
    }
}

impl<'de> Deserialize<'de> for Lines {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Raw {
            Sure(bool),
            Word(String),
        }
        match Raw::deserialize(from)? {
            Raw::Sure(true) => Ok(Self::Required),
            Raw::Sure(false) => Ok(Self::Ignored),
            Raw::Word(word) if word == "if-any" => Ok(Self::IfAny),
            Raw::Word(word) => Err(de::Error::custom(format!(
                "`{word}` is not true, false or \"if-any\""
            ))),
        }
    }
}

/// What the hypervisor's own report must say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HvExpected {
    /// Whether a report is required.
    pub lines: Lines,
    /// How many guests it must cover.
    pub guests: u64,
    /// Words that every `start` must contain.
    pub start: Fields,
    /// Words that the `end` of the first guest, the second, … must contain; the last entry also applies
    /// to all further guests. If there are none, no end is required.
    pub ends: Vec<Fields>,
}

impl HvExpected {
    /// A report of one guest that ends like the machine: if the machine is switched off, the guest
    /// asked for it.
    pub fn of(end: EndKind) -> Self {
        let shutdown = || [("outcome".to_owned(), "shutdown".to_owned())];
        Self {
            lines: Lines::Required,
            guests: 1,
            start: Fields::default(),
            ends: match end {
                EndKind::Shutdown => vec![shutdown().into_iter().collect()],
                EndKind::Reset | EndKind::Panic => Vec::new(),
            },
        }
    }

    /// Whether the hypervisor may end a guest.
    pub fn may_be_killed(&self) -> bool {
        let mut outcomes = self.ends.iter().map(|end| end.get("outcome"));
        outcomes.any(|outcome| outcome.is_some_and(|outcome| outcome != "shutdown"))
    }

    /// The objections to a pass in a report.
    pub(super) fn objection(&self, report: &Listener) -> Option<Verdict> {
        let asked = match self.lines {
            Lines::Required => report.can_tell(),
            // Even if all lines are forged: somebody wants a report to be believed.
            Lines::IfAny => report.can_tell() && report.has_any_line(),
            Lines::Ignored => false,
        };
        if !asked {
            return None;
        }
        let totals = report.totals();
        let missing = totals.guests != self.guests;
        if missing && !self.ends.is_empty() {
            return Some(Verdict::BrokenReport {
                because: format!(
                    "it reports the end of {} guests instead of {} (in {} event lines)",
                    totals.guests,
                    self.guests,
                    report.events()
                ),
            });
        }
        let mut guests = report.guests().iter().enumerate();
        guests.find_map(|(nth, guest)| self.objection_to(nth, guest))
    }

    fn objection_to(&self, nth: usize, guest: &GuestLog) -> Option<Verdict> {
        let expected = self.ends.get(nth).or(self.ends.last())?;
        let said = &guest.end.as_ref()?.said;
        if said.agree_with(expected) {
            return None;
        }
        let which = match self.guests {
            1 => String::new(),
            _ => format!("guest {}: ", nth + 1),
        };
        Some(Verdict::WrongEnd {
            expected: format!("{which}{expected}"),
            said: said.to_string(),
        })
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
