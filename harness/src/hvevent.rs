//! What the hypervisor reports of itself: lines `@hv <nonce> <number> <kind> key=value …`.
//!
//! The nonce is on the run's disk, which no guest can read. So a line with another one is a forgery:
//! it is counted, and believed in nothing. A line with the right one is the hypervisor's, and has to
//! fit in: numbered 0, 1, 2, …, in the order `start`, `load`, `enter`, `exit`…, `host`, `end`. Where
//! guests run one after another, the order begins again with each.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// How an event line begins.
pub const MARK: &str = "@hv ";

/// How many faults are kept to be compared one by one; all are counted.
pub const FAULTS_KEPT: usize = 4096;

/// How many guests are kept to be looked at one by one; all are counted.
const GUESTS_KEPT: usize = 4096;

/// How many forged lines a report shows.
const FORGED_SHOWN: usize = 8;

/// The kind of a memory access.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// A load.
    Read,
    /// A store.
    Write,
    /// An instruction fetch.
    Execute,
}

impl Access {
    /// The access of a name.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "read" => Some(Self::Read),
            "write" => Some(Self::Write),
            "execute" => Some(Self::Execute),
            _ => None,
        }
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Execute => "execute",
        })
    }
}

/// A nested page fault, as the hypervisor saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// The guest-physical address.
    pub gpa: u64,
    /// What the guest tried there.
    pub access: Access,
    /// Whether the CPU made the access itself, on its walk through the guest's own tables.
    pub during_walk: bool,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x} ({})", self.gpa, self.access)
    }
}

/// The `key=value` words of a line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fields(BTreeMap<String, String>);

impl Fields {
    fn parse(words: &str) -> Result<Self, String> {
        let mut fields = Self::default();
        for word in words.split_ascii_whitespace() {
            let (key, value) = word
                .split_once('=')
                .ok_or_else(|| format!("`{word}` is not key=value"))?;
            if fields.0.insert(key.into(), value.into()).is_some() {
                return Err(format!("`{key}` is there twice"));
            }
        }
        Ok(fields)
    }

    /// A field's value.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    fn number(&self, key: &str) -> Result<u64, String> {
        self.get(key)
            .and_then(number)
            .ok_or_else(|| format!("it has no number `{key}`"))
    }

    fn fault(&self) -> Result<Option<Fault>, String> {
        let during_walk = match self.get("kind") {
            Some("npf") => false,
            Some("npf-walk") => true,
            _ => return Ok(None),
        };
        let access = self.get("access").and_then(Access::parse);
        Ok(Some(Fault {
            gpa: self.number("gpa")?,
            access: access.ok_or("it has no `access`")?,
            during_walk,
        }))
    }

    /// Sets a field.
    pub fn insert(&mut self, key: &str, value: &str) {
        self.0.insert(key.into(), value.into());
    }

    /// Whether all of `expected` is here too. Numbers are compared as numbers; what is expected may
    /// be one of several, as in `shutdown|killed`.
    pub fn agree_with(&self, expected: &Fields) -> bool {
        expected.0.iter().all(|(key, expected)| {
            self.get(key)
                .is_some_and(|found| expected.split('|').any(|expected| same(found, expected)))
        })
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(String, String)> for Fields {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(fields: I) -> Self {
        Self(fields.into_iter().collect())
    }
}

impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self.0.iter().map(|(k, v)| format!("{k}={v}")).collect();
        f.write_str(&words.join(" "))
    }
}

fn same(found: &str, expected: &str) -> bool {
    let numbers = number(found).zip(number(expected));
    numbers.map_or(found == expected, |(a, b)| a == b)
}

/// A number as the hypervisor or a machine file writes it: decimal, or hexadecimal after `0x`.
pub fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// The summary with which the hypervisor ends its report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct End {
    /// All its words.
    pub said: Fields,
    /// Exits of the guest, without those for the host's own interrupts.
    pub exits: u64,
    /// Nested page faults among them.
    pub npf: u64,
    /// Hypercalls among them.
    pub hypercalls: u64,
    /// The fault that the guest was ended for, if it was for one.
    pub fault: Option<Fault>,
}

impl End {
    fn new(said: Fields) -> Result<Self, String> {
        let fault = match said.get("outcome") {
            Some("killed") => said.fault()?,
            Some(_) => None,
            None => return Err("it has no `outcome`".into()),
        };
        Ok(Self {
            exits: said.number("exits")?,
            npf: said.number("npf")?,
            hypercalls: said.number("hypercalls")?,
            fault,
            said,
        })
    }

    /// How the guest ended: `shutdown`, `killed`, or `error` when none ran.
    pub fn outcome(&self) -> &str {
        self.said.get("outcome").unwrap_or_default()
    }
}

/// Something that the hypervisor reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HvEvent {
    /// It runs: on which architecture, and how it will run its guest.
    Start(Fields),
    /// The guest's image is in the guest's memory.
    Load(Fields),
    /// The guest is about to run.
    Enter(Fields),
    /// An exit that matters; a nested page fault that was handled.
    Exit(Option<Fault>),
    /// The state of the host after the guest.
    Host(Fields),
    /// The guest has ended.
    End(End),
    /// A kind that is not known here.
    Other,
}

impl HvEvent {
    /// Reads the part of a line after its number.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (kind, words) = text.split_once(' ').unwrap_or((text, ""));
        let fields = Fields::parse(words)?;
        Ok(match kind {
            "start" => Self::Start(fields),
            "load" => Self::Load(fields),
            "enter" => Self::Enter(fields),
            "exit" => Self::Exit(fields.fault()?),
            "host" => Self::Host(fields),
            "end" => Self::End(End::new(fields)?),
            _ => Self::Other,
        })
    }
}

/// What a console line was to the listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// No event line, or there is no nonce to tell by.
    Nothing,
    /// An event line of the hypervisor's.
    Event,
    /// An event line of somebody else's.
    Forged,
    /// The hypervisor's, but not as it has to be.
    Broken(String),
}

/// Forged lines: how many, and the first of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Forged {
    /// How many.
    pub count: u64,
    /// The first few.
    pub lines: Vec<String>,
}

/// Whether the host came through a guest: its canary, and the pages that it got back.
fn host_is_well(fields: &Fields) -> Result<(), String> {
    if fields.get("canary") != Some("intact") {
        return Err("the guest has written to the host's memory".into());
    }
    match fields.number("pages")? {
        0 => Ok(()),
        pages => Err(format!("{pages} pages of the guest's were not given back")),
    }
}

/// What the hypervisor reports of one guest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Guest {
    /// What it said at the start.
    pub start: Fields,
    /// How the guest ended.
    pub end: Option<End>,
}

/// What the hypervisor counted, of all its guests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Guests that ended.
    pub guests: u64,
    /// Exits, without those for the host's own interrupts.
    pub exits: u64,
    /// Nested page faults among them.
    pub npf: u64,
    /// Hypercalls among them.
    pub hypercalls: u64,
}

/// Listens to a console for the hypervisor's report.
#[derive(Debug, Default)]
pub struct Listener {
    nonce: Option<String>,
    next: u64,
    /// How far the report on the present guest is, and the faults it told of.
    phase: Phase,
    npf: u64,
    faults: Vec<Fault>,
    guests: Vec<Guest>,
    totals: Totals,
    forged: Forged,
}

/// The last thing that was told of a guest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    #[default]
    Nothing,
    Start,
    Load,
    Enter,
    Exit,
}

impl Listener {
    /// For a run with that nonce.
    pub fn new(nonce: &str) -> Self {
        Self {
            nonce: Some(nonce.to_owned()),
            ..Self::default()
        }
    }

    /// Whether there is a nonce to tell lines by.
    pub fn can_tell(&self) -> bool {
        self.nonce.is_some()
    }

    /// Takes a console line.
    pub fn line(&mut self, line: &str) -> Heard {
        let Some((nonce, said)) = self.nonce.as_ref().zip(line.strip_prefix(MARK)) else {
            return Heard::Nothing;
        };
        let Some(rest) = said
            .strip_prefix(nonce.as_str())
            .and_then(|rest| rest.strip_prefix(' '))
        else {
            self.forged.count += 1;
            if self.forged.lines.len() < FORGED_SHOWN {
                let shown = line
                    .char_indices()
                    .nth(160)
                    .map_or(line.len(), |(at, _)| at);
                self.forged.lines.push(line[..shown].to_owned());
            }
            return Heard::Forged;
        };
        match self.take(rest) {
            Ok(()) => Heard::Event,
            Err(because) => Heard::Broken(format!("{because}: {MARK}… {rest}")),
        }
    }

    fn take(&mut self, rest: &str) -> Result<(), String> {
        let (number, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        if number.parse() != Ok(self.next) {
            return Err(format!("event {} was due, not {number}", self.next));
        }
        self.next += 1;
        let event = HvEvent::parse(rest)?;
        self.in_turn(&event)?;
        match event {
            HvEvent::Start(fields) => self.guest().start = fields,
            HvEvent::Exit(Some(fault)) => {
                self.npf += 1;
                self.keep(fault);
            }
            HvEvent::Host(fields) => host_is_well(&fields)?,
            HvEvent::End(end) => self.ended(end)?,
            HvEvent::Load(_) | HvEvent::Enter(_) | HvEvent::Exit(None) | HvEvent::Other => {}
        }
        Ok(())
    }

    /// Whether an event may come after those that came of the same guest.
    fn in_turn(&mut self, event: &HvEvent) -> Result<(), String> {
        let (name, phase, earliest) = match event {
            HvEvent::Start(_) => ("start", Phase::Start, Phase::Nothing),
            HvEvent::Load(_) => ("load", Phase::Load, Phase::Start),
            HvEvent::Enter(_) => ("enter", Phase::Enter, Phase::Start),
            HvEvent::Exit(_) => ("exit", Phase::Exit, Phase::Enter),
            // A hypervisor that cannot run a guest may say so at any point.
            HvEvent::End(end) if end.outcome() == "error" => return Ok(()),
            HvEvent::End(_) => ("end", Phase::Exit, Phase::Enter),
            HvEvent::Host(_) | HvEvent::Other => return Ok(()),
        };
        let again = phase == self.phase && phase != Phase::Exit;
        if again || phase < self.phase || self.phase < earliest {
            return Err(format!("there is no place for `{name}` here"));
        }
        self.phase = phase;
        Ok(())
    }

    /// The guest that is reported on.
    fn guest(&mut self) -> &mut Guest {
        if self.guests.last().is_none_or(|guest| guest.end.is_some()) {
            if self.guests.len() == GUESTS_KEPT {
                self.guests.pop();
            }
            self.guests.push(Guest::default());
        }
        self.guests.last_mut().expect("one was just made")
    }

    fn keep(&mut self, fault: Fault) {
        if self.faults.len() < FAULTS_KEPT {
            self.faults.push(fault);
        }
    }

    fn ended(&mut self, end: End) -> Result<(), String> {
        self.add_up(&end)?;
        (self.phase, self.npf) = (Phase::Nothing, 0);
        if let Some(fault) = end.fault {
            self.keep(fault);
        }
        let totals = &mut self.totals;
        totals.guests += 1;
        totals.exits = totals.exits.saturating_add(end.exits);
        totals.npf = totals.npf.saturating_add(end.npf);
        totals.hypercalls = totals.hypercalls.saturating_add(end.hypercalls);
        self.guest().end = Some(end);
        Ok(())
    }

    /// Whether the summary is that of the events.
    fn add_up(&self, end: &End) -> Result<(), String> {
        let told = self.npf + u64::from(end.fault.is_some());
        if end.npf != told {
            let counted = end.npf;
            return Err(format!(
                "{told} page faults were told, but {counted} counted"
            ));
        }
        if end.npf.saturating_add(end.hypercalls) > end.exits {
            return Err("there are fewer exits than page faults and hypercalls together".into());
        }
        if end.outcome() == "shutdown" && end.hypercalls == 0 {
            return Err("a guest that never called cannot have asked for its end".into());
        }
        Ok(())
    }

    /// The guests it told of, in order; if there were very many, the first of them and the last.
    pub fn guests(&self) -> &[Guest] {
        &self.guests
    }

    /// What it said at the end of the last guest that ended.
    pub fn end(&self) -> Option<&End> {
        self.guests
            .iter()
            .rev()
            .find_map(|guest| guest.end.as_ref())
    }

    /// What it counted.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// The faults it told of, in order, those it ended a guest for included; the first
    /// [`FAULTS_KEPT`] of them.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// How many events came.
    pub fn events(&self) -> u64 {
        self.next
    }

    /// Lines that pretended to be the hypervisor's.
    pub fn forged(&self) -> &Forged {
        &self.forged
    }
}

#[cfg(test)]
mod tests;
