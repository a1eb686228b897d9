//! Decides what executes a machine's instructions, and what that costs the run.

use crate::arch::Arch;
use crate::config::accel::{self, Accel, Accelerator};
use crate::config::machine::Machine;
use crate::error::Error;
use crate::machine::kvm::Nested;

/// Why nothing is compared with QEMU's log under KVM.
pub(super) const NO_LOG: &str = "under KVM QEMU logs nothing of what the guest does";

/// Why a machine is not looked at under KVM.
pub(super) const NO_AUDIT: &str =
    "under KVM gdb's stub has none of the registers that confine a guest";

/// Why no hypervisor can run a guest under KVM here.
const NOT_NESTED: &str = "KVM gives its machines neither SVM nor VMX here (the processor has none, or nested virtualisation is \
                          off), so a hypervisor in them can run no guest";

/// Why this one cannot.
const VMX_ONLY: &str = "KVM gives its machines no SVM here, but VMX, and the hypervisor needs SVM";

/// What a run takes of an accelerator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Needs {
    /// QEMU's log or an audit.
    pub(super) accounts: bool,
    /// SVM: it boots the workspace's own hypervisor for x86_64, or a machine whose processor is to have that.
    pub(super) svm: bool,
}

impl Needs {
    /// Of a run on a machine that boots the workspace's own hypervisor, or another program.
    pub(super) fn of(machine: &Machine, own: bool, accounts: bool) -> Self {
        let names_svm = |words: &[String]| {
            words[0] == "-cpu"
                && words[1]
                    .split(',')
                    .any(|word| ["+svm", "svm=on", "svm"].contains(&word))
        };
        let asked = machine.qemu.machine.windows(2).any(names_svm);
        Self {
            accounts,
            svm: machine.arch == Arch::X86_64 && (own || asked),
        }
    }

    /// Why a hypervisor could not do under KVM what it is to do, if so.
    fn lacking(self, nested: Nested) -> Option<&'static str> {
        match nested {
            Nested::Nothing => Some(NOT_NESTED),
            Nested::Vmx if self.svm => Some(VMX_ONLY),
            Nested::Vmx | Nested::Svm | Nested::Untold => None,
        }
    }
}

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

/// Chooses: what is asked for, and else what the machine's file says. `kvm` says what a hypervisor has under KVM, or why
/// KVM cannot be used, and is asked only where that matters.
///
/// # Errors
///
/// KVM is asked for and cannot be used, or lacks what the run needs, or the machine's arguments name another one.
pub(super) fn choose(
    asked: Option<Accel>,
    machine: &Machine,
    needs: Needs,
    kvm: impl FnOnce() -> Result<Nested, String>,
) -> Result<Chosen, Error> {
    let named = accel::named_in(&machine.qemu.machine);
    // The machine's file names no other one there.
    let says_tcg = !named.is_empty();
    let (accelerator, note) = match asked.or(machine.qemu.accel) {
        None => (None, None),
        Some(Accel::Fixed(Accelerator::Kvm)) => {
            let lacking = kvm().map(|nested| needs.lacking(nested));
            let lacking = match lacking {
                Ok(Some(why)) if needs.svm => Err(why.to_owned()),
                lacking => lacking,
            };
            let lacking = lacking.map_err(|why| {
                Error::infrastructure(
                    format!("KVM is asked for, and cannot be used: {why}"),
                    "say --accel tcg, or auto; KVM takes a computer of the machine's architecture on which you may open /dev/kvm",
                )
            })?;
            // A kernel that runs no guests is a fair subject all the same.
            (Some(Accelerator::Kvm), lacking.map(str::to_owned))
        }
        Some(Accel::Fixed(one)) => (Some(one), None),
        Some(Accel::Auto) => {
            let (one, why) = automatic(needs, says_tcg, kvm);
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
    needs: Needs,
    says_tcg: bool,
    kvm: impl FnOnce() -> Result<Nested, String>,
) -> (Accelerator, String) {
    if says_tcg {
        return (
            Accelerator::Tcg,
            "the machine's own arguments name it".into(),
        );
    }
    if needs.accounts {
        let why = "the scenario wants QEMU's log or an audit, and KVM has neither";
        return (Accelerator::Tcg, why.into());
    }
    match kvm().map(|nested| needs.lacking(nested)) {
        Ok(None) => (
            Accelerator::Kvm,
            "it can be used here, and the scenario wants nothing that it lacks".into(),
        ),
        Ok(Some(why)) => (Accelerator::Tcg, why.into()),
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

    const ALL: Needs = Needs {
        accounts: true,
        svm: true,
    };
    const NOTHING: Needs = Needs {
        accounts: false,
        svm: false,
    };

    fn there() -> Result<Nested, String> {
        Ok(Nested::Svm)
    }

    fn lacking() -> Result<Nested, String> {
        Err("/dev/kvm cannot be opened".into())
    }

    #[test]
    fn nobody_asks_and_nothing_is_added() {
        let unasked = || panic!("KVM was asked");
        let chosen = choose(None, &machine(""), ALL, unasked).unwrap();
        assert_eq!(
            (chosen.accelerator, chosen.args, chosen.note),
            (None, vec![], None)
        );
    }

    #[test]
    fn what_is_asked_for_goes_over_what_the_file_says() {
        let file = machine("accel = 'kvm'");
        let args = |asked| choose(asked, &file, ALL, there).unwrap().args;
        assert_eq!(args(None), ["-accel", "kvm"]);
        assert_eq!(args(Some(TCG)), ["-accel", "tcg"]);
        assert!(choose(None, &file, ALL, there).unwrap().is_kvm());
    }

    #[test]
    fn kvm_that_cannot_be_used_is_no_run_and_never_another_accelerator() {
        let error = choose(Some(KVM), &machine(""), NOTHING, lacking).unwrap_err();
        assert_eq!(error.exit_code(), 4);
        let text = error.to_string();
        assert!(
            text.contains("/dev/kvm cannot be opened") && text.contains("--accel tcg"),
            "{text}"
        );
        let own = machine("extra = ['-accel', 'tcg,thread=single']");
        let error = choose(Some(KVM), &own, NOTHING, there).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert_eq!(
            choose(Some(TCG), &own, NOTHING, lacking).unwrap().args,
            [""; 0]
        );
    }

    #[test]
    fn auto_says_which_and_why_and_costs_no_account() {
        let auto = |needs, kvm: fn() -> Result<Nested, String>, text: &str| {
            let chosen = choose(Some(Accel::Auto), &machine(text), needs, kvm).unwrap();
            (chosen.accelerator.unwrap(), chosen.note.unwrap())
        };
        let (one, why) = auto(NOTHING, there, "");
        assert!(
            one == Accelerator::Kvm && why.starts_with("accelerator kvm, chosen by `auto`: "),
            "{why}"
        );
        let (one, why) = auto(ALL, there, "");
        assert!(
            one == Accelerator::Tcg && why.contains("wants QEMU's log or an audit"),
            "{why}"
        );
        let (one, why) = auto(NOTHING, lacking, "");
        assert!(
            one == Accelerator::Tcg && why.contains("/dev/kvm cannot be opened"),
            "{why}"
        );
        let (one, why) = auto(NOTHING, there, "extra = ['-accel', 'tcg']");
        assert!(
            one == Accelerator::Tcg && why.contains("own arguments"),
            "{why}"
        );
    }

    /// A hypervisor that has nothing to run a guest with is not to blame for that.
    #[test]
    fn kvm_without_svm_is_no_run_for_a_hypervisor_and_a_note_for_a_kernel() {
        let svm = Needs {
            svm: true,
            ..NOTHING
        };
        let choose = |asked, needs, nested| choose(Some(asked), &machine(""), needs, || Ok(nested));
        let error = choose(KVM, svm, Nested::Nothing).unwrap_err();
        assert_eq!(error.exit_code(), 4);
        assert!(error.to_string().contains("can run no guest"), "{error}");
        let error = choose(KVM, svm, Nested::Vmx).unwrap_err();
        assert!(
            error.to_string().contains("the hypervisor needs SVM"),
            "{error}"
        );
        assert_eq!(choose(KVM, svm, Nested::Svm).unwrap().note, None);
        let chosen = choose(KVM, NOTHING, Nested::Nothing).unwrap();
        assert!(chosen.is_kvm() && chosen.note.as_deref() == Some(NOT_NESTED));
        assert_eq!(choose(KVM, NOTHING, Nested::Vmx).unwrap().note, None);
        for needs in [svm, NOTHING] {
            let chosen = choose(Accel::Auto, needs, Nested::Nothing).unwrap();
            assert_eq!(chosen.accelerator, Some(Accelerator::Tcg));
            assert!(chosen.note.unwrap().contains(NOT_NESTED));
        }
        assert!(choose(Accel::Auto, NOTHING, Nested::Vmx).unwrap().is_kvm());
        assert!(choose(Accel::Auto, svm, Nested::Untold).unwrap().is_kvm());
    }

    #[test]
    fn svm_is_needed_by_the_workspaces_hypervisor_and_where_the_processor_is_to_have_it() {
        let needs = |text: &str, own| Needs::of(&machine(text), own, false).svm;
        assert!(needs("", true) && !needs("", false));
        assert!(needs("extra = ['-cpu', 'max,+svm']", false));
        assert!(!needs("extra = ['-cpu', 'max,-svm']", false));
    }
}
