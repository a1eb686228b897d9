//! Where machine files are, and what extends what.

use super::{Layer, raw};
use crate::config::Source;
use crate::error::{ConfigError, Error};
use crate::project::Project;
use crate::suggest;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The machine files that are built in, by name.
pub const BUILT_IN: [(&str, &str); 5] = [
    ("riscv64", include_str!("../../../built-in/riscv64.toml")),
    ("aarch64", include_str!("../../../built-in/aarch64.toml")),
    (
        "aarch64-el1",
        include_str!("../../../built-in/aarch64-el1.toml"),
    ),
    ("x86_64", include_str!("../../../built-in/x86_64.toml")),
    (
        "x86_64-seabios",
        include_str!("../../../built-in/x86_64-seabios.toml"),
    ),
];

/// Where a machine is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// In a file.
    File(PathBuf),
    /// In the harness's program, under this name.
    BuiltIn(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::BuiltIn(name) => write!(f, "{name} (built in)"),
        }
    }
}

/// A machine file that is there.
pub struct Found {
    pub origin: Origin,
    pub source: Arc<Source>,
}

impl Found {
    fn read(origin: Origin) -> Result<Self, ConfigError> {
        let source = match &origin {
            Origin::File(path) => Source::read(path)?,
            Origin::BuiltIn(name) => {
                let text = BUILT_IN.iter().find(|(built_in, _)| built_in == name);
                let text = text.map_or("", |(_, text)| text);
                Source::from_text(format!("{name}.toml (built in)"), text)
            }
        };
        let source = Arc::new(source);
        Ok(Self { origin, source })
    }

    /// The machine's name: that of its file, without the ending.
    pub fn name(&self) -> String {
        match &self.origin {
            Origin::File(path) => {
                let stem = path.file_stem().unwrap_or_default();
                stem.to_string_lossy().into_owned()
            }
            Origin::BuiltIn(name) => (*name).to_owned(),
        }
    }

    /// The folder that paths in it are seen from. What is built in names no files.
    fn folder(&self) -> PathBuf {
        match &self.origin {
            Origin::File(path) => {
                let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
                path.parent().unwrap_or(Path::new("/")).to_owned()
            }
            Origin::BuiltIn(_) => PathBuf::new(),
        }
    }
}

/// Finds what `--machine` names.
pub fn found(project: &Project, name_or_file: &OsStr) -> Result<Found, Error> {
    if is_path(name_or_file) {
        return Ok(Found::read(Origin::File(name_or_file.into()))?);
    }
    match places(project, name_or_file).into_iter().next() {
        Some(origin) => Ok(Found::read(origin)?),
        None => {
            let name = name_or_file.to_string_lossy();
            let instead = suggest::beside(&name);
            let instead = instead.unwrap_or_else(|| suggest::instead(&name, &names(project)));
            Err(Error::Usage(format!("no machine `{name}`; {instead}")))
        }
    }
}

/// What a file says over what it extends, and over what that extends; and where all of it is written.
pub fn chain(project: &Project, first: Found) -> Result<(Layer, Vec<Origin>), ConfigError> {
    let mut origins = Vec::new();
    let mut layers = Vec::new();
    let mut next = Some(first);
    while let Some(found) = next.take() {
        let source = &found.source;
        let raw: raw::Machine = source.parse()?;
        origins.push(found.origin.clone());
        if let Some(extends) = &raw.extends {
            let name = OsStr::new(extends.get_ref());
            let candidates = if is_path(name) {
                vec![Origin::File(found.folder().join(name))]
            } else {
                places(project, name)
            };
            // A file of one's own may have the name of the one that it extends.
            let is_new = |origin: &&Origin| !origins.iter().any(|seen| same(seen, origin));
            next = match candidates.iter().find(is_new) {
                Some(origin) => Some(
                    Found::read(origin.clone())
                        .map_err(|error| source.bad_value("extends", extends, error.to_string()))?,
                ),
                None => {
                    let message = if candidates.is_empty() {
                        let instead = suggest::instead(extends.get_ref(), &names(project));
                        format!("there is no such machine; {instead}")
                    } else {
                        let mut circle: Vec<_> = origins.iter().map(Origin::to_string).collect();
                        circle.push(candidates[0].to_string());
                        format!("goes in a circle: {}", circle.join(" -> "))
                    };
                    return Err(source.bad_value("extends", extends, message));
                }
            };
        }
        layers.push(raw.layer(source, &found.folder())?);
    }
    let over = |base: Layer, layer: Layer| layer.over(base);
    let layer = layers.into_iter().rev().reduce(over).unwrap_or_default();
    Ok((layer, origins))
}

/// The names of all machines, sorted.
pub fn names(project: &Project) -> Vec<String> {
    let mut names: BTreeSet<_> = BUILT_IN
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    names.extend(project.machine_names());
    names.into_iter().collect()
}

/// Where a machine of a name is written, the place that counts first.
fn places(project: &Project, name: &OsStr) -> Vec<Origin> {
    let files = project.machine_files(name);
    // Whatever lies there, if it cannot be read that is said.
    let is_there = |path: &PathBuf| path.symlink_metadata().is_ok();
    let files = files.into_iter().filter(is_there).map(Origin::File);
    let built_in = BUILT_IN.iter().filter(|(built_in, _)| name == *built_in);
    files
        .chain(built_in.map(|(name, _)| Origin::BuiltIn(name)))
        .collect()
}

/// Whether a word means a file, and not a name.
pub fn is_path(name_or_file: &OsStr) -> bool {
    let bytes = name_or_file.as_encoded_bytes();
    bytes.contains(&b'/') || bytes.ends_with(b".toml")
}

fn same(one: &Origin, other: &Origin) -> bool {
    match (one, other) {
        (Origin::File(one), Origin::File(other)) => {
            let real = |path: &Path| path.canonicalize();
            one == other || real(one).is_ok_and(|one| real(other).is_ok_and(|other| one == other))
        }
        _ => one == other,
    }
}
