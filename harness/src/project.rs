//! Where things are. This file holds every path that the rest of the crate uses.

use crate::error::Error;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The folder that marks a workspace.
const MARK: &str = "configs/machines";

/// Where machine files are looked for besides.
const BESIDE: &str = "machines";

/// A folder with scenarios, machines and the records of runs. It may be a *workspace*, that is a
/// checkout with a hypervisor and guests to build and machine files of its own, or any other folder.
///
/// | | in a workspace | elsewhere |
/// |---|---|---|
/// | scenarios, by name | `tests/scenarios/NAME.toml` | the same |
/// | machine files, by name | `configs/machines/NAME.toml`, else as elsewhere | `machines/NAME.toml`, else those that are built in |
/// | records of runs | `target/harness/runs` | the same beside a `Cargo.toml`, else `harness-runs` |
/// | matrices | `target/harness/matrices` | the same beside a `Cargo.toml`, else `harness-matrices` |
/// | hypervisor and guests | built | given as files |
///
/// ```
/// let project = harness::Project::new("/home/me/kernel");
/// assert!(!project.is_workspace());
/// assert_eq!(project.runs(), std::path::Path::new("/home/me/kernel/harness-runs"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    folder: PathBuf,
    workspace: bool,
}

impl Project {
    /// The project in a folder. A relative path starts at the current folder.
    pub fn new(folder: impl AsRef<Path>) -> Self {
        let folder = folder.as_ref();
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        Self {
            workspace: folder.join(MARK).is_dir(),
            folder,
        }
    }

    /// The nearest workspace, starting at the current folder and going up; otherwise the current
    /// folder. Fails if there is no current folder, for example because it was removed.
    pub fn discover() -> Result<Self, Error> {
        let here = std::env::current_dir()
            .map_err(|e| Error::io("use", Path::new("the current folder"), &e))?;
        Ok(Self::above(&here).unwrap_or_else(|| Self::new(&here)))
    }

    /// The nearest workspace, starting at a path and going up.
    pub fn above(path: &Path) -> Option<Self> {
        let is_workspace =
            |dir: &&Path| dir.join("Cargo.toml").is_file() && dir.join(MARK).is_dir();
        path.ancestors().find(is_workspace).map(Self::new)
    }

    /// A project whose folder must be a workspace; an error if it has no machine files.
    pub fn workspace(folder: &Path) -> Result<Self, Error> {
        let project = Self::new(folder);
        if project.workspace {
            return Ok(project);
        }
        let folder = project.folder.display();
        Err(Error::Usage(format!("{folder} has no folder {MARK}")))
    }

    /// Whether it is a workspace.
    pub fn is_workspace(&self) -> bool {
        self.workspace
    }

    /// What is typed to start the harness there.
    pub fn program(&self) -> &'static str {
        match self.workspace {
            true => "./x",
            false => "harness",
        }
    }

    /// The project's folder, absolute.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Resolves a path from a file of the project, relative to the project's folder.
    pub fn at(&self, path: impl AsRef<Path>) -> PathBuf {
        self.folder.join(path)
    }

    /// The shortest way to write a path: relative to the project's folder, if it is inside.
    pub fn short<'p>(&self, path: &'p Path) -> &'p Path {
        path.strip_prefix(&self.folder).unwrap_or(path)
    }
}

/// What people write.
impl Project {
    /// Where machine files of a name may be, the place that counts first: `configs/machines`, and
    /// `machines`.
    pub fn machine_files(&self, name: &OsStr) -> [PathBuf; 2] {
        let mut file = name.to_owned();
        file.push(".toml");
        [MARK, BESIDE]
            .map(|folder| self.at(folder))
            .map(|folder| folder.join(&file))
    }

    /// Whether a machine file is one of the workspace's own.
    pub fn is_own_machine(&self, file: &Path) -> bool {
        self.workspace && file.parent() == Some(&self.at(MARK))
    }

    /// The names of the machines that have files, sorted.
    pub fn machine_names(&self) -> Vec<String> {
        let mut names = names_in(&self.at(MARK), is_toml);
        names.extend(names_in(&self.at(BESIDE), is_toml));
        names.sort();
        names.dedup();
        names
    }

    /// The file that says how the workspace's own programs are built.
    pub fn recipe(&self) -> PathBuf {
        self.at("configs/build.toml")
    }

    /// The scenario file of that name.
    pub fn scenario(&self, name: &str) -> PathBuf {
        self.scenarios().join(format!("{name}.toml"))
    }

    /// The folder of the scenarios that have a name.
    pub fn scenarios(&self) -> PathBuf {
        self.at("tests/scenarios")
    }

    /// The names of all scenarios, sorted.
    pub fn scenario_names(&self) -> Vec<String> {
        names_in(&self.scenarios(), is_toml)
    }

    /// The names of all guest programs that can be built, sorted.
    pub fn guests(&self) -> Vec<String> {
        names_in(&self.at("gkernel/src/bin"), |_| true)
    }

    /// The patch that puts a case's defect back.
    pub fn mutant(&self, case: &str) -> PathBuf {
        self.at("tests/mutants").join(format!("{case}.patch"))
    }

    /// The names of all patches that put a defect back, sorted.
    pub fn patches(&self) -> Vec<String> {
        names_in(&self.at("tests/mutants"), |path| {
            path.extension() == Some(OsStr::new("patch"))
        })
    }

    /// The generated mutants that nothing can tell from the original.
    pub fn equivalents(&self) -> PathBuf {
        self.at("tests/mutants/equivalents.toml")
    }

    /// The page that describes the conformance suite.
    pub fn conformance_page(&self) -> PathBuf {
        self.at("docs/conformance.md")
    }

    /// The file that says which compiler is used.
    pub fn toolchain(&self) -> PathBuf {
        self.at("rust-toolchain.toml")
    }

    /// The script that sets up what is missing.
    pub fn x(&self) -> PathBuf {
        self.at("x")
    }
}

/// What the harness and cargo make.
impl Project {
    /// Where builds and records are put.
    pub fn target(&self) -> PathBuf {
        self.at("target")
    }

    /// Where cargo builds a package for an architecture.
    pub fn target_of(&self, package: &str, arch: &str) -> PathBuf {
        self.target().join(package).join(arch)
    }

    /// Where all builds of a package are.
    pub fn builds_of(&self, package: &str) -> PathBuf {
        self.target().join(package)
    }

    /// Where the records of runs usually are.
    pub fn runs(&self) -> PathBuf {
        match self.own() {
            Some(own) => own.join("runs"),
            None => self.at("harness-runs"),
        }
    }

    /// Where the folders of matrices are.
    pub fn matrices(&self) -> PathBuf {
        match self.own() {
            Some(own) => own.join("matrices"),
            None => self.at("harness-matrices"),
        }
    }

    /// Where the records of a soak are.
    pub fn soaks(&self) -> PathBuf {
        self.target().join("harness/soak")
    }

    /// Where mutants are built.
    pub fn mutants(&self) -> PathBuf {
        self.target().join("mutants")
    }

    /// Where the results of generated mutants are kept.
    pub fn generated_mutants(&self) -> PathBuf {
        self.target().join("harness/mutants-generated")
    }

    /// The file that remembers where QEMU has its firmware, if there is a place for it.
    pub fn firmware_note(&self, name: &str) -> Option<PathBuf> {
        Some(self.own()?.join(format!("{name}.json")))
    }

    /// The harness's folder in cargo's target folder, if there is one.
    fn own(&self) -> Option<PathBuf> {
        let cargo = self.workspace || self.at("Cargo.toml").is_file();
        cargo.then(|| self.target().join("harness"))
    }
}

fn is_toml(path: &Path) -> bool {
    path.extension() == Some(OsStr::new("toml"))
}

/// The names of a folder's files without their endings, sorted.
fn names_in(folder: &Path, wanted: impl Fn(&Path) -> bool) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| wanted(path))
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_folder_is_a_workspace_by_its_machine_files() {
        let folder = tempfile::tempdir().unwrap();
        let project = Project::new(folder.path());
        assert!(!project.is_workspace());
        assert_eq!(project.machine_names(), [""; 0]);
        assert_eq!(project.runs(), folder.path().join("harness-runs"));
        assert_eq!(project.firmware_note("firmware-riscv64"), None);
        let error = Project::workspace(folder.path()).unwrap_err().to_string();
        assert!(error.ends_with("has no folder configs/machines"), "{error}");

        fs::create_dir_all(folder.path().join(MARK)).unwrap();
        let project = Project::workspace(folder.path()).unwrap();
        let machine = folder.path().join("configs/machines/riscv64.toml");
        assert_eq!(project.machine_files("riscv64".as_ref())[0], machine);
        fs::write(machine, "").unwrap();
        assert_eq!(project.machine_names(), ["riscv64"]);
        assert_eq!(project.runs(), folder.path().join("target/harness/runs"));
    }

    #[test]
    fn a_workspace_is_found_from_within() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("a/b");
        fs::create_dir_all(&deep).unwrap();
        fs::create_dir_all(folder.path().join(MARK)).unwrap();
        assert_eq!(Project::above(&deep), None, "without a Cargo.toml");
        fs::write(folder.path().join("Cargo.toml"), "").unwrap();
        assert_eq!(Project::above(&deep), Some(Project::new(folder.path())));
    }

    #[test]
    fn beside_a_manifest_records_go_where_cargo_puts_things() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("Cargo.toml"), "").unwrap();
        let project = Project::new(folder.path());
        assert_eq!(project.runs(), folder.path().join("target/harness/runs"));
    }

    #[test]
    fn scenarios_are_told_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let project = Project::new(folder.path());
        assert_eq!(project.scenario_names(), [""; 0]);
        for file in ["b.toml", "a.toml", "notes.md"] {
            fs::create_dir_all(project.scenarios()).unwrap();
            fs::write(project.scenarios().join(file), "").unwrap();
        }
        assert_eq!(project.scenario_names(), ["a", "b"]);
        assert!(project.scenario("a").is_file());
    }

    #[test]
    fn paths_are_short_from_within_and_whole_from_elsewhere() {
        let project = Project::new("/p");
        assert_eq!(
            project.short(Path::new("/p/target/x")),
            Path::new("target/x")
        );
        assert_eq!(project.short(Path::new("/q/x")), Path::new("/q/x"));
        assert_eq!(project.at("/q/x"), Path::new("/q/x"));
    }
}
