//! The files of the hypervisor in which mutants are made.

use super::site::{self, Site};
use super::{assembly, rust};
use crate::arch::Arch;
use crate::error::{ConfigError, Error, Excerpt};
use crate::files;
use std::path::{Path, PathBuf};

/// Where the thing under test is.
const FOLDER: &str = "hypervisor/src";

/// Files, by the folder and the name, that neither confine nor switch nor bound anything by themselves, and
/// why. Every other one is looked at.
const APART: [(&str, &str); 36] = [
    ("/boot.rs", "brings the parts together"),
    ("/error.rs", "words"),
    ("/lib.rs", "modules"),
    ("/main.rs", "the entry"),
    ("arch/mod.rs", "modules"),
    ("aarch64/mod.rs", "modules"),
    ("riscv64/mod.rs", "modules"),
    ("x86_64/mod.rs", "modules"),
    ("aarch64/layout.rs", "what a guest gets"),
    ("riscv64/layout.rs", "what a guest gets"),
    ("x86_64/layout.rs", "what a guest gets"),
    ("aarch64/calls.rs", "decodes calls"),
    ("riscv64/calls.rs", "decodes calls"),
    ("x86_64/calls.rs", "decodes calls"),
    ("aarch64/access.rs", "decodes accesses"),
    ("riscv64/access.rs", "decodes accesses"),
    ("x86_64/access.rs", "decodes accesses"),
    ("x86_64/instruction.rs", "decodes accesses"),
    ("aarch64/decode.rs", "decodes exits"),
    ("riscv64/decode.rs", "decodes exits"),
    ("x86_64/decode.rs", "decodes exits"),
    ("aarch64/exception.rs", "makes exceptions for the guest"),
    ("x86_64/event.rs", "makes exceptions for the guest"),
    ("devices/pl011.rs", "a device's own registers"),
    ("devices/uart16550.rs", "a device's own registers"),
    ("aarch64/reenter.rs", "an instrument of the suite"),
    ("riscv64/reenter.rs", "an instrument of the suite"),
    ("x86_64/reenter.rs", "an instrument of the suite"),
    ("aarch64/untidy.rs", "an instrument of the suite"),
    ("riscv64/untidy.rs", "an instrument of the suite"),
    ("memory/mod.rs", "modules"),
    ("memory/canary.rs", "an instrument of the suite"),
    ("loader/mod.rs", "modules"),
    (
        "vm/",
        "traits and data; the budgets and the run loop are looked at",
    ),
    ("report/", "prints"),
    ("/tests", "tests"),
];

/// The files of `vm/` that are looked at.
const OF_VM: [&str; 2] = ["vm/budget.rs", "vm/run.rs"];

/// All sites of a workspace, in the order of the files' names.
pub fn sites(root: &Path) -> Result<Vec<Site>, Error> {
    let mut sites = Vec::new();
    for file in sources(root)? {
        let path = root.join(&file);
        let text =
            files::read_text(&path).map_err(|e| wrong(&path, format!("cannot be read: {e}")))?;
        sites.extend(of_file(&file, &text).map_err(|message| wrong(&path, message))?);
    }
    Ok(sites)
}

fn of_file(file: &Path, text: &str) -> Result<Vec<Site>, String> {
    let folder = file.parent().and_then(Path::file_name);
    let arch: Option<Arch> = folder.and_then(|folder| folder.to_str()?.parse().ok());
    let (items, found) = match arch {
        Some(arch) if file.extension().is_some_and(|ext| ext == "S") => assembly::find(text, arch),
        arch => rust::find(text, arch)?,
    };
    Ok(site::named(file, text, &items, found))
}

/// The files that are looked at, relative to the workspace, sorted.
fn sources(root: &Path) -> Result<Vec<PathBuf>, Error> {
    let (mut found, mut folders) = (Vec::new(), vec![root.join(FOLDER)]);
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).map_err(|e| Error::io("read", &folder, &e))?;
        for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(file) = path.strip_prefix(root)
                && is_looked_at(file)
            {
                found.push(file.to_owned());
            }
        }
    }
    found.sort();
    Ok(found)
}

fn is_looked_at(file: &Path) -> bool {
    let name = file.to_string_lossy();
    let inside = name.strip_prefix(FOLDER).unwrap_or(&name);
    // The crate's own files have no folder: `/lib.rs`.
    let apart = |part: &str| match part.strip_prefix('/') {
        Some(own) if own.ends_with(".rs") => inside == part,
        _ => inside.contains(part),
    };
    let named = OF_VM.iter().any(|file| inside.ends_with(file));
    let source = inside.ends_with(".rs") || inside.ends_with(".S");
    source && (named || !APART.iter().any(|(part, _)| apart(part)))
}

fn wrong(file: &Path, message: String) -> Error {
    let file = file.to_owned();
    ConfigError {
        file,
        line: 0,
        key: None,
        message,
        excerpt: Excerpt::default(),
    }
    .into()
}
