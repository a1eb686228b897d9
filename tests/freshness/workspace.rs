//! A workspace in which it is counted how often cargo is started.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

/// This workspace.
pub fn root() -> &'static Path {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().expect("harness/ is in the workspace")
}

/// A workspace with a hypervisor of a few lines, a cargo that counts how often it is started, and a
/// rustup of its own.
pub struct Workspace {
    pub folder: tempfile::TempDir,
    pub variables: Vec<(&'static str, &'static str)>,
}

pub const MAIN: &str = r#"#![no_std]
#![no_main]
#[unsafe(no_mangle)]
static TEXT: &str = concat!("source-1 ", include_str!("included.txt"), env!("FROM_SCRIPT"));
#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    core::hint::black_box((TEXT, option_env!("TRACKED")));
    loop {}
}
#[panic_handler]
pub fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
"#;

pub const SCRIPT: &str = r#"fn main() {
    println!("cargo:rerun-if-changed=asked");
    println!("cargo:rerun-if-changed=../configs/outside");
    println!("cargo:rerun-if-env-changed=ASKED");
    println!("cargo:rustc-env=FROM_SCRIPT=script");
}
"#;

impl Workspace {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let this = Self {
            folder,
            variables: Vec::new(),
        };
        let recipe = "configs/build.toml";
        let recipe_text = fs::read_to_string(root().join(recipe)).unwrap();
        for (file, text) in [
            (recipe, recipe_text.as_str()),
            ("configs/machines/none.toml", ""),
            ("configs/axconfig/x86_64.toml", "platform = \"none\"\n"),
            (
                "Cargo.toml",
                "[workspace]\nresolver = \"3\"\nmembers = [\"hypervisor\", \"other\"]\n\
                 [profile.image]\ninherits = \"release\"\npanic = \"abort\"\n",
            ),
            (
                "hypervisor/Cargo.toml",
                "[package]\nname = \"hypervisor\"\nedition = \"2024\"\n\
                 [dependencies]\nother = { path = \"../other\" }\n",
            ),
            ("hypervisor/src/main.rs", MAIN),
            ("hypervisor/src/included.txt", "included-1 "),
            ("hypervisor/build.rs", SCRIPT),
            ("hypervisor/asked/deep/file", ""),
            ("configs/outside", ""),
            (
                "other/Cargo.toml",
                "[package]\nname = \"other\"\nedition = \"2024\"\n",
            ),
            ("other/src/lib.rs", "#![no_std]\n"),
            ("home/.cargo/registry/.keep", ""),
            ("home/.rustup/settings.toml", ""),
            ("home/.rustup/toolchains/one/.keep", ""),
            ("bin/.keep", ""),
        ] {
            this.write(file, text);
        }
        let cargo = std::env::var("CARGO").expect("cargo runs the tests");
        let rustc = Path::new(&cargo).with_file_name("rustc");
        this.program(
            "cargo",
            &format!("echo asked >>{0}\nexec {cargo} \"$@\"", this.log()),
        );
        // A name that tells what rustup's own proxies are.
        this.program("rustup", &format!("exec {} \"$@\"", rustc.display()));
        symlink("rustup", this.path("bin/rustc")).unwrap();
        this
    }

    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    pub fn log(&self) -> String {
        self.path("log").display().to_string()
    }

    pub fn write(&self, file: &str, text: &str) {
        let path = self.path(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn program(&self, name: &str, script: &str) {
        self.write("script", &format!("#!/bin/sh\n{script}\n"));
        // Another process writes it: while a test forks, a file that this one has written may still
        // be open in the child, and cannot be started.
        let mut copy = Command::new("sh");
        copy.args(["-c", "cp \"$0\" \"$1\" && chmod 755 \"$1\""]);
        copy.arg(self.path("script"))
            .arg(self.path(&format!("bin/{name}")));
        assert!(copy.status().unwrap().success());
    }

    pub fn build(&self, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_harness"));
        command.args(["build", "--arch", "x86_64"]).args(more);
        command.current_dir(self.folder.path());
        let path = std::env::var("PATH").unwrap();
        command
            .env("PATH", format!("{}:{path}", self.path("bin").display()))
            .env("HOME", self.path("home"))
            .env_remove("CARGO_HOME")
            .env_remove("RUSTUP_HOME")
            .env_remove("HARNESS_ROOT");
        command.envs(self.variables.iter().copied());
        command
    }

    /// Builds; how often cargo was started.
    #[track_caller]
    pub fn asks(&self, more: &[&str]) -> usize {
        let before = self.count();
        let ran = self.build(more).output().unwrap();
        assert!(ran.status.success(), "{ran:#?}");
        self.count() - before
    }

    pub fn count(&self) -> usize {
        fs::read_to_string(self.path("log")).map_or(0, |log| log.lines().count())
    }

    /// Waits until the file system's clock has gone on: what was changed before can be told from what
    /// will be.
    pub fn settle(&self) {
        let time = |meta: fs::Metadata| (meta.ctime(), meta.ctime_nsec());
        self.write("probe", "");
        let before = time(fs::metadata(self.path("probe")).unwrap());
        loop {
            self.write("probe", "");
            if time(fs::metadata(self.path("probe")).unwrap()) > before {
                return;
            }
        }
    }

    pub fn artefact(&self) -> PathBuf {
        self.path("target/hypervisor/x86_64/x86_64-unknown-none/image/hypervisor")
    }

    pub fn stamp(&self) -> PathBuf {
        self.path("target/hypervisor/x86_64/x86_64-unknown-none/image/hypervisor.stamp")
    }

    pub fn contains(&self, text: &str) -> bool {
        let bytes = fs::read(self.artefact()).unwrap();
        bytes
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    }

    /// The change starts cargo, once.
    #[track_caller]
    pub fn seen(&mut self, what: &str, change: impl FnOnce(&mut Self)) {
        assert_eq!(self.asks(&[]), 0, "before the change: {what}");
        change(self);
        self.settle();
        assert_eq!(self.asks(&[]), 1, "{what}");
        assert_eq!(self.asks(&[]), 0, "after the build: {what}");
    }

    pub fn touch(&self, file: &str) {
        let text = fs::read_to_string(self.path(file)).unwrap();
        self.write(file, &text);
    }
}

/// A workspace that is built.
pub fn built() -> Workspace {
    let workspace = Workspace::new();
    workspace.settle();
    assert_eq!(workspace.asks(&[]), 1);
    if !workspace.stamp().is_file() {
        // Cargo has just written Cargo.lock.
        assert_eq!(workspace.asks(&[]), 1);
    }
    assert_eq!(workspace.asks(&[]), 0);
    workspace
}
