//! Compares three accounts of the same run: what the console printed, what the hypervisor reports, and
//! what QEMU logged.

use super::hvlog::{Access, FAULTS_KEPT, Fault, GuestEnd, Listener, Totals};
use super::known::Pc;
use super::witness::{Account, Address, Class, FILE, LoggedFault};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What QEMU must have logged, according to the scenario.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expected {
    /// Nested page faults.
    pub npf: Option<Wanted>,
    /// Hypercalls.
    pub hypercall: Option<Wanted>,
    /// Other exits.
    pub other: Option<Wanted>,
    /// Timer interrupts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timer: Option<Wanted>,
    /// Timer interrupts that a guest took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guest_timer: Option<Wanted>,
    /// Calls from user programs to their kernel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_call: Option<Wanted>,
    /// Where the guest's exits may come from.
    #[serde(default)]
    pub pc: Pc,
    /// Whether the guest can print by calls only, each of which prints a line at most.
    #[serde(default)]
    pub line_calls: bool,
}

impl Expected {
    /// The classes with more logged exits than the scenario allows, in words. No later exit can change
    /// that.
    pub fn surplus(&self, qemu: &Account) -> Vec<String> {
        let surplus = self.classes().into_iter().filter_map(|(class, wanted)| {
            let wanted = wanted.filter(|wanted| qemu.of(class) > wanted.max)?;
            Some(wanted.but_logged(class, qemu))
        });
        surplus.collect()
    }

    fn classes(&self) -> [(Class, Option<Wanted>); 6] {
        [
            (Class::Npf, self.npf),
            (Class::Hypercall, self.hypercall),
            (Class::Other, self.other),
            (Class::Timer, self.timer),
            (Class::GuestTimer, self.guest_timer),
            (Class::UserCall, self.user_call),
        ]
    }
}

/// How many exits of a class are expected, and where one of them must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// The least.
    pub min: u64,
    /// The most.
    pub max: u64,
    /// The guest-physical address; checked where the log has such addresses.
    pub gpa: Option<u64>,
    /// The guest-virtual address; checked where the log has such addresses.
    pub va: Option<u64>,
    /// What the guest tried there.
    pub access: Option<Access>,
}

impl Wanted {
    fn has_fault(&self) -> bool {
        self.gpa.is_some() || self.va.is_some() || self.access.is_some()
    }

    fn but_logged(&self, class: Class, qemu: &Account) -> String {
        let (logged, look) = (qemu.of(class), look(class, qemu));
        format!("{class}: the scenario wants {self}, QEMU logged {logged} ({look})")
    }

    fn is(&self, fault: &LoggedFault) -> bool {
        let there = match fault.at {
            Address::Gpa(gpa) => self.gpa.is_none_or(|wanted| wanted == gpa),
            Address::Va(va) => self.va.is_none_or(|wanted| wanted == va),
        };
        there && self.access.is_none_or(|wanted| wanted == fault.access)
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.min, self.max) {
            (min, max) if min == max => write!(f, "{min}"),
            (min, u64::MAX) => write!(f, "{min} or more"),
            (min, max) => write!(f, "{min} to {max}"),
        }
    }
}

/// The three accounts.
#[derive(Debug)]
pub struct Accounts<'a> {
    /// The page faults in the story's lines, in order.
    pub printed: &'a [Fault],
    /// How many lines of the guest's the story took.
    pub guest_lines: u64,
    /// The hypervisor's.
    pub hypervisor: &'a Listener,
    /// QEMU's.
    pub qemu: &'a Account,
}

impl Accounts<'_> {
    /// Lists every contradiction between the accounts, and between them and the scenario, in words.
    pub fn contradictions(&self, expected: &Expected) -> Vec<String> {
        let mut found = Vec::new();
        self.counts_wanted(expected, &mut found);
        if let Some(end) = self.hypervisor.end() {
            self.counts(self.hypervisor.totals(), &mut found);
            self.last(end, &mut found);
            self.fault_by_fault(&mut found);
        }
        self.printed_faults(&mut found);
        if expected.line_calls {
            self.calls(&mut found);
        }
        found
    }

    fn look(&self, class: Class) -> String {
        look(class, self.qemu)
    }

    fn counts_wanted(&self, expected: &Expected, found: &mut Vec<String>) {
        for (class, wanted) in expected.classes() {
            let Some(wanted) = wanted else { continue };
            let logged = self.qemu.of(class);
            if !(wanted.min..=wanted.max).contains(&logged) {
                found.push(wanted.but_logged(class, self.qemu));
            } else if wanted.has_fault() && !self.qemu.faults.iter().any(|f| wanted.is(f)) {
                let (faults, look) = (&self.qemu.faults, self.look(class));
                let first = faults.first().map_or("none".into(), LoggedFault::to_string);
                found.push(format!(
                    "{class}: none of the {logged} that QEMU logged is where the scenario wants \
                     it; the first is {first} ({look})"
                ));
            }
        }
    }

    fn counts(&self, claimed: Totals, found: &mut Vec<String>) {
        let mut compare = |class, counted| {
            let logged = self.qemu.of(class);
            if logged != counted {
                let look = self.look(class);
                found.push(format!(
                    "{class}: the hypervisor counted {counted}, QEMU logged {logged} ({look})"
                ));
            }
        };
        let faults = claimed.npf.saturating_add(claimed.mmio);
        compare(Class::Npf, faults);
        compare(Class::Hypercall, claimed.hypercalls);
        if self.qemu.format.tells_others() {
            let classed = faults.saturating_add(claimed.hypercalls);
            compare(Class::Other, claimed.exits.saturating_sub(classed));
        }
    }

    /// The guest's lines, and its wish to end, have cost it a call each.
    fn calls(&self, found: &mut Vec<String>) {
        let (lines, ends) = (self.guest_lines, self.hypervisor.totals().shutdowns);
        let (logged, least) = (self.qemu.hypercall, lines.saturating_add(ends));
        if logged < least {
            let look = self.look(Class::Hypercall);
            found.push(format!(
                "hypercall: the guest's {lines} lines and {ends} shutdowns take {least} calls at least, \
                 QEMU logged {logged} ({look})"
            ));
        }
    }

    /// The guest's last exit is the one that ended it.
    fn last(&self, end: &GuestEnd, found: &mut Vec<String>) {
        let due = match (end.outcome(), end.fault) {
            ("shutdown", _) => Class::Hypercall,
            (_, Some(_)) => Class::Npf,
            _ => return,
        };
        if let Some(last) = self.qemu.last.filter(|&last| last != due) {
            found.push(format!(
                "the hypervisor says that a {due} ended the guest, but the last exit that QEMU \
                 logged is {last} (look at the end of {FILE})"
            ));
        }
    }

    fn fault_by_fault(&self, found: &mut Vec<String>) {
        let (claimed, logged) = (self.hypervisor.faults(), &self.qemu.faults);
        if self.hypervisor.totals().mmio > 0 {
            return self.faults_among_accesses(found);
        }
        let pairs = claimed.iter().zip(logged).enumerate();
        for (nth, (claimed, logged)) in pairs {
            if !same(claimed, logged) {
                let (nth, look) = (nth + 1, self.look(Class::Npf));
                found.push(format!(
                    "npf {nth}: the hypervisor says {claimed}, QEMU logged {logged} ({look})"
                ));
                return; // those behind it are likely to be shifted
            }
        }
    }

    /// Accesses to emulated devices are faults in the log, and no faults of the report: those of the report
    /// are among the log's, in the same order.
    fn faults_among_accesses(&self, found: &mut Vec<String>) {
        let mut logged = self.qemu.faults.iter();
        let mut claimed = self.hypervisor.faults().iter();
        let missing = claimed.find(|claimed| !logged.any(|logged| same(claimed, logged)));
        // Of very many, not all are kept.
        if let Some(missing) = missing.filter(|_| self.qemu.faults.len() < FAULTS_KEPT) {
            let (count, look) = (self.qemu.npf, self.look(Class::Npf));
            found.push(format!(
                "npf: the hypervisor says {missing}, which is not among the {count} that QEMU logged, \
                 in this order ({look})"
            ));
        }
    }

    /// The page faults on the console must have happened, in the same order.
    fn printed_faults(&self, found: &mut Vec<String>) {
        let mut logged = self.qemu.faults.iter();
        let mut printed = self.printed.iter();
        let missing = printed.find(|printed| !logged.any(|logged| same(printed, logged)));
        let accesses = self.hypervisor.totals().mmio > 0;
        let not_all_kept = accesses && self.qemu.faults.len() >= FAULTS_KEPT;
        if let Some(missing) = missing.filter(|_| !not_all_kept) {
            let (count, look) = (self.qemu.npf, self.look(Class::Npf));
            found.push(format!(
                "npf: the console shows {missing}, which is not among the {count} that QEMU \
                 logged ({look})"
            ));
        }
    }
}

/// Where in the log to look for a class.
fn look(class: Class, qemu: &Account) -> String {
    format!("look in {FILE} for {}", qemu.format.hint(class))
}

/// Whether a reported fault can be the one that QEMU logged.
fn same(claimed: &Fault, logged: &LoggedFault) -> bool {
    let walk = claimed.during_walk;
    if logged.during_walk.is_some_and(|logged| logged != walk) {
        return false;
    }
    match logged.at {
        Address::Gpa(gpa) => gpa == claimed.gpa && (walk || logged.access == claimed.access),
        // The log has the address to be translated; it does not have the address of a walk's own
        // access.
        Address::Va(_) if walk => true,
        // Translation keeps the offset in the page.
        Address::Va(va) => va & 0xfff == claimed.gpa & 0xfff && logged.access == claimed.access,
    }
}

#[cfg(test)]
mod tests;
