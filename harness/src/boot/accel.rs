//! Decides what executes a machine's instructions, and what that costs the run.

use crate::config::accel::{self, Accel, Accelerator};
use crate::config::machine::Machine;
use crate::error::Error;

/// Why nothing is compared with QEMU's log under KVM.
pub(super) const NO_LOG: &str = "under KVM QEMU logs nothing of what the guest does";

/// Why a machine is not looked at under KVM.
pub(super) const NO_AUDIT: &str =
    "under KVM gdb's stub has none of the registers that confine a guest";

/// What was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chosen {
    /// What QEMU is to say that it runs with; none where nobody has asked.
    pub(super) accelerator: Option<Accelerator>,
    /// What QEMU is told.
    pub(super) args: Vec<String>,
    /// What the reader is told.
    pub(super) note: Option<String>,
}

impl Chosen {
    /// Whether neither QEMU's log nor an audit can be had.
    pub(super) fn is_kvm(&self) -> bool {
        self.accelerator == Some(Accelerator::Kvm)
    }
}

/// Chooses: what is asked for, and else what the machine's file says. `accounts` says whether the scenario wants
/// QEMU's log or an audit. `kvm` says why KVM cannot be used, and is asked only where that matters.
///
/// # Errors
///
/// KVM is asked for and cannot be used, or the machine's arguments name another one.
pub(super) fn choose(
    asked: Option<Accel>,
    machine: &Machine,
    accounts: bool,
    kvm: impl FnOnce() -> Result<(), String>,
) -> Result<Chosen, Error> {
    let named = accel::named_in(&machine.qemu.machine);
    // The machine's file names no other one there.
    let says_tcg = !named.is_empty();
    let (accelerator, note) = match asked.or(machine.qemu.accel) {
        None => (None, None),
        Some(Accel::Fixed(Accelerator::Kvm)) => {
            kvm().map_err(|why| {
                Error::infrastructure(
                    format!("KVM is asked for, and cannot be used: {why}"),
                    "say --accel tcg, or auto; KVM takes a computer of the machine's architecture on which you may open /dev/kvm",
                )
            })?;
            (Some(Accelerator::Kvm), None)
        }
        Some(Accel::Fixed(one)) => (Some(one), None),
        Some(Accel::Auto) => {
            let (one, why) = automatic(accounts, says_tcg, kvm);
            (
                Some(one),
                Some(format!("accelerator {one}, chosen by `auto`: {why}")),
            )
        }
    };
    if says_tcg && accelerator == Some(Accelerator::Kvm) {
        return Err(Error::Usage(format!(
            "{}: the arguments of QEMU name the accelerator tcg, and kvm is asked for: leave it out there, or \
             say --accel tcg",
            machine.origin()
        )));
    }
    let add = accelerator.filter(|_| !says_tcg);
    let args = add.map_or_else(Vec::new, |one| vec!["-accel".into(), one.to_string()]);
    Ok(Chosen {
        accelerator,
        args,
        note,
    })
}

/// What `auto` means here, and why.
fn automatic(
    accounts: bool,
    says_tcg: bool,
    kvm: impl FnOnce() -> Result<(), String>,
) -> (Accelerator, String) {
    if says_tcg {
        return (
            Accelerator::Tcg,
            "the machine's own arguments name it".into(),
        );
    }
    if accounts {
        let why = "the scenario wants QEMU's log or an audit, and KVM has neither";
        return (Accelerator::Tcg, why.into());
    }
    match kvm() {
        Ok(()) => (
            Accelerator::Kvm,
            "it can be used here, and the scenario wants nothing that it lacks".into(),
        ),
        Err(why) => (Accelerator::Tcg, why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::Project;
    use std::path::Path;

    fn machine(text: &str) -> Machine {
        let project = Project::new("/no/workspace");
        let text = format!("extends = 'x86_64'\n[qemu]\n{text}\n");
        Machine::from_text(&project, Path::new("m.toml"), text).unwrap()
    }

    const KVM: Accel = Accel::Fixed(Accelerator::Kvm);
    const TCG: Accel = Accel::Fixed(Accelerator::Tcg);

    fn there() -> Result<(), String> {
        Ok(())
    }

    fn lacking() -> Result<(), String> {
        Err("/dev/kvm cannot be opened".into())
    }

    #[test]
    fn nobody_asks_and_nothing_is_added() {
        let unasked = || panic!("KVM was asked");
        let chosen = choose(None, &machine(""), true, unasked).unwrap();
        assert_eq!(
            (chosen.accelerator, chosen.args, chosen.note),
            (None, vec![], None)
        );
    }

    #[test]
    fn what_is_asked_for_goes_over_what_the_file_says() {
        let file = machine("accel = 'kvm'");
        let args = |asked| choose(asked, &file, true, there).unwrap().args;
        assert_eq!(args(None), ["-accel", "kvm"]);
        assert_eq!(args(Some(TCG)), ["-accel", "tcg"]);
        assert!(choose(None, &file, true, there).unwrap().is_kvm());
    }

    #[test]
    fn kvm_that_cannot_be_used_is_no_run_and_never_another_accelerator() {
        let error = choose(Some(KVM), &machine(""), false, lacking).unwrap_err();
        assert_eq!(error.exit_code(), 4);
        let text = error.to_string();
        assert!(
            text.contains("/dev/kvm cannot be opened") && text.contains("--accel tcg"),
            "{text}"
        );
        let own = machine("extra = ['-accel', 'tcg,thread=single']");
        let error = choose(Some(KVM), &own, false, there).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert_eq!(
            choose(Some(TCG), &own, false, lacking).unwrap().args,
            [""; 0]
        );
    }

    #[test]
    fn auto_says_which_and_why_and_costs_no_account() {
        let auto = |accounts, kvm: fn() -> Result<(), String>, text: &str| {
            let chosen = choose(Some(Accel::Auto), &machine(text), accounts, kvm).unwrap();
            (chosen.accelerator.unwrap(), chosen.note.unwrap())
        };
        let (one, why) = auto(false, there, "");
        assert!(
            one == Accelerator::Kvm && why.starts_with("accelerator kvm, chosen by `auto`: "),
            "{why}"
        );
        let (one, why) = auto(true, there, "");
        assert!(
            one == Accelerator::Tcg && why.contains("wants QEMU's log or an audit"),
            "{why}"
        );
        let (one, why) = auto(false, lacking, "");
        assert!(
            one == Accelerator::Tcg && why.contains("/dev/kvm cannot be opened"),
            "{why}"
        );
        let (one, why) = auto(false, there, "extra = ['-accel', 'tcg']");
        assert!(
            one == Accelerator::Tcg && why.contains("own arguments"),
            "{why}"
        );
    }
}
