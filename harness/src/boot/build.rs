//! Builds the hypervisor and its guests with cargo, for a bare-metal target.
//!
//! Both are built at the same time, and every pair of program and architecture has a target folder
//! of its own (`target/<package>/<arch>`): the platform file reaches crates that cargo builds for the
//! host too, so that in one folder each build would invalidate the one before.
//! The platform file is named by `AX_CONFIG_PATH` where it is, so that cargo rebuilds only what
//! changed. `RUSTC_BOOTSTRAP` is set for these builds only.

use crate::config::machine::Machine;
use crate::error::Error;
use crate::machine::process_group::{self, Group};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::time::Instant;

/// A build that takes longer than this is shown.
const QUIET: Duration = Duration::from_secs(1);

/// Something that cargo builds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The hypervisor.
    Hypervisor,
    /// A program of `gkernel/`.
    Guest(String),
}

impl Target {
    fn package(&self) -> &str {
        match self {
            Target::Hypervisor => "hypervisor",
            Target::Guest(_) => "gkernel",
        }
    }

    fn program(&self) -> &str {
        match self {
            Target::Hypervisor => "hypervisor",
            Target::Guest(name) => name,
        }
    }

    fn axconfig<'m>(&self, machine: &'m Machine) -> Option<&'m Path> {
        match self {
            Target::Hypervisor => Some(&machine.build.axconfig),
            Target::Guest(_) => machine.build.guest_axconfig.as_deref(),
        }
    }
}

/// Builds some targets at the same time; the ELF files, in their order.
pub async fn build(
    root: &Path,
    machine: &Machine,
    targets: &[Target],
) -> Result<Vec<PathBuf>, Error> {
    if targets.is_empty() {
        return Ok(Vec::new());
    }
    let std_flags = core(root, &machine.build.target).await?.flags();
    let mut running = tokio::task::JoinSet::new();
    for (index, target) in targets.iter().enumerate() {
        if let Some(file) = target.axconfig(machine).filter(|file| !file.is_file()) {
            return Err(Error::infrastructure(
                format!("the platform file {} does not exist", file.display()),
                "check [build] in the machine file",
            ));
        }
        let command = command(root, machine, target, std_flags);
        let label = format!("{} for {}", target.program(), machine.arch);
        running.spawn(async move { (index, cargo(command, label).await) });
    }
    // The first failure ends the others: dropping the set kills them.
    while let Some(joined) = running.join_next().await {
        let (_, result) = joined.expect("a build task does not panic");
        result?;
    }
    Ok(targets
        .iter()
        .map(|target| elf_path(root, machine, target))
        .collect())
}

fn target_dir(root: &Path, machine: &Machine, target: &Target) -> PathBuf {
    root.join("target")
        .join(target.package())
        .join(machine.arch.name())
}

fn elf_path(root: &Path, machine: &Machine, target: &Target) -> PathBuf {
    target_dir(root, machine, target)
        .join(&machine.build.target)
        .join("image")
        .join(target.program())
}

fn command(root: &Path, machine: &Machine, target: &Target, std_flags: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command
        .current_dir(root)
        .args(["build", "--profile", "image", "--target"]);
    command.args([machine.build.target.as_str(), "--package", target.package()]);
    command.args(["--bin", target.program(), "--target-dir"]);
    command.arg(target_dir(root, machine, target));
    command.args(std_flags);
    // What an outer `cargo run` or `cargo test` sets is about the harness, not about these builds.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let about_outer = text.starts_with("CARGO_") && !is_users_own(&text)
            || matches!(
                &*text,
                "CARGO" | "OUT_DIR" | "RUSTFLAGS" | "RUSTC_WORKSPACE_WRAPPER"
            );
        if about_outer {
            command.env_remove(&name);
        }
    }
    command.env("RUSTC_BOOTSTRAP", "1");
    match target.axconfig(machine) {
        Some(file) => command.env("AX_CONFIG_PATH", file),
        None => command.env_remove("AX_CONFIG_PATH"),
    };
    command
}

/// Cargo's variables that say how to reach things, not what to build.
fn is_users_own(name: &str) -> bool {
    const KEPT: [&str; 5] = [
        "CARGO_HOME",
        "CARGO_NET_",
        "CARGO_HTTP_",
        "CARGO_REGISTR",
        "CARGO_SOURCE_",
    ];
    KEPT.iter().any(|kept| name.starts_with(kept)) || name == "CARGO_TERM_COLOR"
}

/// Where `core` and `alloc` come from for a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Core {
    /// The target is installed.
    Installed,
    /// They are built from the source that comes with the toolchain.
    Source,
}

impl Core {
    fn flags(self) -> &'static [&'static str] {
        match self {
            Core::Installed => &[],
            Core::Source => &[
                "-Zbuild-std=core,alloc",
                "-Zbuild-std-features=compiler-builtins-mem",
            ],
        }
    }
}

/// How cargo gets `core` and `alloc` for a target.
pub async fn core(root: &Path, target: &str) -> Result<Core, Error> {
    let hint = "run ./x setup, which installs the toolchain, its targets and QEMU";
    let output = Command::new("rustc")
        .args(["--print", "sysroot"])
        .current_dir(root)
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|e| Error::infrastructure(format!("rustc could not be started: {e}"), hint))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Error::infrastructure(
            format!("rustc does not work: {}", said.trim()),
            hint,
        ));
    }
    let sysroot = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    let rustlib = sysroot.join("lib/rustlib");
    if rustlib.join(target).join("lib").is_dir() {
        Ok(Core::Installed)
    } else if rustlib.join("src/rust/library/core").is_dir() {
        Ok(Core::Source)
    } else {
        Err(Error::infrastructure(
            format!("the toolchain has neither the target {target} nor the source of core"),
            hint,
        ))
    }
}

/// Runs cargo; its output is shown once it takes long, and if it fails.
async fn cargo(mut command: Command, label: String) -> Result<(), Error> {
    let hint = "see cargo's messages above";
    // In a group of its own: its compilers are to end with it.
    process_group::lead(&mut command, Vec::new());
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| {
            Error::infrastructure(format!("cargo could not be started: {e}"), "run ./x setup")
        })?;
    let group = Group::led_by(&child);
    let mut lines = BufReader::new(child.stderr.take().expect("stderr is piped")).lines();
    let mut held: Vec<String> = Vec::new();
    let show_from = Instant::now() + QUIET;
    let mut shown = false;
    loop {
        let line = tokio::select! {
            line = lines.next_line() => line.ok().flatten(),
            () = tokio::time::sleep_until(show_from), if !shown => {
                tell(&format!("building {label} ..."));
                held.drain(..).for_each(|line| show(&label, &line));
                shown = true;
                continue;
            }
        };
        match line {
            // The two builds take turns at cargo's own bookkeeping; that is no news.
            Some(line) if line.contains("file lock on package cache") => {}
            Some(line) if shown => show(&label, &line),
            Some(line) => held.push(line),
            None => break,
        }
    }
    let status = child
        .wait()
        .await
        .map_err(|e| Error::infrastructure(e.to_string(), hint))?;
    group.release();
    if status.success() {
        return Ok(());
    }
    held.iter().for_each(|line| show(&label, line));
    Err(Error::infrastructure(
        format!("the build of {label} failed ({status})"),
        hint,
    ))
}

fn show(label: &str, line: &str) {
    let program = label.split(' ').next().unwrap_or(label);
    tell(&format!("  {program}: {line}"));
}

/// Says something on stderr, if anybody still listens there.
fn tell(line: &str) {
    let _ = writeln!(anstream::stderr(), "{line}");
}
