//! `harness doctor`: lists everything that a run needs, and says what is missing.

use crate::arch::Arch;
use crate::boot::build::{self, Core};
use crate::boot::emulator;
use crate::config::machine::{self, Machine};
use crate::config::recipe::Recipe;
use crate::error::Error;
use crate::machine::ask::{self, ask, version};
use crate::machine::firmware_image;
use crate::project::Project;
use crate::shown;
use serde::Serialize;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// What to do about anything that is missing.
const SETUP: &str = "run ./x setup, which installs what is missing or says how to";

/// Something that a run needs.
#[derive(Debug, Clone, Serialize)]
pub struct Check {
    /// What.
    pub what: String,
    /// Whether it is there.
    pub ok: bool,
    /// What was found, or what is wrong.
    pub found: String,
    /// What to do about it, if it is not there.
    pub hint: Option<String>,
}

impl Check {
    fn new(what: impl Into<String>, found: Result<String, Error>) -> Self {
        let what = what.into();
        match found {
            Ok(found) => Self {
                what,
                ok: true,
                found,
                hint: None,
            },
            Err(error) => {
                let (found, hint) = match error {
                    Error::Infrastructure { what, hint } => (what, hint),
                    other => (
                        shown::paragraph(&other.to_string()),
                        "correct the file".to_owned(),
                    ),
                };
                Self {
                    what,
                    ok: false,
                    found,
                    hint: Some(hint),
                }
            }
        }
    }

    /// Prints it as one line, and a second one if there is something to do.
    pub fn human(&self) -> String {
        let word = if self.ok { "ok" } else { "MISSING" };
        let mut out = format!("{word:<8} {:<24} {}", self.what, self.found);
        if let Some(hint) = &self.hint {
            out += &format!("\n{:<8} {:<24} what to do: {hint}", "", "");
        }
        out
    }
}

/// Checks everything that a machine needs, or every machine, or every one of an architecture. In a workspace this
/// includes what its own programs need to be built.
pub async fn examine(project: &Project, machine: Option<&OsStr>, arch: Option<Arch>) -> Vec<Check> {
    let mut checks = Vec::new();
    if project.is_workspace() {
        checks.push(Check::new("rustc", compiler(project).await));
        let cargo = version_line(project, Path::new("cargo"), SETUP).await;
        checks.push(Check::new("cargo", cargo));
        checks.push(Check::new("target folder", target(project)));
        for arch in Arch::ALL
            .into_iter()
            .filter(|one| arch.is_none_or(|arch| arch == *one))
        {
            let core = core(project, arch).await;
            checks.push(Check::new(format!("{arch}: core"), core));
        }
    } else {
        checks.push(Check::new("folder for records", writable(project.folder())));
    }
    let names = match machine {
        Some(name) => vec![name.to_owned()],
        None => machine::names(project)
            .into_iter()
            .map(Into::into)
            .collect(),
    };
    let mut missing: Vec<(PathBuf, usize)> = Vec::new();
    for name in names {
        match Machine::named(project, &name) {
            // A machine that is named is looked at, whatever it is of.
            Ok(of) if machine.is_none() && arch.is_some_and(|arch| arch != of.arch) => {}
            Ok(of) => match emulator::check(project, &of) {
                Ok(()) => checks.extend(machine_checks(project, &of).await),
                // Once is enough, for all machines that it is for.
                Err(error) => {
                    let program = &of.qemu.program;
                    match missing.iter().find(|(known, _)| known == program) {
                        Some((_, at)) => {
                            let check: &mut Check = &mut checks[*at];
                            check.what = format!("{}, {}", check.what, of.name);
                        }
                        None => {
                            missing.push((program.clone(), checks.len()));
                            checks.push(Check::new(format!("QEMU for {}", of.name), Err(error)));
                        }
                    }
                }
            },
            Err(error) => {
                let name = name.to_string_lossy();
                let name = shown::line(&name);
                checks.push(Check::new(format!("{name}: machine"), Err(error)));
            }
        }
    }
    checks
}

/// Where the workspace's own programs get `core` from.
async fn core(project: &Project, arch: Arch) -> Result<String, Error> {
    let recipe = Recipe::load(project, arch)?;
    let found = match build::core(project, &recipe.target).await? {
        Core::Installed => "installed",
        Core::Source => "built from the toolchain's source",
    };
    Ok(found.to_owned())
}

async fn machine_checks(project: &Project, machine: &Machine) -> Vec<Check> {
    let Machine { name, qemu, .. } = machine;
    let emulator = emulator(project, machine).await;
    let mut checks = vec![Check::new(format!("{name}: QEMU"), emulator)];
    for own in [true, false] {
        let candidates = machine.firmware_for(own);
        if candidates.is_empty() || own && machine.own_firmware.is_empty() {
            continue; // QEMU is left to choose, or it is the same for both
        }
        let found =
            firmware_image::find(&qemu.program, qemu.oldest, &candidates, ask::PATIENCE).await;
        let found = found.map(|file| file.map_or(String::new(), |file| file.display().to_string()));
        let whose = if own { "own firmware" } else { "firmware" };
        checks.push(Check::new(format!("{name}: {whose}"), found));
    }
    checks
}

/// The compiler, which must be the pinned one: the images use its unstable features.
async fn compiler(project: &Project) -> Result<String, Error> {
    let found = version_line(project, Path::new("rustc"), SETUP).await?;
    let pin = std::fs::read_to_string(project.toolchain()).unwrap_or_default();
    let pinned = pin.lines().find_map(|line| {
        let (_, value) = line.trim().strip_prefix("channel")?.split_once('=')?;
        Some(value.trim().trim_matches('"').to_owned())
    });
    match pinned {
        Some(pinned) if found.split(' ').nth(1) != Some(&pinned) => Err(Error::infrastructure(
            format!("{found}, but {pinned} is pinned"),
            SETUP,
        )),
        _ => Ok(found),
    }
}

/// QEMU, whose version must be recent enough for the whole story.
async fn emulator(project: &Project, machine: &Machine) -> Result<String, Error> {
    let qemu = &machine.qemu;
    let hint = emulator::to_install(project, &qemu.program);
    let found = version_line(project, &qemu.program, &hint).await?;
    let (major, minor) = qemu.oldest;
    if version(&found).is_some_and(|version| version >= qemu.oldest) {
        return Ok(format!("{found} ({major}.{minor} or later)"));
    }
    Err(Error::infrastructure(
        format!("{found}, but it must be {major}.{minor} or later"),
        hint,
    ))
}

/// The first line of what a program says about its version.
async fn version_line(project: &Project, program: &Path, hint: &str) -> Result<String, Error> {
    let answer = ask(program, &["--version"], project.folder(), ask::PATIENCE).await?;
    match answer.first_line() {
        Some(line) if answer.status.success() => Ok(line),
        _ => {
            let (program, words) = (program.display(), answer.words());
            Err(Error::infrastructure(
                format!("{program} does not work ({}): {words}", answer.status),
                hint,
            ))
        }
    }
}

/// Whether builds and records can be written.
fn target(project: &Project) -> Result<String, Error> {
    let target = project.target();
    let _ = std::fs::create_dir_all(&target); // if it is not there, it cannot be written to
    writable(&target)
}

/// Whether a folder can be written to.
fn writable(folder: &Path) -> Result<String, Error> {
    match tempfile::tempfile_in(folder) {
        Ok(_) => Ok(folder.display().to_string()),
        Err(error) => Err(Error::infrastructure(
            format!("{} cannot be written to: {error}", folder.display()),
            "make it writable; recorded consoles can be judged without it, and what is built \
             already can be run with --hypervisor, --guest and --records",
        )),
    }
}
