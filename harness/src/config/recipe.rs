//! `configs/build.toml`: how this workspace builds its own hypervisor and guests, an architecture a
//! table. No machine needs it.

use super::Source;
use crate::arch::Arch;
use crate::error::{ConfigError, Error};
use crate::project::Project;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// How the programs for an architecture are built.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// The architecture.
    pub arch: Arch,
    /// The target triple.
    pub target: String,
    /// The hypervisor's platform file.
    pub axconfig: PathBuf,
    /// The guest's platform file, when the guest is an ArceOS program.
    pub guest_axconfig: Option<PathBuf>,
    /// The mode in which the hypervisor runs a guest if its disk names none.
    pub mode: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Raw {
    target: String,
    axconfig: PathBuf,
    guest_axconfig: Option<PathBuf>,
    mode: Option<String>,
}

impl Recipe {
    /// Reads the workspace's file. Its paths are seen from its own folder.
    ///
    /// # Errors
    ///
    /// There is no such file, it is not right, or it has no table for the architecture.
    pub fn load(project: &Project, arch: Arch) -> Result<Self, Error> {
        let path = project.recipe();
        if path.symlink_metadata().is_err() {
            return Err(Error::Usage(format!(
                "there is nothing to build here, since {} does not exist; name what is to be booted \
                 (--hypervisor FILE, Request::hypervisor), and a guest (--guest FILE, Request::guest)",
                path.display()
            )));
        }
        let source = Source::read(&path)?;
        let mut tables: BTreeMap<Arch, Raw> = source.parse()?;
        let Some(raw) = tables.remove(&arch) else {
            return Err(no_table(&source, arch).into());
        };
        let folder = path.parent().unwrap_or(project.folder());
        Ok(Self {
            arch,
            target: raw.target,
            axconfig: folder.join(raw.axconfig),
            guest_axconfig: raw.guest_axconfig.map(|file| folder.join(file)),
            mode: raw.mode,
        })
    }
}

fn no_table(source: &Source, arch: Arch) -> ConfigError {
    let message = format!("has no table [{arch}], with target = \"…\" and axconfig = \"…\"");
    source.error(0..0, None, message)
}
