//! What a build is made of, as far as cargo and the compiler tell it.
//!
//! | what | from |
//! |---|---|
//! | sources, and what they include | cargo's dep-info, `<artefact>.d`: every crate that is not a registry's, build scripts too |
//! | what build scripts ask for | `rerun-if-changed`, `rerun-if-env-changed` in `build/*/output` |
//! | variables that crates read when they are built | `# env-dep:` in `deps/*.d` |
//! | manifests | those of the workspace, its members and the crates of the sources; `Cargo.lock` |
//! | configuration | `.cargo/config.toml` here, above and in `CARGO_HOME` |
//! | the compiler | `rustc` in PATH, rustup's settings, pins and toolchains, the toolchain's own folder |
//!
//! A registry's crates never change under a version, and `Cargo.lock` has the versions. What is
//! missing counts as well where cargo would find it: a configuration, a pin, a build script.

use super::Build;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// What was found.
pub(super) struct Inputs {
    pub files: BTreeSet<PathBuf>,
    pub variables: BTreeSet<String>,
    pub programs: BTreeMap<String, Option<PathBuf>>,
}

/// Whether a variable of the environment can change what is built.
pub(super) fn counts(name: &OsStr) -> bool {
    // How things are said, not what is built; and what rustup's proxies count.
    const QUIET: [&str; 5] = [
        "RUST_BACKTRACE",
        "RUST_LIB_BACKTRACE",
        "RUST_LOG",
        "RUST_RECURSION_COUNT",
        "RUSTUP_AUTO_INSTALL",
    ];
    let name = name.as_bytes();
    let begins = |with: &str| name.starts_with(with.as_bytes());
    let quiet = QUIET.iter().any(|quiet| name == quiet.as_bytes()) || begins("CARGO_TERM_");
    !quiet && (["CARGO", "RUST", "AX_"].into_iter().any(begins) || name == b"HOME")
}

/// The program that PATH has for a name in a build, as it is named there.
pub(super) fn in_path(name: &str, build: &Build) -> Option<PathBuf> {
    let folders = build.environment.get(OsStr::new("PATH"))?;
    program(name, folders, &build.root)
}

/// The program that some folders have for a name, as PATH would name them; relative ones are in
/// `here`.
pub(super) fn program(name: &str, folders: &OsStr, here: &Path) -> Option<PathBuf> {
    std::env::split_paths(folders)
        .map(|folder| here.join(folder).join(name))
        .find(|file| is_program(file))
}

fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(file).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// What a build was made of; none if that is not certain.
pub(super) fn of(build: &Build, sysroot: &Path) -> Option<Inputs> {
    let mut files = sources(&build.artefact)?;
    let mut variables = BTreeSet::new();
    let packages = packages(build, &files)?;
    for package in packages.keys() {
        // A build script that appears is found by its name.
        files.extend(["Cargo.toml", "build.rs"].map(|name| package.join(name)));
    }
    files.extend(["Cargo.toml", "Cargo.lock"].map(|name| build.root.join(name)));
    files.extend(build.files.iter().cloned());
    told_by_build_scripts(build, &packages, &mut files, &mut variables)?;
    variables_of_crates(build, &mut variables);
    configurations(build, &mut files)?;
    let mut programs = BTreeMap::new();
    for name in ["cargo", "rustc"]
        .into_iter()
        .chain(build.programs.iter().map(String::as_str))
    {
        let program = in_path(name, build);
        files.extend(program.clone());
        programs.insert(name.to_owned(), program);
    }
    compiler(build, programs["rustc"].as_deref()?, sysroot, &mut files)?;
    Some(Inputs {
        files,
        variables,
        programs,
    })
}

/// The files that cargo's dep-info names: `artefact: file file …`, a space in a name as `\ `.
fn sources(artefact: &Path) -> Option<BTreeSet<PathBuf>> {
    let text = fs::read_to_string(artefact.with_extension("d")).ok()?;
    let (_, files) = text.lines().next()?.split_once(": ")?;
    let files = files.replace("\\ ", "\0");
    let mut named = BTreeSet::new();
    for file in files.split_ascii_whitespace() {
        with_entries(&PathBuf::from(file.replace('\0', " ")), &mut named)?;
    }
    Some(named)
}

/// A file, or a folder with all that is in it. A relative path is relative to something unknown.
fn with_entries(path: &Path, into: &mut BTreeSet<PathBuf>) -> Option<()> {
    if !path.is_absolute() {
        return None;
    }
    into.insert(path.to_owned());
    if path.is_dir() {
        for entry in fs::read_dir(path).ok()? {
            with_entries(&entry.ok()?.path(), into)?;
        }
    }
    Some(())
}

/// Packages: their folders and names.
type Packages = BTreeMap<PathBuf, String>;

/// The workspace's members and the packages that the sources belong to.
fn packages(build: &Build, sources: &BTreeSet<PathBuf>) -> Option<Packages> {
    let mut folders = BTreeSet::new();
    if let Some(workspace) = manifest(&build.root)?.get("workspace") {
        let members = workspace.get("members").and_then(toml::Value::as_array);
        for member in members.into_iter().flatten() {
            let member = member
                .as_str()
                .filter(|name| !name.contains(['*', '?', '[']))?;
            folders.insert(build.root.join(member));
        }
    }
    for source in sources {
        let folder = source
            .ancestors()
            .skip(1)
            .find(|folder| folder.join("Cargo.toml").is_file())?;
        folders.insert(folder.to_owned());
    }
    let named = folders.into_iter().map(|folder| {
        // The workspace's own manifest may be of no package: a platform file lies only in that.
        let manifest = manifest(&folder)?;
        let name = manifest
            .get("package")
            .and_then(|package| package.get("name"));
        let name = name.and_then(toml::Value::as_str).unwrap_or_default();
        Some((folder, name.to_owned()))
    });
    named.collect()
}

fn manifest(folder: &Path) -> Option<toml::Table> {
    let text = fs::read_to_string(folder.join("Cargo.toml")).ok()?;
    text.parse().ok()
}

/// What build scripts want to be run again for. Cargo resolves relative files against the package, so
/// those of the packages here are in the dep-info, and a registry's do not change.
fn told_by_build_scripts(
    build: &Build,
    packages: &Packages,
    files: &mut BTreeSet<PathBuf>,
    variables: &mut BTreeSet<String>,
) -> Option<()> {
    for folder in profile_folders(build).map(|folder| folder.join("build")) {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let script = entry.ok()?.path();
            let Ok(output) = fs::read_to_string(script.join("output")) else {
                continue; // the program's folder, not that of what it said
            };
            let mut named_files = false;
            for line in output.lines() {
                let line = line
                    .trim_start_matches("cargo::")
                    .trim_start_matches("cargo:");
                if let Some(file) = line.strip_prefix("rerun-if-changed=") {
                    named_files = true;
                    if Path::new(file).is_absolute() {
                        with_entries(Path::new(file), files)?;
                    }
                } else if let Some(name) = line.strip_prefix("rerun-if-env-changed=") {
                    named_files = true;
                    variables.insert(name.to_owned());
                }
            }
            // Who names nothing is run again for any file of the package.
            let name = script.file_name()?.to_str()?.rsplit_once('-')?.0;
            let ours = packages.values().any(|package| package == name);
            if ours && !named_files {
                return None;
            }
        }
    }
    Some(())
}

/// Where cargo keeps what it built for an artefact, for its target and for the host.
fn profile_folders(build: &Build) -> impl Iterator<Item = PathBuf> {
    let own = build.artefact.parent().map(Path::to_owned);
    let host = own
        .as_ref()
        .filter(|_| build.triple.is_some())
        .and_then(|own| {
            let profile = own.file_name()?;
            Some(own.parent()?.parent()?.join(profile))
        });
    own.into_iter().chain(host)
}

/// Variables that crates were compiled with (`env!`, `option_env!`).
fn variables_of_crates(build: &Build, variables: &mut BTreeSet<String>) {
    for folder in profile_folders(build).map(|folder| folder.join("deps")) {
        let files = fs::read_dir(folder).into_iter().flatten().flatten();
        let infos = files.filter(|entry| entry.path().extension() == Some(OsStr::new("d")));
        for info in infos {
            let text = fs::read_to_string(info.path()).unwrap_or_default();
            let named = text
                .lines()
                .filter_map(|line| line.strip_prefix("# env-dep:"));
            let names = named.map(|named| named.split('=').next().unwrap_or(named));
            // What cargo sets for a crate says nothing about our environment.
            let names = names.filter(|name| !name.starts_with("CARGO_") && *name != "OUT_DIR");
            variables.extend(names.map(str::to_owned));
        }
    }
}

/// Cargo's configuration: here, in the folders above, in its home.
fn configurations(build: &Build, files: &mut BTreeSet<PathBuf>) -> Option<()> {
    let above = build.root.ancestors().map(|folder| folder.join(".cargo"));
    for folder in above.chain([home(build, "CARGO_HOME", ".cargo")?]) {
        for name in ["config.toml", "config"] {
            let file = folder.join(name);
            match fs::read_to_string(&file) {
                Ok(text) => understood(&text)?,
                Err(error) if super::is_absent(&error) => {}
                Err(_) => return None,
            }
            files.insert(file);
        }
    }
    Some(())
}

/// Whether a configuration names no other file, no compiler of its own and no place of its own for
/// what is between the sources and the artefact.
fn understood(text: &str) -> Option<()> {
    let config: toml::Table = text.parse().ok()?;
    let build = config.get("build");
    let own = |key| build.is_some_and(|build| build.get(key).is_some());
    let unknown = config.contains_key("include") || own("rustc") || own("build-dir");
    (!unknown).then_some(())
}

fn home(build: &Build, variable: &str, usual: &str) -> Option<PathBuf> {
    let get = |name: &str| {
        build
            .environment
            .get(OsStr::new(name))
            .filter(|v| !v.is_empty())
    };
    match get(variable) {
        Some(given) => Some(build.root.join(given)),
        None => Some(Path::new(get("HOME")?).join(usual)),
    }
}

/// What decides which compiler `rustc` is, and that compiler with what it has for the target.
fn compiler(
    build: &Build,
    rustc: &Path,
    sysroot: &Path,
    files: &mut BTreeSet<PathBuf>,
) -> Option<()> {
    const ELSEWHERE: [&str; 3] = ["RUSTC", "CARGO_BUILD_RUSTC", "CARGO_BUILD_BUILD_DIR"];
    let set = |name: &&str| build.environment.contains_key(OsStr::new(name));
    if ELSEWHERE.iter().any(set) {
        return None;
    }
    let real = fs::canonicalize(rustc).ok()?;
    let own = sysroot.join("bin/rustc");
    if real.file_name()?.to_str()?.starts_with("rustup") {
        let rustup = home(build, "RUSTUP_HOME", ".rustup")?;
        // The folder's own time changes when a toolchain is linked to another place.
        files.extend(["settings.toml", "toolchains"].map(|name| rustup.join(name)));
        for folder in build.root.ancestors() {
            files.extend(["rust-toolchain.toml", "rust-toolchain"].map(|name| folder.join(name)));
        }
    } else if real != fs::canonicalize(&own).ok()? {
        return None; // a wrapper: what it starts depends on what is not known here
    }
    let rustlib = sysroot.join("lib/rustlib");
    let sources = rustlib.join("src");
    files.extend([own, sources.join("rust/library/Cargo.lock"), sources]);
    let triple = build
        .triple
        .iter()
        .map(|triple| rustlib.join(triple).join("lib"));
    files.extend(triple);
    files.insert(rustlib);
    Some(())
}
