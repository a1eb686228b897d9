//! Builds the hypervisor and its guests with cargo, for a bare-metal target.
//!
//! Both are built at the same time, and every pair of program and architecture has a target folder
//! of its own (`target/<package>/<arch>`): the platform file reaches crates that cargo builds for the
//! host too, so that in one folder each build would invalidate the one before.
//! The platform file is named by `AX_CONFIG_PATH` where it is, so that cargo rebuilds only what
//! changed. `RUSTC_BOOTSTRAP` is set for these builds only.
//!
//! Cargo is started only where something may have [changed](freshness) since the last build.

use super::cargo::{self, Progress};
use super::freshness::{self, Moment, Stamp};
use crate::config::recipe::Recipe;
use crate::error::Error;
use crate::machine::ask::{PATIENCE, ask};
use crate::project::Project;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tokio::process::Command;

/// What to do if the compiler is not the right one.
const SETUP: &str = "run ./x setup, which installs the toolchain, its targets and QEMU";

/// Something that cargo builds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The hypervisor.
    Hypervisor,
    /// A program of `gkernel/`.
    Guest(String),
}

impl Target {
    pub(super) fn package(&self) -> &str {
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

    fn axconfig<'m>(&self, recipe: &'m Recipe) -> Option<&'m Path> {
        match self {
            Target::Hypervisor => Some(&recipe.axconfig),
            Target::Guest(_) => recipe.guest_axconfig.as_deref(),
        }
    }
}

/// When cargo is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ask {
    /// Only where something may have changed.
    #[default]
    IfChanged,
    /// Always.
    Always,
    /// Not at all: what was built before is taken as it is.
    Never,
}

/// Builds some targets at the same time. Returns their ELF files, in the same order.
pub async fn build(
    project: &Project,
    recipe: &Recipe,
    targets: &[Target],
    ask: Ask,
    progress: &Progress,
) -> Result<Vec<PathBuf>, Error> {
    let stale = |target: &&Target| match ask {
        Ask::Always => true,
        Ask::IfChanged => !is_fresh(project, recipe, target),
        Ask::Never => false,
    };
    let stale: Vec<_> = targets.iter().filter(stale).collect();
    if !stale.is_empty() {
        ask_cargo(project, recipe, &stale, ask, progress).await?;
    }
    Ok(targets
        .iter()
        .map(|target| elf_path(project, recipe, target))
        .collect())
}

/// Whether cargo would certainly build the same again.
pub(super) fn is_fresh(project: &Project, recipe: &Recipe, target: &Target) -> bool {
    let Some(stamp) = Stamp::read(&elf_path(project, recipe, target)) else {
        return false;
    };
    Core::of(&stamp.sysroot, &recipe.target)
        .is_ok_and(|core| stamp.holds(&described(project, recipe, target, core)))
}

async fn ask_cargo(
    project: &Project,
    recipe: &Recipe,
    targets: &[&Target],
    ask: Ask,
    progress: &Progress,
) -> Result<(), Error> {
    let sysroot = sysroot(project).await?;
    let core = Core::of(&sysroot, &recipe.target)?;
    let mut running = tokio::task::JoinSet::new();
    for &target in targets {
        if let Some(file) = target.axconfig(recipe).filter(|file| !file.is_file()) {
            return Err(Error::infrastructure(
                format!("the platform file {} does not exist", file.display()),
                "check its name in configs/build.toml",
            ));
        }
        let command = command(project, recipe, target, core);
        let build = described(project, recipe, target, core);
        let label = format!("{} for {}", target.program(), recipe.arch);
        let (folder, sysroot) = (target_dir(project, recipe, target), sysroot.clone());
        let progress = progress.clone();
        running.spawn(async move {
            // Held until the stamp is written, so that it is of what this cargo built.
            let _alone = cargo::alone_in(&folder, &label, &progress).await?;
            let stamp = Stamp::read(&build.artefact).filter(|_| ask != Ask::Always);
            if stamp.is_some_and(|stamp| stamp.holds(&build)) {
                return Ok(()); // another one has built it meanwhile
            }
            let began = Moment::now(&folder)?;
            cargo::run(command, &label, &progress).await?;
            Stamp::record(&build, began, &sysroot, BTreeMap::new());
            Ok::<_, Error>(())
        });
    }
    // The first failure ends the others: dropping the set kills them.
    while let Some(joined) = running.join_next().await {
        joined.expect("a build task does not panic")?;
    }
    Ok(())
}

fn target_dir(project: &Project, recipe: &Recipe, target: &Target) -> PathBuf {
    project.target_of(target.package(), recipe.arch.name())
}

pub(super) fn elf_path(project: &Project, recipe: &Recipe, target: &Target) -> PathBuf {
    target_dir(project, recipe, target)
        .join(&recipe.target)
        .join("image")
        .join(target.program())
}

/// The build as its stamp describes it.
fn described(project: &Project, recipe: &Recipe, target: &Target, core: Core) -> freshness::Build {
    let command = command(project, recipe, target, core);
    let mut environment: BTreeMap<_, _> = std::env::vars_os().collect();
    for (name, value) in command.as_std().get_envs() {
        match value {
            Some(value) => environment.insert(name.to_owned(), value.to_owned()),
            None => environment.remove(name),
        };
    }
    freshness::Build {
        root: project.folder().to_owned(),
        artefact: elf_path(project, recipe, target),
        arguments: command.as_std().get_args().map(Into::into).collect(),
        environment,
        triple: Some(recipe.target.clone()),
        programs: Vec::new(),
        files: target
            .axconfig(recipe)
            .map(Path::to_owned)
            .into_iter()
            .collect(),
    }
}

fn command(project: &Project, recipe: &Recipe, target: &Target, core: Core) -> Command {
    let mut command = Command::new("cargo");
    command
        .current_dir(project.folder())
        .args(["build", "--profile", "image", "--target"]);
    command.args([recipe.target.as_str(), "--package", target.package()]);
    command.args(["--bin", target.program(), "--target-dir"]);
    command.arg(target_dir(project, recipe, target));
    command.args(core.flags());
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
    match target.axconfig(recipe) {
        Some(file) => command.env("AX_CONFIG_PATH", file),
        None => command.env_remove("AX_CONFIG_PATH"),
    };
    command
}

/// Whether a variable tells cargo how to reach things, not what to build.
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
    /// They are built from the toolchain's own source.
    Source,
}

impl Core {
    /// Where a compiler's folder has them for a target.
    fn of(sysroot: &Path, target: &str) -> Result<Self, Error> {
        let rustlib = sysroot.join("lib/rustlib");
        if rustlib.join(target).join("lib").is_dir() {
            Ok(Core::Installed)
        } else if rustlib.join("src/rust/library/core").is_dir() {
            Ok(Core::Source)
        } else {
            Err(Error::infrastructure(
                format!("the toolchain has neither the target {target} nor the source of core"),
                SETUP,
            ))
        }
    }

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
pub async fn core(project: &Project, target: &str) -> Result<Core, Error> {
    Core::of(&sysroot(project).await?, target)
}

/// The folder of the compiler that rustup, or PATH, has for the workspace.
async fn sysroot(project: &Project) -> Result<PathBuf, Error> {
    let question = ["--print", "sysroot"];
    let answer = ask(Path::new("rustc"), &question, project.folder(), PATIENCE).await?;
    if !answer.status.success() {
        return Err(Error::infrastructure(
            format!("rustc does not work: {}", answer.words()),
            SETUP,
        ));
    }
    Ok(String::from_utf8_lossy(&answer.stdout).trim().into())
}
