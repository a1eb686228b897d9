//! What a session and the auditor have to do with each other.

use super::Session;
use crate::judge::audit::{Moment, Snapshot};
use crate::judge::event::Event;
use crate::judge::witness::Account;
use crate::machine::audit::{Heard, LastVmrun, Teller};
use crate::machine::process::Qemu;
use serde_json::Value;
use std::collections::BTreeMap;

/// What is known of the auditor, and what it is told.
pub(super) struct Audited {
    pub(super) teller: Teller,
    vmrun: LastVmrun,
    /// Whether it has set the machine going, and QEMU has said that it goes.
    told_to_go: bool,
    pub(super) goes: bool,
    /// Whether the machine may have been left standing.
    let_go: bool,
    /// Why there is no auditing any more.
    over: Option<String>,
    /// Whether QEMU was asked how its machine does since then, and has answered.
    asked: bool,
    lived_on: bool,
}

impl Audited {
    pub(super) fn new(teller: Teller) -> Self {
        Self {
            teller,
            vmrun: LastVmrun::default(),
            told_to_go: false,
            goes: false,
            let_go: false,
            over: None,
            asked: false,
            lived_on: false,
        }
    }
}

impl Session<'_, '_> {
    /// Takes what the auditor says.
    pub(super) fn audited(&mut self, heard: Heard) {
        let Some(audit) = &mut self.audit else {
            return;
        };
        match heard {
            Heard::Going => audit.told_to_go = true,
            Heard::Snapshot(snapshot) => self.feed(&Event::Audit(snapshot)),
            Heard::Failed(why) => {
                audit.let_go = true;
                self.audit_failed(format!("the audit failed: {why}"));
            }
            Heard::Over(why) => audit.over = Some(why),
        }
    }

    /// Tells the auditor what QEMU has logged.
    pub(super) fn tell_of_exits(&mut self, bytes: &[u8], account: &Account) {
        if let Some(audit) = &mut self.audit {
            audit.vmrun.push(bytes);
            let exits = account.exits();
            audit.teller.logged(exits, audit.vmrun.vmcb());
        }
    }

    /// Sets the machine going over the control connection.
    pub(super) async fn set_going(&mut self, qemu: &mut Qemu) -> Result<(), String> {
        let going = qemu.qmp.send("cont", Value::Null).await;
        going.map_err(|error| error.to_string())
    }

    /// Sets a machine going that the auditor may have left standing.
    pub(super) async fn let_go(&mut self, qemu: &mut Qemu) {
        let stands = self
            .audit
            .as_mut()
            .is_some_and(|audit| std::mem::take(&mut audit.let_go));
        if stands {
            // If that fails the control connection is closed, and says so itself.
            let _ = self.set_going(qemu).await;
        }
    }

    /// QEMU has refused to set the machine going: that is the run's end, unless it has gone before.
    pub(super) fn refused(&mut self, why: String) -> Result<(), String> {
        match &self.audit {
            Some(audit) if audit.goes => {
                self.note(
                    "qmp",
                    format!("refused to set the machine going again: {why}"),
                );
                Ok(())
            }
            _ => Err(why),
        }
    }

    /// Whether the machine was told to go, over gdb, and does not.
    pub(super) fn never_went(&self) -> bool {
        self.audit
            .as_ref()
            .is_some_and(|audit| audit.told_to_go && !audit.goes)
    }

    /// Asks QEMU how its machine does, once the auditing is over. Most likely QEMU is ending: then it answers
    /// nothing any more, however late the harness reads that it ends.
    pub(super) async fn ask_whether_it_lives(&mut self, qemu: &mut Qemu) {
        if let Some(audit) = &mut self.audit
            && audit.over.is_some()
            && !std::mem::replace(&mut audit.asked, true)
        {
            // If that fails the control connection is closed, and says so itself.
            let _ = qemu.qmp.send("query-status", Value::Null).await;
        }
    }

    /// Takes QEMU's answer to what it was asked.
    pub(super) fn answered(&mut self, answer: &Value) {
        if let Some(audit) = &mut self.audit {
            audit.lived_on |= audit.asked && answer.get("status").is_some();
        }
    }

    /// Says so if the auditing was over before the machine was.
    pub(super) fn look_for_the_auditor(&mut self) {
        let audit = self.audit.as_mut().filter(|audit| audit.lived_on);
        if let Some(why) = audit.and_then(|audit| audit.over.take()) {
            self.audit_failed(format!("the audit ended before the machine did: {why}"));
        }
    }

    /// Hands over a snapshot with nothing in it but the reason why.
    fn audit_failed(&mut self, why: String) {
        let snapshot = Snapshot {
            at: Moment::Time {
                seconds: self.started.elapsed().as_secs_f64(),
            },
            at_entry: false,
            in_guest: false,
            registers: BTreeMap::new(),
            format: None,
            mappings: Vec::new(),
            tables: Vec::new(),
            open_ports: Vec::new(),
            open_msrs: Vec::new(),
            image: Vec::new(),
            texts: Vec::new(),
            regions: Vec::new(),
            gaps: vec![why],
            took_ms: 0.0,
        };
        self.feed(&Event::Audit(Box::new(snapshot)));
    }
}

#[cfg(test)]
mod tests;
