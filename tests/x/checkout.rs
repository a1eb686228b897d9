//! A checkout of `x` whose tools are fakes.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What `x` may find in PATH besides the fakes: no package manager, no QEMU.
const TOOLS: [&str; 13] = [
    "sh", "mktemp", "cat", "sed", "rm", "mkdir", "mkfifo", "setsid", "sleep", "env", "cp", "uname",
    "id",
];

const TARGETS: [&str; 3] = [
    "riscv64gc-unknown-none-elf",
    "aarch64-unknown-none-softfloat",
    "x86_64-unknown-none",
];

/// A checkout of `x` and as much of a workspace as it takes.
pub struct Checkout {
    pub folder: tempfile::TempDir,
    /// The compiler that it is for.
    pub version: String,
    pub variables: Vec<(&'static str, &'static str)>,
}

impl Checkout {
    pub fn new() -> Self {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = manifest.parent().expect("harness/ is in the workspace");
        let version = fs::read_to_string(root.join("rust-toolchain.toml")).unwrap();
        let version = version.split("channel = \"").nth(1).unwrap();
        let version = version.split('"').next().unwrap().to_owned();
        let this = Self {
            folder: tempfile::tempdir().unwrap(),
            version: version.clone(),
            variables: Vec::new(),
        };
        for (file, text) in [
            ("Cargo.toml", "[workspace]\nmembers = [\"harness\"]\n"),
            ("Cargo.lock", ""),
            ("rust-toolchain.toml", ""),
            ("harness/Cargo.toml", "[package]\nname = \"harness\"\n"),
            ("harness/src/main.rs", ""),
            ("gkernel/src/bin/of-this-checkout.rs", ""),
            ("home/.rustup/settings.toml", ""),
            ("home/.rustup/toolchains/.keep", ""),
            ("sysroot/bin/rustc", ""),
        ] {
            this.write(file, text);
        }
        for arch in ["x86_64", "aarch64", "riscv64"] {
            let machine = format!("configs/machines/{arch}.toml");
            this.write(&machine, &fs::read_to_string(root.join(&machine)).unwrap());
        }
        let recipe = "configs/build.toml";
        this.write(recipe, &fs::read_to_string(root.join(recipe)).unwrap());
        fs::copy(root.join("x"), this.path("x")).unwrap();
        fs::create_dir_all(this.path("bin")).unwrap();
        for tool in TOOLS {
            let path = std::env::var_os("PATH").unwrap();
            let found = std::env::split_paths(&path).map(|folder| folder.join(tool));
            let found = found.into_iter().find(|file| file.is_file());
            let found = found.unwrap_or_else(|| panic!("{tool} is not in PATH"));
            symlink(found, this.path("bin").join(tool)).unwrap();
        }
        for target in TARGETS {
            this.write(&format!("sysroot/lib/rustlib/{target}/lib/.keep"), "");
        }
        // As rustup has it: a program that stands for all of them.
        let sysroot = this.path("sysroot").display().to_string();
        this.program(
            "rustup",
            &format!("case $1 in --version) echo 'rustc {version} (of a test)' ;; --print) echo {sysroot} ;; *) exit 1 ;; esac"),
        );
        symlink("rustup", this.path("bin/rustc")).unwrap();
        this.program(
            "cargo",
            &format!(
                "mkdir -p target/debug && cp '{}' target/debug/harness\n\
                 echo \"$PWD/target/debug/harness: $PWD/harness/src/main.rs\" >target/debug/harness.d\n\
                 echo '{{\"reason\":\"compiler-artifact\",\"executable\":\"'\"$PWD\"'/target/debug/harness\"}}'",
                env!("CARGO_BIN_EXE_harness")
            ),
        );
        this.program("chromium", "exit 0");
        for arch in ["x86_64", "aarch64", "riscv64"] {
            this.program(
                &format!("qemu-system-{arch}"),
                "echo 'QEMU emulator version 10.0.2 (of a test)'",
            );
        }
        this.settle();
        this
    }

    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    pub fn write(&self, file: &str, text: &str) {
        let path = self.path(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// A program that writes down that it was started.
    pub fn program(&self, name: &str, script: &str) {
        let log = self.path("log");
        let text = format!("#!/bin/sh\necho {name} >>{}\n{script}\n", log.display());
        self.write("script", &text);
        // Another process writes it: see freshness.rs.
        let mut copy = Command::new("sh");
        copy.args(["-c", "cp \"$0\" \"$1\" && chmod 755 \"$1\""]);
        copy.arg(self.path("script"))
            .arg(self.path(&format!("bin/{name}")));
        assert!(copy.status().unwrap().success());
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.path("x"));
        command.args(arguments).current_dir("/").env_clear();
        command
            .env("PATH", self.path("bin"))
            .env("HOME", self.path("home"))
            .envs(self.variables.iter().copied());
        command
    }

    pub fn x(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs `./x list`, which has to work; the programs that were started for it.
    #[track_caller]
    pub fn started(&self, arguments: &[&str]) -> String {
        let _ = fs::remove_file(self.path("log"));
        let ran = self.x(arguments);
        assert!(ran.status.success(), "{ran:#?}");
        let said = String::from_utf8_lossy(&ran.stdout);
        assert!(said.contains("of-this-checkout"), "{ran:#?}");
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// See `Workspace::settle` in freshness.rs.
    pub fn settle(&self) {
        let time = || {
            self.write("probe", "");
            let meta = fs::metadata(self.path("probe")).unwrap();
            (meta.ctime(), meta.ctime_nsec())
        };
        let before = time();
        while time() <= before {}
    }

    /// After the change `x` looks at everything, once.
    #[track_caller]
    pub fn seen(&mut self, what: &str, change: impl FnOnce(&mut Self)) {
        assert_eq!(self.started(&["list"]), "", "before the change: {what}");
        change(self);
        self.settle();
        let started = self.started(&["list"]);
        for program in ["cargo", "rustup", "qemu-system-riscv64"] {
            let times = started.lines().filter(|line| *line == program).count();
            assert!(times > 0, "{what}: {program} was not started\n{started}");
        }
        assert_eq!(started.matches("cargo").count(), 1, "{what}:\n{started}");
        assert_eq!(self.started(&["list"]), "", "afterwards: {what}");
    }

    pub fn touch(&self, file: &str) {
        let bytes = fs::read(self.path(file)).unwrap();
        fs::write(self.path(file), bytes).unwrap();
    }
}

/// A checkout whose harness is built.
pub fn built() -> Checkout {
    let checkout = Checkout::new();
    assert_eq!(checkout.started(&["list"]).matches("cargo").count(), 1);
    checkout
}
