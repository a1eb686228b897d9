//! Listens to a console for the hypervisor's report, and tells it from forged lines.

use super::{FAULTS_KEPT, Fault, Fields, GuestEnd, HvEvent, MARK, VERSION};
use serde::Serialize;

/// How many guests are kept to be looked at one by one; all are counted.
pub(super) const GUESTS_KEPT: usize = 4096;

/// How many forged lines a report shows.
const FORGED_SHOWN: usize = 8;

/// What a console line was to the listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// No event line, or there is no nonce to tell by.
    Nothing,
    /// An event line of the hypervisor's, and what it tells.
    Event(HvEvent),
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

/// Whether a fault was resolved as a report can tell it.
fn is_resolved(said: &Fields) -> Result<(), String> {
    match said.word("action")? {
        "map" => said.word("window").map(drop),
        other => Err(format!(
            "`{other}` is no action by which a fault is resolved; `map` is"
        )),
    }
}

/// Whether a report is of a version that is understood here; one that says none is of the first.
fn version_is_known(start: &Fields) -> Result<(), String> {
    if start.get("version").is_none() {
        return Ok(());
    }
    match start.number("version")? {
        1..=VERSION => Ok(()),
        other => Err(format!(
            "it is of version {other} of the report, and this harness knows 1 to {VERSION}"
        )),
    }
}

/// What the hypervisor reports of one guest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GuestLog {
    /// What it said at the start.
    pub start: Fields,
    /// The file on the disk that it loaded.
    pub path: Option<String>,
    /// How the guest ended.
    pub end: Option<GuestEnd>,
}

/// What the hypervisor counted, of all its guests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Guests that ended.
    pub guests: u64,
    /// Guests among them that asked for it.
    pub shutdowns: u64,
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
    loaded: bool,
    host: bool,
    npf: u64,
    faults: Vec<Fault>,
    guests: Vec<GuestLog>,
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
            Ok(event) => Heard::Event(event),
            Err(because) => Heard::Broken(format!("{because}: {MARK}… {rest}")),
        }
    }

    fn take(&mut self, rest: &str) -> Result<HvEvent, String> {
        let (number, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        if number.parse() != Ok(self.next) {
            return Err(format!("event {} was due, not {number}", self.next));
        }
        self.next += 1;
        let event = HvEvent::parse(rest)?;
        self.in_turn(&event)?;
        match &event {
            HvEvent::Start(said) => {
                version_is_known(said)?;
                self.guest().start = said.clone();
            }
            HvEvent::Load(said) => {
                let path = said.word("path")?.to_owned();
                said.number("bytes")?;
                said.number("gpa")?;
                self.guest().path = Some(path);
                self.loaded = true;
            }
            HvEvent::Enter(said) => {
                said.number("pc")?;
            }
            HvEvent::Exit { said, fault } => {
                if let Some(fault) = fault {
                    is_resolved(said)?;
                    self.npf += 1;
                    self.keep(*fault);
                }
            }
            HvEvent::Host(said) => {
                host_is_well(said)?;
                self.host |= self.phase >= Phase::Enter;
            }
            HvEvent::End(end) => self.ended(end.clone())?,
            HvEvent::Other => {}
        }
        Ok(event)
    }

    /// Whether an event may come after those that came of the same guest.
    fn in_turn(&mut self, event: &HvEvent) -> Result<(), String> {
        let (name, phase, earliest) = match event {
            HvEvent::Start(_) => ("start", Phase::Start, Phase::Nothing),
            HvEvent::Load(_) => ("load", Phase::Load, Phase::Start),
            HvEvent::Enter(_) => ("enter", Phase::Enter, Phase::Start),
            HvEvent::Exit { .. } => ("exit", Phase::Exit, Phase::Enter),
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
    fn guest(&mut self) -> &mut GuestLog {
        if self.guests.last().is_none_or(|guest| guest.end.is_some()) {
            if self.guests.len() == GUESTS_KEPT {
                self.guests.pop();
            }
            self.guests.push(GuestLog::default());
        }
        self.guests.last_mut().expect("one was just made")
    }

    fn keep(&mut self, fault: Fault) {
        if self.faults.len() < FAULTS_KEPT {
            self.faults.push(fault);
        }
    }

    fn ended(&mut self, end: GuestEnd) -> Result<(), String> {
        self.is_whole()?;
        self.add_up(&end)?;
        (self.phase, self.npf) = (Phase::Nothing, 0);
        (self.loaded, self.host) = (false, false);
        if let Some(fault) = end.fault {
            self.keep(fault);
        }
        let totals = &mut self.totals;
        totals.guests += 1;
        totals.shutdowns += u64::from(end.outcome() == "shutdown");
        totals.exits = totals.exits.saturating_add(end.exits);
        totals.npf = totals.npf.saturating_add(end.npf);
        totals.hypercalls = totals.hypercalls.saturating_add(end.hypercalls);
        self.guest().end = Some(end);
        Ok(())
    }

    /// Whether nothing is missing of a guest that was entered.
    fn is_whole(&self) -> Result<(), String> {
        if self.phase < Phase::Enter {
            return Ok(());
        }
        let due = [
            (self.loaded, "`load` before its `enter`"),
            (self.host, "`host` between its `enter` and its `end`"),
        ];
        let missing = due.iter().find(|(came, _)| !came);
        missing.map_or(Ok(()), |(_, what)| {
            Err(format!("the guest was entered, and there is no {what}"))
        })
    }

    /// Whether the summary is that of the events.
    fn add_up(&self, end: &GuestEnd) -> Result<(), String> {
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
    pub fn guests(&self) -> &[GuestLog] {
        &self.guests
    }

    /// What it said at the end of the last guest that ended.
    pub fn end(&self) -> Option<&GuestEnd> {
        self.guests
            .iter()
            .rev()
            .find_map(|guest| guest.end.as_ref())
    }

    /// The file on the disk that the guest came from which runs now, or did last.
    pub fn running(&self) -> Option<&str> {
        self.guests.last()?.path.as_deref()
    }

    /// Whether a guest has been entered by now; none if no report tells.
    pub fn has_entered_a_guest(&self) -> Option<bool> {
        let entered = self.phase >= Phase::Enter || self.totals.guests > 0;
        (self.next > 0).then_some(entered)
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

    /// Whether any line looked like one of a report, genuine or forged.
    pub fn has_any_line(&self) -> bool {
        self.next > 0 || self.forged.count > 0
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
