//! Finds the hypervisor's report in a console, and detects forged lines.

use super::{FAULTS_KEPT, Fault, Fields, GuestEnd, HvEvent, MARK, VERSION};
use serde::{Deserialize, Serialize};

/// How many guests are kept individually; all are counted.
pub(super) const GUESTS_KEPT: usize = 4096;

/// How many forged lines a report shows.
const FORGED_SHOWN: usize = 8;

/// How the listener classifies a console line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// No event line, or no nonce to recognise one by.
    Nothing,
    /// An event line of the hypervisor's, and what it tells.
    Event(HvEvent),
    /// An event line of somebody else's.
    Forged,
    /// An event line of the hypervisor that is wrong.
    Broken(String),
}

/// Forged lines: how many, and the first of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forged {
    /// How many.
    pub count: u64,
    /// The first few.
    pub lines: Vec<String>,
}

/// Whether the host survived a guest: its canary is intact, and it got its pages back.
fn host_is_well(fields: &Fields) -> Result<(), String> {
    if fields.get("canary") != Some("intact") {
        return Err("the guest has written to the host's memory".into());
    }
    match fields.number("pages")? {
        0 => Ok(()),
        pages => Err(format!("{pages} of the guest's pages were not given back")),
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

/// What the hypervisor reports about one guest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GuestLog {
    /// The words of its `start`.
    pub start: Fields,
    /// The file on the disk that was loaded.
    pub path: Option<String>,
    /// How the guest ended.
    pub end: Option<GuestEnd>,
}

/// The hypervisor's counts, over all its guests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Guests that ended.
    pub guests: u64,
    /// Guests among them that asked for it.
    pub shutdowns: u64,
    /// Exits, without those for the host's own interrupts.
    pub exits: u64,
    /// Nested page faults among them, but for the accesses to devices.
    pub npf: u64,
    /// Accesses to emulated devices among them.
    pub mmio: u64,
    /// Hypercalls among them.
    pub hypercalls: u64,
}

/// Listens to a console for the hypervisor's report.
#[derive(Debug, Default)]
pub struct Listener {
    nonce: Option<String>,
    next: u64,
    /// How far the report on the current guest is, and the faults reported.
    phase: Phase,
    loaded: bool,
    host: bool,
    npf: u64,
    faults: Vec<Fault>,
    guests: Vec<GuestLog>,
    totals: Totals,
    forged: Forged,
}

/// The last event reported for a guest.
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

    /// Whether there is a nonce to recognise lines by.
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

    /// Whether an event may follow the earlier events of the same guest.
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

    /// The guest that the report is about.
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
        totals.mmio = totals.mmio.saturating_add(end.mmio);
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
        let reported = self.npf + u64::from(end.fault.is_some());
        if end.npf != reported {
            let counted = end.npf;
            return Err(format!(
                "{reported} page faults were reported, but {counted} counted"
            ));
        }
        let classed = end.npf.saturating_add(end.mmio);
        if classed.saturating_add(end.hypercalls) > end.exits {
            return Err("there are fewer exits than page faults and hypercalls together".into());
        }
        if end.outcome() == "shutdown" && end.hypercalls == 0 {
            return Err("a guest that never called cannot have asked for its end".into());
        }
        Ok(())
    }

    /// The guests of the report, in order; of very many guests, the first ones and the last.
    pub fn guests(&self) -> &[GuestLog] {
        &self.guests
    }

    /// The report of the end of the last guest that ended.
    pub fn end(&self) -> Option<&GuestEnd> {
        self.guests
            .iter()
            .rev()
            .find_map(|guest| guest.end.as_ref())
    }

    /// The file on the disk of the guest that runs now or ran last.
    pub fn running(&self) -> Option<&str> {
        self.guests.last()?.path.as_deref()
    }

    /// Whether a guest has been entered yet; none if there is no report.
    pub fn has_entered_a_guest(&self) -> Option<bool> {
        let entered = self.phase >= Phase::Enter || self.totals.guests > 0;
        (self.next > 0).then_some(entered)
    }

    /// Whether a guest runs now: it was entered, and has not ended.
    pub fn runs_a_guest(&self) -> bool {
        self.phase >= Phase::Enter
    }

    /// The counts so far.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// The reported faults, in order, including those that ended a guest; only the first
    /// [`FAULTS_KEPT`].
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// Whether any line looked like a line of a report, genuine or forged.
    pub fn has_any_line(&self) -> bool {
        self.next > 0 || self.forged.count > 0
    }

    /// How many events came.
    pub fn events(&self) -> u64 {
        self.next
    }

    /// Lines that pretended to come from the hypervisor.
    pub fn forged(&self) -> &Forged {
        &self.forged
    }
}
