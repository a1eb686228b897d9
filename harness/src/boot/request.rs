//! What a run is asked to be.

use super::build::Ask;
use super::cargo::Progress;
use crate::arch::Arch;
use crate::config::accel::Accel;
use crate::config::machine::{self, Machine};
use crate::config::scenario::{Definition, GuestSource};
use crate::error::Error;
use crate::judge::observer::Observer;
use crate::machine::keyboard::Typist;
use crate::project::Project;
use crate::records::asked::{Asked, whole, whole_file};
use std::borrow::Cow;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a run may take if nothing else is asked for.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// What a run is asked to be: a scenario, a machine, and what differs from what these say.
///
/// ```no_run
/// use harness::{Project, Request};
/// use std::time::Duration;
///
/// let request = Request::new("smoke")
///     .machine("aarch64")
///     .kernel("target/kernel.elf")
///     .timeout(Duration::from_secs(10))
///     .records("target/boots");
/// harness::run(&Project::discover()?, request)?.assert_passed();
/// # Ok::<_, harness::Error>(())
/// ```
#[must_use = "a request does nothing until it is run"]
pub struct Request {
    pub(crate) scenario: Wanted,
    pub(crate) machine: Option<OsString>,
    pub(crate) arch: Option<Arch>,
    pub(crate) timeout: Duration,
    pub(crate) hypervisor: Option<PathBuf>,
    pub(crate) guest: Option<OsString>,
    pub(crate) records: Option<PathBuf>,
    pub(crate) no_audit: bool,
    pub(crate) accel: Option<Accel>,
    pub(crate) gdb: bool,
    pub(crate) typist: Option<Typist>,
    pub(crate) ask: Ask,
    pub(crate) progress: Progress,
    pub(crate) observers: Vec<Box<dyn Observer + Send>>,
}

/// The scenario that is asked for.
#[derive(Debug, Clone)]
pub(crate) enum Wanted {
    /// By its name, or by its file.
    Named(String),
    /// A text, or one that was built in code.
    Defined(Definition),
}

impl Request {
    /// Asks for a scenario: its name in `tests/scenarios`, or a file (what has a `/` or ends in
    /// `.toml`).
    pub fn new(scenario: impl Into<String>) -> Self {
        Self::of(Wanted::Named(scenario.into()))
    }

    /// Asks for a scenario that has that name in reports and that text, which is what a scenario's file
    /// holds.
    pub fn with_text(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self::with_scenario(Definition::from_text(name, text))
    }

    /// Asks for a scenario that was [put together in code], or read before.
    ///
    /// [put together in code]: crate::config::scenario::Scenario::builder
    pub fn with_scenario(scenario: Definition) -> Self {
        Self::of(Wanted::Defined(scenario))
    }

    fn of(scenario: Wanted) -> Self {
        Self {
            scenario,
            machine: None,
            arch: None,
            timeout: TIMEOUT,
            hypervisor: None,
            guest: None,
            records: None,
            no_audit: false,
            accel: None,
            gdb: false,
            typist: None,
            ask: Ask::IfChanged,
            progress: Progress::nobody(),
            observers: Vec::new(),
        }
    }

    /// The machine: its name, or a file (what has a `/` or ends in `.toml`). Without this it is the one
    /// that the scenario asks for.
    pub fn machine(mut self, name_or_file: impl Into<OsString>) -> Self {
        self.machine = Some(name_or_file.into());
        self
    }

    /// The architecture: of the scenario's machine, if that is of it, and else of the machine that is
    /// named after it. Where a [machine](Self::machine) is named too, that has to be of it.
    pub fn arch(mut self, arch: Arch) -> Self {
        self.arch = Some(arch);
        self
    }

    /// The file to boot instead of the workspace's own hypervisor: ELF, flat, or a Linux image.
    pub fn hypervisor(mut self, file: impl Into<PathBuf>) -> Self {
        self.hypervisor = Some(file.into());
        self
    }

    /// The same as [`hypervisor`](Self::hypervisor), for a kernel that runs no guests.
    pub fn kernel(self, file: impl Into<PathBuf>) -> Self {
        self.hypervisor(file)
    }

    /// The guest to run instead of the scenario's: a file, ELF or flat, or a guest program's name.
    pub fn guest(mut self, file_or_name: impl Into<OsString>) -> Self {
        self.guest = Some(file_or_name.into());
        self
    }

    /// How long the run may take from the machine's start; 30 seconds if this is not said. A scenario's
    /// own clocks may run out before.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The folder to make the run's own folder of records in; [`Project::runs`] if this is not said. In
    /// that one old runs are removed, in this one all are kept.
    ///
    /// [`Project::runs`]: crate::project::Project::runs
    pub fn records(mut self, folder: impl Into<PathBuf>) -> Self {
        self.records = Some(folder.into());
        self
    }

    /// Leaves out the audit: nobody looks at what the machine holds, and the result says so.
    pub fn no_audit(mut self) -> Self {
        self.no_audit = true;
        self
    }

    /// What executes the machine's instructions; if this is not said, what the machine's file says.
    ///
    /// Under KVM there is neither QEMU's log nor an audit, and the result says so.
    pub fn accel(mut self, accel: Accel) -> Self {
        self.accel = Some(accel);
        self
    }

    /// Has the machine wait for gdb at its first instruction. An [observer](Observer::waits_for_gdb) is told how gdb
    /// is started. No clock of the run counts, and nobody audits the machine: QEMU has one stub. The result says so.
    pub fn gdb(mut self) -> Self {
        self.gdb = true;
        self
    }

    /// Has somebody sit at the console. No clock of the run counts for as long as that is so, and the machine goes on
    /// after the verdict until it ends or the [typist](Typist) leaves.
    pub fn typist(mut self, typist: Typist) -> Self {
        self.typist = Some(typist);
        self
    }

    /// Starts cargo even if nothing has changed since the last build.
    pub fn rebuild(mut self) -> Self {
        self.ask = Ask::Always;
        self
    }

    /// Has someone told how the builds go that the run waits for, a line at a time. Without this a build is
    /// silent, and what cargo complains of is in the error.
    pub fn build_progress(mut self, listener: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.progress = Progress::to(listener);
        self
    }

    /// Has someone told what happens, besides those that were named before.
    pub fn observe(mut self, observer: impl Observer + Send + 'static) -> Self {
        self.observers.push(Box::new(observer));
        self
    }

    /// What it asks for, in words.
    pub(crate) fn asked(&self, project: &Project) -> Asked {
        let scenario = match &self.scenario {
            Wanted::Named(word) => Some(whole(word.as_ref())),
            Wanted::Defined(definition) => {
                let file = definition.is_in_file().then(|| definition.file());
                let is_named = |file: &&Path| **file == project.scenario(definition.name());
                file.map(|file| match is_named(&file) {
                    true => definition.name().to_owned(),
                    false => whole_file(file),
                })
            }
        };
        let guest = self.guest.as_deref();
        Asked {
            scenario,
            machine: self.machine.as_deref().map(whole),
            arch: self.arch,
            hypervisor: self.hypervisor.as_deref().map(whole_file),
            guest: guest.map(|word| match GuestSource::named(project, word) {
                Ok(GuestSource::File(file)) => whole_file(&file),
                Ok(GuestSource::Program(_)) | Err(_) => word.to_string_lossy().into_owned(),
            }),
            timeout: Some(self.timeout).filter(|timeout| *timeout != TIMEOUT),
            no_audit: self.no_audit,
            accel: self.accel.map(|accel| accel.name().to_owned()),
            gdb: self.gdb,
            shell: self.typist.is_some(),
        }
    }

    /// The machine that is asked for, by hand or by the scenario.
    ///
    /// # Errors
    ///
    /// None is asked for, there is no such machine, its file is not right, or it is of another
    /// architecture.
    pub(crate) fn wanted_machine(
        &self,
        project: &Project,
        scenario: &Definition,
    ) -> Result<Machine, Error> {
        let machine = scenario.machine(project, self.machine.as_deref(), self.arch)?;
        machine.ok_or_else(|| {
            Error::Usage(format!(
                "no machine is named for the run: add Request::machine (there are {}), or Request::arch, \
                 or the key `machine` to the scenario",
                machine::names(project).join(", ")
            ))
        })
    }

    /// The scenario that is asked for.
    pub(crate) fn definition(&self, project: &Project) -> Result<Cow<'_, Definition>, Error> {
        Ok(match &self.scenario {
            Wanted::Named(name) => Cow::Owned(Definition::named(project, name)?),
            Wanted::Defined(definition) => Cow::Borrowed(definition),
        })
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("scenario", &self.scenario)
            .field("machine", &self.machine)
            .field("arch", &self.arch)
            .field("timeout", &self.timeout)
            .field("hypervisor", &self.hypervisor)
            .field("guest", &self.guest)
            .field("records", &self.records)
            .field("accel", &self.accel)
            .field("gdb", &self.gdb)
            .field("typist", &self.typist)
            .field("ask", &self.ask)
            .field("progress", &self.progress)
            .field("observers", &self.observers.len())
            .finish()
    }
}
