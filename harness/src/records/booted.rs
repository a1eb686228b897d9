//! What a run booted, and what it was asked to be: `run.json`.

use super::asked::Asked;
use super::version::lossy;
use crate::arch::Arch;
use crate::config::accel::Accelerator;
use crate::config::machine::{Machine, Origin};
use crate::project::Project;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What was booted, for [`BOOTED`](super::BOOTED).
#[derive(Debug, Serialize, Deserialize)]
pub struct Booted {
    /// The version of the records.
    #[serde(default)]
    pub version: u32,
    /// The harness's version.
    pub harness: String,
    /// The architecture.
    pub arch: Arch,
    /// The machine.
    #[serde(default)]
    pub machine: Option<MachineUsed>,
    /// What the machine ran with, once QEMU has said so.
    #[serde(default)]
    pub accelerator: Option<Accelerator>,
    /// The scenario.
    pub scenario: String,
    /// What the run was asked to be; none in records of earlier harnesses.
    #[serde(default)]
    pub asked: Option<Asked>,
    /// The nonce that only the hypervisor could know.
    pub nonce: String,
    /// The hypervisor.
    pub hypervisor: Hashed,
    /// The guest, if there was one.
    pub guest: Option<Hashed>,
    /// The guest after it, if there was one.
    pub second: Option<Hashed>,
    /// The contents of the flash, if there was one.
    #[serde(default)]
    pub flash: Option<Hashed>,
    /// The firmware, if the machine file names candidates; otherwise QEMU chose its own.
    #[serde(default)]
    pub firmware: Option<Hashed>,
}

impl Booted {
    /// The command that boots the same again in its project, if one can.
    pub fn again(&self, project: &Project) -> Option<String> {
        self.asked.as_ref()?.command(project.program())
    }
}

/// Which machine it was.
#[derive(Debug, Serialize, Deserialize)]
pub struct MachineUsed {
    /// Its name.
    pub name: String,
    /// Where it is defined, followed by what it extends: files, or names of built-in machines.
    pub files: Vec<String>,
}

impl MachineUsed {
    /// Of a machine.
    pub fn of(machine: &Machine) -> Self {
        let whole = |origin: &Origin| match origin {
            Origin::File(path) => std::path::absolute(path).map_or_else(
                |_| path.display().to_string(),
                |path| path.display().to_string(),
            ),
            Origin::BuiltIn(_) => origin.to_string(),
        };
        Self {
            name: machine.name.clone(),
            files: machine.origins.iter().map(whole).collect(),
        }
    }
}

/// A file, and the hash of its contents.
#[derive(Debug, Serialize, Deserialize)]
pub struct Hashed {
    /// The file.
    #[serde(serialize_with = "lossy")]
    pub file: PathBuf,
    /// The hash.
    pub sha256: String,
}
