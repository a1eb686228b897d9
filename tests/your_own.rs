//! Follows `harness/docs/your-own.md` word for word in an empty folder.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    let harness = Path::new(env!("CARGO_MANIFEST_DIR"));
    harness
        .parent()
        .expect("harness/ is in the workspace")
        .to_owned()
}

/// A block of commands, and what they are to print; nothing where the page does not show it.
struct Part {
    commands: String,
    shown: Vec<String>,
}

/// The page's blocks: ```` ```sh ````, each with the ```` ```text ```` that follows it.
fn parts(page: &str) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for block in page.split("\n```").skip(1).step_by(2) {
        let (language, text) = block.split_once('\n').expect("a block has lines");
        match language {
            "sh" => parts.push(Part {
                commands: text.to_owned(),
                shown: Vec::new(),
            }),
            "text" => {
                let part = parts
                    .last_mut()
                    .expect("commands come before what they print");
                part.shown.extend(text.lines().map(str::to_owned));
            }
            other => panic!("a block of {other}"),
        }
    }
    parts
}

/// Whether a line is as the page shows it; `…` stands for anything.
fn is_as_shown(line: &str, shown: &str) -> bool {
    let pattern: Vec<_> = shown.split('…').map(regex::escape).collect();
    let pattern = format!("^{}$", pattern.join(".*"));
    regex::Regex::new(&pattern).unwrap().is_match(line)
}

/// The first shown line that does not come, in order; a line that is nothing but `…` stands for any number.
fn missing<'s>(printed: &str, shown: &'s [String]) -> Option<&'s str> {
    let mut lines = printed.lines();
    let wanted = shown.iter().filter(|line| *line != "…");
    { wanted }
        .find(|wanted| !lines.any(|line| is_as_shown(line, wanted)))
        .map(String::as_str)
}

/// The toolchain that the workspace pins; a folder of one's own would have the user's.
fn toolchain() -> String {
    let pinned = fs::read_to_string(root().join("rust-toolchain.toml")).unwrap();
    let pinned: toml::Table = pinned.parse().unwrap();
    pinned["toolchain"]["channel"].as_str().unwrap().to_owned()
}

fn rustc(arguments: &[&str]) -> String {
    let ran = Command::new("rustc")
        .args(arguments)
        .env("RUSTUP_TOOLCHAIN", toolchain())
        .output()
        .unwrap();
    assert!(ran.status.success(), "rustc {arguments:?}: {ran:?}");
    String::from_utf8(ran.stdout).unwrap().trim().to_owned()
}

fn executable(path: &Path, script: &str) {
    fs::write(path, script).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// The targets of the page's kernels.
const TARGETS: [&str; 2] = ["riscv64gc-unknown-none-elf", "x86_64-unknown-none"];

/// Gives the page's `rustc` the library `core`, built from its source, where the set-up could not install a target;
/// the page's reader has it from rustup.
fn core_from_its_source(bin: &Path) {
    let is_there = |target: &&str| {
        Path::new(&rustc(&["--print", "target-libdir", "--target", target])).is_dir()
    };
    let missing: Vec<_> = TARGETS.into_iter().filter(|t| !is_there(t)).collect();
    if missing.is_empty() {
        return;
    }
    let package = bin.join("core");
    fs::create_dir_all(package.join("src")).unwrap();
    fs::write(
        package.join("Cargo.toml"),
        "[package]\nname = \"any\"\nedition = \"2024\"\n",
    )
    .unwrap();
    fs::write(package.join("src/lib.rs"), "#![no_std]\n").unwrap();
    let compiler = Path::new(&rustc(&["--print", "sysroot"])).join("bin/rustc");
    let mut script = format!("#!/bin/sh\nexec '{}'", compiler.display());
    for target in missing {
        let built = Command::new("cargo")
            .args(["build", "--release", "-Zbuild-std=core", "--target", target])
            .current_dir(&package)
            .env("RUSTC_BOOTSTRAP", "1")
            .env("RUSTUP_TOOLCHAIN", toolchain())
            .env_remove("CARGO_TARGET_DIR")
            .output()
            .unwrap();
        assert!(built.status.success(), "{built:?}");
        let built = package.join("target").join(target).join("release/deps");
        script += &format!(" -L '{}'", built.display());
    }
    executable(&bin.join("rustc"), &(script + " \"$@\"\n"));
}

/// Puts the programs into a folder that the page has installed: a harness that is in no workspace.
fn programs(folder: &Path) {
    core_from_its_source(folder);
    let (built, installed) = (env!("CARGO_BIN_EXE_harness"), folder.join("harness"));
    // The same file, or a copy on another file system. A link would lead back to the workspace.
    if fs::hard_link(built, &installed).is_err() {
        fs::copy(built, &installed).unwrap();
    }
    // To install it takes minutes, and it is built already.
    executable(
        &folder.join("cargo"),
        "#!/bin/sh\n[ \"$*\" = 'install --path harness' ]\n",
    );
}

#[test]
fn the_page_leads_from_an_empty_folder_to_a_judged_run() {
    let page = fs::read_to_string(root().join("harness/docs/your-own.md")).unwrap();
    let [bin, folder] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    programs(bin.path());
    let path = format!(
        "{}:{}",
        bin.path().display(),
        std::env::var("PATH").unwrap()
    );
    let parts = parts(&page);
    assert!(parts.len() > 5 && parts.iter().any(|part| !part.shown.is_empty()));
    for part in parts {
        let ran = Command::new("sh")
            .args(["-e", "-c", &format!("exec 2>&1\n{}", part.commands)])
            .current_dir(&folder)
            .env("PATH", &path)
            // The compiler that the workspace pins, which has the target.
            .env("RUSTUP_TOOLCHAIN", toolchain())
            .env_remove("HARNESS_ROOT")
            .env_remove("GITHUB_ACTIONS")
            .output()
            .unwrap();
        let printed = String::from_utf8_lossy(&ran.stdout);
        let commands = &part.commands;
        assert!(ran.status.success(), "{commands}\nprinted:\n{printed}");
        let missing = missing(&printed, &part.shown);
        assert_eq!(missing, None, "{commands}\nprinted:\n{printed}");
    }
}

#[test]
fn what_is_shown_has_to_be_printed_in_order() {
    let shown = ["a", "…", "b … d"].map(str::to_owned);
    assert_eq!(missing("a\nx\nb c d\n", &shown), None);
    assert_eq!(missing("b c d\na\n", &shown), Some("b … d"));
    assert_eq!(missing("a\nb c\n", &shown), Some("b … d"));
}
