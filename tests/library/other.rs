//! Another project: a folder that is no workspace, with a scenario, and a hypervisor and a guest given as files.

use harness::{Error, Project, Report, Request};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

pub const MACHINE: &str = "x86_64";

pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The hypervisor and its guest, built once.
pub fn built() -> &'static [PathBuf; 2] {
    static BUILT: OnceLock<[PathBuf; 2]> = OnceLock::new();
    BUILT.get_or_init(|| {
        let records = tempfile::tempdir().unwrap();
        let request = Request::new("gkernel")
            .machine(MACHINE)
            .records(records.path());
        let report = harness::run(&Project::new(workspace()), request).unwrap();
        report.assert_passed();
        let booted = fs::read(report.run_dir.unwrap().join("run.json")).unwrap();
        let booted: serde_json::Value = serde_json::from_slice(&booted).unwrap();
        ["hypervisor", "guest"].map(|what| booted[what]["file"].as_str().unwrap().into())
    })
}

/// Another project: a folder with a scenario.
pub struct Other {
    pub folder: tempfile::TempDir,
}

impl Other {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let shipped = |file| fs::read_to_string(workspace().join("tests/scenarios").join(file));
        let scenario = shipped("gkernel.toml").unwrap();
        let scenario = scenario.replace("guest  = \"gkernel\"\n", "");
        let values = shipped("base/values.toml").unwrap();
        let audit = shipped("base/audit.toml").unwrap();
        for (file, text) in [
            ("tests/scenarios/smoke.toml", scenario),
            ("tests/scenarios/base/values.toml", values),
            ("tests/scenarios/base/audit.toml", audit),
        ] {
            let file = folder.path().join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        Self { folder }
    }

    pub fn project(&self) -> Project {
        let project = Project::new(self.folder.path());
        assert!(!project.is_workspace());
        project
    }

    /// Wants a scenario of the hypervisor and its guest.
    pub fn wants(&self, request: Request) -> Request {
        let [hypervisor, guest] = built();
        request.machine(MACHINE).hypervisor(hypervisor).guest(guest)
    }

    pub fn smoke(&self) -> Request {
        self.wants(Request::new("smoke"))
    }

    /// The same with other words in its text, which is to have the old ones.
    pub fn changed(&self, name: &str, from: &str, to: &str) -> Request {
        let smoke = fs::read_to_string(self.project().scenario("smoke")).unwrap();
        assert!(smoke.contains(from), "{from:?} is not in the scenario");
        self.wants(Request::with_text(name, smoke.replacen(from, to, 1)))
    }

    /// Processes that work in a folder of the project's.
    pub fn processes(&self) -> Vec<PathBuf> {
        let processes = fs::read_dir("/proc").unwrap().flatten();
        let folders =
            processes.filter_map(|process| fs::read_link(process.path().join("cwd")).ok());
        let here = self.folder.path().canonicalize().unwrap();
        folders.filter(|folder| folder.starts_with(&here)).collect()
    }

    #[track_caller]
    pub fn passes(&self, outcome: Result<Report, Error>) {
        drop(self.passed(outcome));
    }

    /// The report of a run, which has to have passed.
    #[track_caller]
    pub fn passed(&self, outcome: Result<Report, Error>) -> Report {
        let report = outcome.unwrap_or_else(|error| panic!("{error}"));
        report.assert_passed();
        assert_eq!((report.exit_code, report.scenario.as_str()), (0, "smoke"));
        let run = report.run_dir.as_ref().expect("it has records");
        assert!(run.starts_with(self.project().runs()), "{}", run.display());
        assert!(run.join("verdict.json").is_file());
        assert_eq!(self.processes(), [] as [PathBuf; 0]);
        report
    }
}
