//! What a run is to boot, as far as files tell: its machine, its scenario, its programs. Nothing is built
//! or written.

use super::accel::{self, Chosen, Needs};
use super::build::Target;
use super::debug;
use super::examine;
use super::request::Request;
use crate::arch::Arch;
use crate::config::challenge::Challenge;
use crate::config::machine::Machine;
use crate::config::recipe::Recipe;
use crate::config::scenario::{GuestSource, Scenario, With};
use crate::error::Error;
use crate::machine::kvm::{self, Nested};
use crate::project::Project;
use std::fs;
use std::path::Path;

/// What a request comes to.
#[derive(Debug)]
pub struct Planned {
    /// The machine.
    pub machine: Machine,
    /// The scenario, resolved for it.
    pub scenario: Scenario,
    /// The guest: the one that is named by hand, or the scenario's.
    pub guest: Option<GuestSource>,
    /// Whether the workspace's own hypervisor is booted.
    pub(super) own: bool,
    /// What the machine's flash is to hold for this run.
    pub(super) challenge: Option<Challenge>,
    /// What executes its instructions.
    pub(super) accel: Chosen,
}

/// Reads all that a request names.
///
/// # Errors
///
/// A file is missing or not right, or what is named does not go together.
pub fn plan(project: &Project, request: &Request) -> Result<Planned, Error> {
    plan_with(project, request, kvm::usable)
}

/// The same, where KVM is what `kvm` says.
fn plan_with(
    project: &Project,
    request: &Request,
    kvm: impl FnOnce(Arch) -> Result<Nested, String>,
) -> Result<Planned, Error> {
    let by_hand = request.guest.as_ref();
    let by_hand = by_hand
        .map(|word| GuestSource::named(project, word))
        .transpose()?;
    let image = request.hypervisor.as_deref();
    let definition = request.definition(project)?;
    let machine = request.wanted_machine(project, &definition)?;
    let own = examine::is_own_hypervisor(project, image);
    let challenge = match Challenge::fits(&machine) {
        true => Some(Challenge::of([random()?, random()?])),
        false => None,
    };
    let mode = match own {
        true => usual_mode(project, machine.arch)?,
        false => None,
    };
    let mut with = With {
        guest: by_hand.as_ref(),
        foreign: !own,
        mode: mode.as_deref(),
        challenge,
        ..With::default()
    };
    let mut scenario = definition.resolve(project, &machine, &with)?;
    // What the scenario wants, whether or not the run has it.
    let accounts = scenario.audit.is_some() || scenario.story.spec().witness.is_some();
    let needs = Needs::of(&machine, own, accounts);
    let accel = accel::choose(request.accel, &machine, needs, || kvm(machine.arch))?;
    with.not_audited = match (request.no_audit, request.gdb) {
        (true, _) => Some("asked for without"),
        (false, true) => Some(debug::NO_AUDIT),
        (false, false) => None,
    };
    if accel.is_kvm() && accounts {
        with.not_audited = with.not_audited.or(Some(accel::NO_AUDIT));
        with.not_logged = Some(accel::NO_LOG);
    }
    if with.not_audited.is_some() {
        scenario = definition.resolve(project, &machine, &with)?;
    }
    examine::check(&machine, &scenario, image, by_hand.as_ref())?;
    Ok(Planned {
        guest: by_hand.or_else(|| scenario.guest.clone()),
        machine,
        scenario,
        own,
        challenge,
        accel,
    })
}

impl Planned {
    /// What of it the workspace builds: the hypervisor first, if it does, and then the guests in their order.
    ///
    /// # Errors
    ///
    /// No hypervisor is named, and there is no workspace to build one in.
    pub fn targets(&self, project: &Project, request: &Request) -> Result<Vec<Target>, Error> {
        let mut targets = Vec::new();
        if request.hypervisor.is_none() {
            if !project.is_workspace() {
                return Err(Error::Usage(format!(
                    "there is nothing to boot: {} is no workspace that a hypervisor could be built in; \
                     name a file (--hypervisor FILE)",
                    project.folder().display()
                )));
            }
            targets.push(Target::Hypervisor);
        }
        for guest in self.guest.iter().chain(&self.scenario.second) {
            if let GuestSource::Program(name) = guest {
                targets.push(Target::Guest(name.clone()));
            }
        }
        Ok(targets)
    }
}

/// The mode in which the workspace's hypervisor runs a guest if its disk names none.
fn usual_mode(project: &Project, arch: Arch) -> Result<Option<String>, Error> {
    // Without the file there may still be a hypervisor, built with another harness.
    if !project.recipe().is_file() {
        return Ok(None);
    }
    Ok(Recipe::load(project, arch)?.mode)
}

/// A number that nobody can know beforehand.
pub(super) fn random() -> Result<u64, Error> {
    use std::io::Read;
    let mut bytes = [0; 8];
    let source = Path::new("/dev/urandom");
    fs::File::open(source)
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(|e| Error::io("read", source, &e))?;
    Ok(u64::from_ne_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::super::image::tests::elf;
    use super::*;
    use crate::config::accel::{Accel, Accelerator};

    const STORY: &str = "about = 'x'\nend = 'shutdown'\n[hv]\nlines = false\n[[step]]\nname = 'one'\npattern = '^one$'\n";

    /// A run of a kernel, on a computer that has KVM and everything in it.
    fn planned(text: &str, ask: impl FnOnce(Request) -> Request) -> Planned {
        let folder = tempfile::tempdir().unwrap();
        let kernel = folder.path().join("kernel");
        fs::write(&kernel, elf(&[(0x8020_0000, b"code")])).unwrap();
        let request = Request::with_text("mine", format!("{STORY}{text}"));
        let request = ask(request.arch(Arch::Riscv64).hypervisor(kernel));
        plan_with(&Project::new(folder.path()), &request, |_| Ok(Nested::Svm)).unwrap()
    }

    const ACCOUNTS: &str = "[witness]\n[audit]\n";

    #[test]
    fn a_run_under_kvm_has_no_log_and_no_audit_and_says_so() {
        let kvm = |request: Request| request.accel(Accel::Fixed(Accelerator::Kvm));
        let planned = planned(ACCOUNTS, kvm);
        assert!(planned.accel.is_kvm());
        assert!(planned.scenario.audit.is_none());
        assert!(planned.scenario.story.spec().witness.is_none());
        assert_eq!(
            planned.scenario.not_audited.as_deref(),
            Some(accel::NO_AUDIT)
        );
        assert_eq!(planned.scenario.not_logged.as_deref(), Some(accel::NO_LOG));
    }

    #[test]
    fn auto_takes_what_the_scenario_wants_whatever_the_run_leaves_out() {
        let auto = |request: Request| request.accel(Accel::Auto);
        assert!(planned("", auto).accel.is_kvm());
        assert!(!planned("[audit]\n", auto).accel.is_kvm());
        assert!(
            !planned("[audit]\n", |request| auto(request).no_audit())
                .accel
                .is_kvm()
        );
        assert!(
            !planned("[audit]\n", |request| auto(request).gdb())
                .accel
                .is_kvm()
        );
    }
}
