//! What a guest may do, as it was declared.

use super::breach::Reach;
use super::memory::Memory;
use super::{
    Access, Breach, Isa, Mapping, OpenMsrs, Regions, Snapshot, Span, bit_of, parts_of, rules,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The most breaches of a snapshot that are told.
const BREACHES_TOLD: usize = 64;

/// Why an audit says nothing that never came upon a guest.
const NO_SECOND_STAGE: &str = "no snapshot shows a second stage: whenever the machine was looked at, the hypervisor ran, \
     and held none; name its function that enters the guest under [audit] entry, or look more often by `every`";

/// What a guest may do; all else is a breach. It stands in `story.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expected {
    /// By which manual.
    pub isa: Isa,
    /// The memory that the guest may have; no two overlap.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<Window>,
    /// What registers have to hold at each entry, by the manuals' names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub registers: BTreeMap<String, RegisterRule>,
    /// The I/O ports that may be open.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<Span>,
    /// The model-specific registers that may be open.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub msrs: Vec<OpenMsrs>,
    /// The symbols at which a snapshot must have been taken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub symbols: Vec<String>,
    /// The programs whose text must have been compared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub texts: Vec<String>,
}

/// A run of guest-physical addresses that the guest may have memory at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// What it is called in a breach.
    pub name: String,
    /// Where.
    #[serde(flatten)]
    pub guest: Span,
    /// The most that the guest may do there.
    pub access: Access,
    /// What is to be behind it.
    #[serde(flatten)]
    pub behind: Behind,
}

/// What is behind a [`Window`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "behind", rename_all = "kebab-case")]
pub enum Behind {
    /// RAM that nobody else has and that is mapped once.
    Private,
    /// What the machine has at that place, such as a device or a flash.
    At {
        /// Where the window starts in the machine.
        hpa: u64,
    },
}

/// What a register has to hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisterRule {
    /// Its value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is: Option<u64>,
    /// The names of bits that are set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set: Vec<String>,
    /// The names of bits that are clear.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clear: Vec<String>,
}

/// What the snapshots of a run were of.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Seen {
    snapshots: u64,
    longest_ms: f64,
    total_ms: f64,
    /// Whether there was a second stage, or a guest that should have had one.
    second_stage: bool,
    symbols: BTreeSet<String>,
    texts: BTreeSet<String>,
}

impl Seen {
    /// How often the machine was looked at.
    pub fn snapshots(&self) -> u64 {
        self.snapshots
    }

    /// How long it stood still for that at most, and all in all, in milliseconds.
    pub fn stood_still_ms(&self) -> (f64, f64) {
        (self.longest_ms, self.total_ms)
    }

    /// Takes note of a snapshot.
    pub fn note(&mut self, snapshot: &Snapshot) {
        self.snapshots += 1;
        self.longest_ms = self.longest_ms.max(snapshot.took_ms);
        self.total_ms += snapshot.took_ms;
        self.second_stage |= snapshot.format.is_some() || snapshot.at_entry;
        if let super::Moment::Symbol { name, .. } = &snapshot.at {
            self.symbols.insert(name.clone());
        }
        let texts = snapshot.texts.iter().map(|text| text.of.clone());
        self.texts.extend(texts);
    }
}

impl Expected {
    /// What had to be looked at and was not, in words; empty if all was.
    pub fn missing(&self, seen: &Seen) -> Vec<String> {
        if seen.snapshots == 0 {
            return vec!["no snapshot was taken".into()];
        }
        let symbols = self
            .symbols
            .iter()
            .filter(|name| !seen.symbols.contains(*name));
        let symbols = symbols.map(|name| format!("no snapshot was taken at {name}"));
        let texts = self.texts.iter().filter(|name| !seen.texts.contains(*name));
        let texts = texts.map(|name| format!("the text of {name} was not compared"));
        let unseen = (!seen.second_stage).then(|| NO_SECOND_STAGE.into());
        symbols.chain(texts).chain(unseen).collect()
    }

    /// What is possible for the guest by this snapshot and was not declared; and what of it could not be
    /// read. `regions` is the machine's memory map, which may be in an earlier snapshot.
    pub fn breaches(&self, snapshot: &Snapshot, regions: &Regions) -> Vec<Breach> {
        let mut found: Vec<_> = snapshot
            .gaps
            .iter()
            .cloned()
            .map(|why| Breach::Gap { why })
            .collect();
        if snapshot.at_entry {
            if snapshot.format.is_none() && snapshot.gaps.is_empty() {
                found.push(Breach::NoSecondStage);
            }
            found.extend(rules::breaches(self.isa, &snapshot.registers));
            self.registers(snapshot, &mut found);
        }
        let memory = Memory { snapshot, regions };
        self.exposed(&memory, &mut found);
        self.windows(&memory, &mut found);
        self.twice(&memory, &mut found);
        self.ports_and_msrs(snapshot, &mut found);
        found.extend(texts(snapshot));
        if found.len() > BREACHES_TOLD {
            let count = found.len() - BREACHES_TOLD;
            found.truncate(BREACHES_TOLD);
            found.push(Breach::More { count });
        }
        found
    }

    fn registers(&self, snapshot: &Snapshot, found: &mut Vec<Breach>) {
        for (register, rule) in &self.registers {
            match snapshot.registers.get(register) {
                Some(&value) => rule.breaches(register, value, snapshot, found),
                None => found.push(Breach::NoRegister {
                    register: register.clone(),
                }),
            }
        }
    }

    /// The hypervisor's image and the tables, whatever is declared.
    fn exposed(&self, memory: &Memory<'_>, found: &mut Vec<Breach>) {
        for mapping in &memory.snapshot.mappings {
            for (owner, spans) in memory.hypervisors() {
                let shared = spans.iter().filter_map(|span| mapping.host().shared(*span));
                found.extend(shared.map(|span| Breach::Exposed {
                    reach: Reach {
                        mapping: mapping.at_host(span),
                        owners: vec![owner.clone()],
                    },
                }));
            }
        }
    }

    fn windows(&self, memory: &Memory<'_>, found: &mut Vec<Breach>) {
        for mapping in &memory.snapshot.mappings {
            for window in &self.windows {
                if let Some(span) = mapping.guest().shared(window.guest) {
                    window.breaches(mapping.at_guest(span), memory, found);
                }
            }
            let windows = self.windows.iter().map(|window| window.guest);
            let outside = mapping.guest().without(windows);
            found.extend(outside.into_iter().map(|span| Breach::Undeclared {
                reach: memory.reach(mapping.at_guest(span)),
            }));
        }
    }

    /// Memory of private windows that is mapped more than once.
    fn twice(&self, memory: &Memory<'_>, found: &mut Vec<Breach>) {
        let mut by_host: Vec<&Mapping> = memory.snapshot.mappings.iter().collect();
        by_host.sort_by_key(|mapping| (mapping.hpa, mapping.gpa));
        // The mapping so far that goes furthest: whatever starts before its end shares memory with it.
        let mut furthest: Option<&Mapping> = None;
        for mapping in by_host {
            if let Some(before) = furthest
                && let Some(host) = before.host().shared(mapping.host())
            {
                found.extend(self.shared(memory, mapping.at_host(host), before.at_host(host)));
            }
            if furthest.is_none_or(|before| mapping.host().end() > before.host().end()) {
                furthest = Some(mapping);
            }
        }
    }

    fn shared(&self, memory: &Memory<'_>, one: Mapping, other: Mapping) -> Option<Breach> {
        let pairs = [(one, other), (other, one)];
        pairs.into_iter().find_map(|(mapping, other)| {
            let private = |window: &&Window| {
                window.behind == Behind::Private && window.guest.shared(mapping.guest()).is_some()
            };
            let window = self.windows.iter().find(private)?;
            Some(Breach::Twice {
                reach: memory.reach(mapping),
                window: window.name.clone(),
                other: other.gpa,
            })
        })
    }

    fn ports_and_msrs(&self, snapshot: &Snapshot, found: &mut Vec<Breach>) {
        for open in &snapshot.open_ports {
            let surplus = open.without(self.ports.iter().copied());
            found.extend(surplus.into_iter().map(|span| Breach::Ports { span }));
        }
        for open in &snapshot.open_msrs {
            let fitting = self
                .msrs
                .iter()
                .filter(|msrs| open.access.is_within(msrs.access));
            let surplus = open.span.without(fitting.map(|msrs| msrs.span));
            found.extend(surplus.into_iter().map(|span| Breach::Msrs {
                open: OpenMsrs {
                    span,
                    access: open.access,
                },
            }));
        }
    }
}

impl Window {
    /// What a part of a mapping that is in this window does that it may not.
    fn breaches(&self, part: Mapping, memory: &Memory<'_>, found: &mut Vec<Breach>) {
        let window = || self.name.clone();
        if !part.access.is_within(self.access) {
            found.push(Breach::TooMuch {
                reach: memory.reach(part),
                window: window(),
                declared: self.access,
            });
        }
        match self.behind {
            Behind::At { hpa } => {
                let declared = hpa.saturating_add(part.gpa - self.guest.start);
                if part.hpa != declared {
                    found.push(Breach::Elsewhere {
                        reach: memory.reach(part),
                        window: window(),
                        declared,
                    });
                }
            }
            Behind::Private => {
                let foreign = memory.not_ram(part.host()).into_iter();
                found.extend(foreign.map(|span| Breach::NotRam {
                    reach: memory.reach(part.at_host(span)),
                    window: window(),
                }));
            }
        }
    }
}

impl RegisterRule {
    fn breaches(&self, register: &str, value: u64, snapshot: &Snapshot, found: &mut Vec<Breach>) {
        let registers = &snapshot.registers;
        let used_up = rules::used_up_by_the_entry(register);
        let counts = if snapshot.in_guest { !used_up } else { !0 };
        let differs = |declared: &u64| (declared ^ value) & counts != 0;
        if let Some(declared) = self.is.filter(differs) {
            found.push(Breach::Value {
                register: register.into(),
                found: value,
                declared,
                differ: parts_of(register, (declared ^ value) & counts, registers),
            });
        }
        let set = self.set.iter().map(|name| (name, true));
        let clear = self.clear.iter().map(|name| (name, false));
        for (name, wanted) in set.chain(clear) {
            let Some(at) = bit_of(register, name, registers) else {
                let register = format!("{register}.{name}");
                found.push(Breach::NoRegister { register });
                continue;
            };
            let is = value >> at & 1 == 1;
            if is != wanted && counts >> at & 1 == 1 {
                let wanted = if wanted { "set" } else { "clear" };
                found.push(Breach::Bit {
                    register: register.into(),
                    bit: name.clone(),
                    set: is,
                    why: format!("it is declared {wanted}"),
                });
            }
        }
    }
}

fn texts(snapshot: &Snapshot) -> impl Iterator<Item = Breach> {
    snapshot.texts.iter().filter_map(|text| {
        Some(Breach::Text {
            of: text.of.clone(),
            difference: text.differs?,
        })
    })
}

#[cfg(test)]
mod tests;
