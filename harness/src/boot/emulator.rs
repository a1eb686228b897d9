//! Whether QEMU is there, before anything is built for it or started.

use super::freshness;
use crate::config::machine::{Machine, Origin};
use crate::error::Error;
use crate::project::Project;
use crate::suggest;
use std::path::Path;

/// QEMU's programs, and Debian's packages that have them.
const PACKAGES: [(&str, &str); 3] = [
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("qemu-system-aarch64", "qemu-system-arm"),
    ("qemu-system-riscv64", "qemu-system-misc"),
];

/// Whether the machine's program is there.
///
/// # Errors
///
/// It is not, with what to do: install a package, or correct the machine's file if that is the user's own.
pub fn check(project: &Project, machine: &Machine) -> Result<(), Error> {
    let program = &machine.qemu.program;
    // Without PATH the system looks where it likes.
    if std::env::var_os("PATH").is_none()
        || freshness::program(program).is_some_and(|file| file.exists())
    {
        return Ok(());
    }
    let shown = program.display();
    let place = &machine.written.program;
    let is_own = machine.origins.iter().any(|origin| match origin {
        Origin::File(file) => place.is_in(file) && !project.is_own_machine(file),
        Origin::BuiltIn(_) => false,
    });
    if !is_own {
        let what = format!("{shown} is not installed");
        return Err(Error::infrastructure(what, to_install(project, program)));
    }
    let name = program.to_string_lossy();
    let programs = PACKAGES.map(|(program, _)| program);
    let known = programs.contains(&&*name);
    let meant = suggest::nearest(&name, &programs).filter(|_| !known);
    let instead = meant.map_or(String::new(), |meant| format!(", such as {meant}"));
    let hint = match known {
        true => to_install(project, program),
        false => format!("name a program that is there, in PATH or by its path{instead}"),
    };
    Err(Error::infrastructure(
        format!("{place}: key `program`: {shown} is not installed"),
        hint,
    ))
}

/// How a QEMU is installed.
pub fn to_install(project: &Project, program: &Path) -> String {
    let name = program.file_name().unwrap_or_default();
    let package = PACKAGES.iter().find(|(program, _)| name == *program);
    let by_hand = package.map_or_else(
        || "install the QEMU that has this program".to_owned(),
        |(_, package)| {
            format!("install it with your package manager (Debian: apt install {package})")
        },
    );
    match project.is_workspace() {
        true => format!("run ./x setup, or {by_hand}"),
        false => by_hand,
    }
}
