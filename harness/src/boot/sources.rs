//! The files of the project that a program is built of, for whoever waits for one of them to change.
//!
//! After a build that succeeded they are known exactly. If one of them is not as it was then, nobody knows what the next
//! build reads: a file may have been added, or have to be. So the packages' folders count as well then, with all that is in
//! them, until a build succeeds again.

use super::build::{self, Target};
use super::freshness::Stamp;
use crate::config::recipe::Recipe;
use crate::files;
use crate::project::Project;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// The files that a target is built of. A folder among them stands for the names of what is in it.
pub fn sources(project: &Project, recipe: &Recipe, target: &Target) -> BTreeSet<PathBuf> {
    // Cargo writes down physical paths.
    let physical = std::fs::canonicalize(project.folder()).map(Project::new);
    let projects = [Some(project), physical.as_ref().ok()];
    let is_own = |file: &Path| {
        projects.into_iter().flatten().any(|project| {
            file.starts_with(project.folder()) && !file.starts_with(project.target())
        })
    };
    let mut found = BTreeSet::new();
    if let Some(stamp) = Stamp::read(&build::elf_path(project, recipe, target)) {
        found.extend(
            stamp
                .files()
                .filter(|file| is_own(file))
                .map(Path::to_owned),
        );
        if build::is_fresh(project, recipe, target) {
            return found;
        }
    }
    found.extend([project.at("Cargo.toml"), project.at("Cargo.lock")]);
    for package in packages(project, target.package()) {
        all_in(package, &project.target(), &mut found);
    }
    found
}

/// The folders of a package and of those in the project that it depends on by their paths.
fn packages(project: &Project, package: &str) -> BTreeSet<PathBuf> {
    let workspace = manifest(project.folder());
    let shared = workspace.get("workspace").and_then(Value::as_table);
    let shared = shared.and_then(|shared| shared.get("dependencies")?.as_table());
    let mut found = BTreeSet::new();
    let mut open = vec![project.at(package)];
    while let Some(folder) = open.pop() {
        if !found.insert(folder.clone()) {
            continue;
        }
        let manifest = manifest(&folder);
        let mut tables = Vec::new();
        dependencies(&manifest, &mut tables);
        for (name, dependency) in tables.into_iter().flatten() {
            let inherited = dependency.get("workspace").is_some();
            let path = if inherited {
                let shared = shared.and_then(|shared| shared.get(name)?.get("path")?.as_str());
                shared.map(|path| project.at(path))
            } else {
                let path = dependency.get("path").and_then(Value::as_str);
                path.map(|path| folder.join(path))
            };
            let path = path.and_then(|path| std::fs::canonicalize(path).ok());
            open.extend(path);
        }
    }
    found
}

/// The tables of dependencies of a manifest, those for single targets too.
fn dependencies<'m>(manifest: &'m Table, found: &mut Vec<&'m Table>) {
    let kinds = ["dependencies", "build-dependencies"];
    found.extend(
        kinds
            .iter()
            .filter_map(|kind| manifest.get(*kind)?.as_table()),
    );
    let targets = manifest.get("target").and_then(Value::as_table);
    for target in targets
        .into_iter()
        .flatten()
        .filter_map(|(_, target)| target.as_table())
    {
        dependencies(target, found);
    }
}

/// The manifest in a folder; nothing, if it cannot be read.
fn manifest(folder: &Path) -> Table {
    let text = files::read_text(&folder.join("Cargo.toml")).unwrap_or_default();
    text.parse().unwrap_or_default()
}

/// Adds a folder, and all that is in it but for what is built.
fn all_in(folder: PathBuf, built: &Path, found: &mut BTreeSet<PathBuf>) {
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        if folder == built || !found.insert(folder.clone()) {
            continue;
        }
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                _ => drop(found.insert(entry.path())),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_package_has_the_folders_of_those_that_it_depends_on_by_their_paths() {
        let folder = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(folder.path()).unwrap();
        for (package, manifest) in [
            (
                ".",
                "[workspace.dependencies]\nabi = { path = 'hypervisor/abi' }\naxstd = '1'\n",
            ),
            (
                "hypervisor",
                "[dependencies]\nabi.workspace = true\naxstd.workspace = true\n\
                 [target.'cfg(target_os = \"none\")'.dependencies]\nplat = { path = '../plat' }\n",
            ),
            (
                "hypervisor/abi",
                "[build-dependencies]\nplat = { path = '../../plat' }\n",
            ),
            ("plat", "this is no manifest"),
            ("other", ""),
        ] {
            fs::create_dir_all(root.join(package).join("src/deep")).unwrap();
            fs::write(root.join(package).join("Cargo.toml"), manifest).unwrap();
        }
        let project = Project::new(&root);
        let found = packages(&project, "hypervisor");
        let expected = ["hypervisor", "hypervisor/abi", "plat"].map(|package| root.join(package));
        assert_eq!(found, BTreeSet::from(expected));
        let mut all = BTreeSet::new();
        all_in(root.join("plat"), &root.join("plat/src"), &mut all);
        assert_eq!(
            all,
            BTreeSet::from([root.join("plat"), root.join("plat/Cargo.toml")])
        );
    }
}
