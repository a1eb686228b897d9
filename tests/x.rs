//! `x`: what it checks, when it checks again, and what it says when something is missing. Its tools are
//! fakes, so nothing is installed.

#[path = "support/dispositions.rs"]
mod dispositions;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

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
struct Checkout {
    folder: tempfile::TempDir,
    variables: Vec<(&'static str, &'static str)>,
}

impl Checkout {
    fn new() -> Self {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = manifest.parent().expect("harness/ is in the workspace");
        let this = Self {
            folder: tempfile::tempdir().unwrap(),
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
        let version = fs::read_to_string(root.join("rust-toolchain.toml")).unwrap();
        let version = version.split("channel = \"").nth(1).unwrap();
        let version = version.split('"').next().unwrap();
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

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.path(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// A program that writes down that it was started.
    fn program(&self, name: &str, script: &str) {
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

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.path("x"));
        command.args(arguments).current_dir("/").env_clear();
        command
            .env("PATH", self.path("bin"))
            .env("HOME", self.path("home"))
            .envs(self.variables.iter().copied());
        command
    }

    fn x(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs `./x list`, which has to work; the programs that were started for it.
    #[track_caller]
    fn started(&self, arguments: &[&str]) -> String {
        let _ = fs::remove_file(self.path("log"));
        let ran = self.x(arguments);
        assert!(ran.status.success(), "{ran:#?}");
        let said = String::from_utf8_lossy(&ran.stdout);
        assert!(said.contains("of-this-checkout"), "{ran:#?}");
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// See `Workspace::settle` in freshness.rs.
    fn settle(&self) {
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
    fn seen(&mut self, what: &str, change: impl FnOnce(&mut Self)) {
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

    fn touch(&self, file: &str) {
        let bytes = fs::read(self.path(file)).unwrap();
        fs::write(self.path(file), bytes).unwrap();
    }
}

/// A checkout whose harness is built.
fn built() -> Checkout {
    let checkout = Checkout::new();
    assert_eq!(checkout.started(&["list"]).matches("cargo").count(), 1);
    checkout
}

#[test]
fn nothing_is_started_until_something_changes() {
    let mut checkout = built();
    for file in [
        "harness/src/main.rs",
        "harness/Cargo.toml",
        "Cargo.toml",
        "Cargo.lock",
        "rust-toolchain.toml",
        "x",
        "target/debug/harness",
        "home/.rustup/settings.toml",
        "sysroot/bin/rustc",
        "bin/qemu-system-aarch64",
        "bin/cargo",
    ] {
        checkout.seen(file, |checkout| checkout.touch(file));
    }
    checkout.seen("a configuration", |c| c.write(".cargo/config.toml", ""));
    checkout.seen("flags", |c| c.variables.push(("RUSTFLAGS", "-g")));
    checkout.seen("no flags", |c| c.variables.clear());
    checkout.seen("a component", |c| c.write("sysroot/lib/rustlib/new", ""));
    checkout.seen("an earlier folder in PATH", |c| {
        fs::remove_file(c.path("bin/qemu-system-x86_64")).unwrap();
        c.program("qemu-system-x86_64", "echo 'QEMU emulator version 11.0.0'");
    });
    checkout.seen("a stamp that is cut short", |c| {
        c.write("target/debug/harness.stamp", "{");
    });
    checkout.variables.push(("RUST_BACKTRACE", "1"));
    assert_eq!(checkout.started(&["list"]), "");
}

#[test]
fn rebuild_looks_at_everything() {
    let checkout = built();
    let started = checkout.started(&["list", "--rebuild"]);
    assert_eq!(started.matches("cargo").count(), 1, "{started}");
}

#[test]
fn a_program_from_before_the_stamps_is_not_believed() {
    let checkout = built();
    // As an older checkout's cargo would leave it.
    checkout.settle();
    fs::remove_file(checkout.path("target/debug/harness")).unwrap();
    checkout.write("target/debug/harness", "#!/bin/sh\necho stale\n");
    let program = checkout.path("target/debug/harness");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(checkout.started(&["list"]).contains("cargo"));
}

#[test]
fn what_is_missing_is_exit_4_with_words() {
    let refused = |checkout: &Checkout, words: &[&str]| {
        let ran = checkout.x(&["list"]);
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert_eq!(ran.status.code(), Some(4), "{ran:#?}");
        for word in words {
            assert!(said.contains(word), "{word:?} is missing: {said}");
        }
    };
    let checkout = built();
    let qemu = checkout.path("bin/qemu-system-riscv64");
    fs::remove_file(&qemu).unwrap();
    refused(
        &checkout,
        &["qemu-system-riscv64 (8.1 or later)", "package manager"],
    );
    checkout.program("qemu-system-riscv64", "echo 'QEMU emulator version 8.0.5'");
    refused(&checkout, &["qemu-system-riscv64 (8.1 or later)"]);
    checkout.program("qemu-system-riscv64", "exit 1");
    refused(&checkout, &["qemu-system-riscv64 (8.1 or later)"]);

    let checkout = built();
    fs::remove_dir_all(checkout.path("sysroot/lib/rustlib/x86_64-unknown-none")).unwrap();
    refused(&checkout, &["targets are missing", "x86_64-unknown-none"]);

    let checkout = built();
    fs::remove_file(checkout.path("bin/rustc")).unwrap();
    refused(&checkout, &["no Rust here"]);
}

/// The pages are tried in a browser, and only who tests needs one.
#[test]
fn a_missing_browser_stops_the_tests_and_no_run() {
    let checkout = built();
    fs::remove_file(checkout.path("bin/chromium")).unwrap();
    for asked in ["test", "setup"] {
        let ran = checkout.x(&[asked]);
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert_eq!(ran.status.code(), Some(4), "{ran:#?}");
        for word in ["missing: Chromium", "package manager"] {
            assert!(said.contains(word), "{word:?} is missing: {said}");
        }
    }
    assert!(checkout.x(&["list", "--rebuild"]).status.success());
    checkout.program("google-chrome", "exit 0");
    let ran = checkout.x(&["setup"]);
    assert!(ran.status.success(), "{ran:#?}");
}

/// What apt is asked for, where the package is missing; and what is said where that does not work.
#[test]
fn a_missing_browser_is_installed_where_apt_can_do_that() {
    let checkout = built();
    fs::remove_file(checkout.path("bin/chromium")).unwrap();
    let chromium = checkout.path("bin/chromium");
    let install = format!(
        "case \"$*\" in *install*chromium*) cp \"$(command -v cargo)\" {} ;; esac",
        chromium.display()
    );
    fs::remove_file(checkout.path("bin/id")).unwrap();
    checkout.program("id", "echo 0");
    checkout.program("apt-get", "exit 1");
    let ran = checkout.x(&["setup"]);
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert_eq!(ran.status.code(), Some(4), "{ran:#?}");
    assert!(
        said.contains("apt-get install --no-install-recommends chromium"),
        "{said}"
    );
    checkout.program("apt-get", &install);
    let ran = checkout.x(&["setup"]);
    assert!(ran.status.success(), "{ran:#?}");
    assert!(chromium.is_file());
}

#[test]
fn a_harness_that_does_not_build_is_exit_4_and_a_test_that_fails_is_cargos() {
    let checkout = Checkout::new();
    checkout.program("cargo", "echo 'error: cannot compile' >&2; exit 101");
    let ran = checkout.x(&["run", "--arch", "x86_64"]);
    assert_eq!(ran.status.code(), Some(4), "{ran:#?}");
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(said.contains("error: cannot compile"), "{said}");
    assert!(
        said.contains("the harness itself could not be built"),
        "{said}"
    );
    let left = fs::read_dir(checkout.path("target/harness"))
        .unwrap()
        .count();
    assert_eq!(left, 0, "files were left behind");
    assert_eq!(checkout.x(&["test"]).status.code(), Some(101));
}

#[test]
fn a_program_that_does_not_say_its_version_is_waited_for_only_so_long() {
    for program in ["qemu-system-aarch64", "rustup"] {
        let mut checkout = Checkout::new();
        let told = checkout.path("pid");
        checkout.program(
            program,
            &format!("echo $$ >{}\nexec sleep 600", told.display()),
        );
        checkout.variables.push(("X_PATIENCE", "4"));
        let start = Instant::now();
        let ran = checkout.x(&["list"]);
        assert!(start.elapsed() < Duration::from_secs(60));
        assert_eq!(ran.status.code(), Some(4), "{ran:#?}");
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(
            said.contains("--version' did not answer within 4 s"),
            "{said}"
        );
        let pid: i32 = fs::read_to_string(told).unwrap().trim().parse().unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        let gone = rustix::process::test_kill_process(pid);
        assert!(gone.is_err(), "{program} lives on");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn nothing_lives_on_when_x_is_ended_while_it_builds() {
    use dispositions::with_signals;
    use rustix::process::{Pid, Signal, kill_process, test_kill_process};
    let checkout = Checkout::new();
    let told = checkout.path("pid");
    // A compiler, as a child of cargo's.
    let compile = format!("sleep 600 & echo $! >{}\nwait", told.display());
    checkout.program("cargo", &compile);
    for signal in [Signal::KILL, Signal::INT, Signal::TERM] {
        let _ = fs::remove_file(&told);
        let mut list = checkout.command(&["list"]);
        let mut x = with_signals(&mut list, &[], &[Signal::INT])
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        let compiler = loop {
            let text = fs::read_to_string(&told).unwrap_or_default();
            let pid = text.strip_suffix('\n').and_then(|pid| pid.parse().ok());
            if let Some(pid) = pid.and_then(Pid::from_raw) {
                break pid;
            }
            assert!(Instant::now() < deadline, "cargo was not started");
            std::thread::sleep(Duration::from_millis(10));
        };
        kill_process(Pid::from_child(&x), signal).unwrap();
        let code = x.wait().unwrap().code();
        assert_eq!(code, (signal != Signal::KILL).then_some(130));
        let deadline = Instant::now() + Duration::from_secs(10);
        while test_kill_process(compiler).is_ok() {
            if Instant::now() > deadline {
                let _ = kill_process(compiler, Signal::KILL);
                panic!("the compiler lives on after {signal:?}");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// A checkout that was copied with its target folder: the program was built from another.
#[test]
fn outside_of_a_workspace_the_program_takes_the_one_it_lies_in_and_says_so() {
    let checkout = built();
    let list = |folder: &Path| {
        let mut command = Command::new(checkout.path("target/debug/harness"));
        command
            .arg("list")
            .current_dir(folder)
            .env_remove("HARNESS_ROOT");
        let ran = command.output().unwrap();
        let said = String::from_utf8_lossy(&ran.stdout);
        assert!(said.contains("of-this-checkout"), "{ran:#?}");
        String::from_utf8(ran.stderr).unwrap()
    };
    let said = list(Path::new("/"));
    let root = fs::canonicalize(checkout.folder.path()).unwrap();
    assert!(
        said.contains(&format!("workspace: {}", root.display())),
        "{said}"
    );
    assert_eq!(
        list(&checkout.path("gkernel")),
        "",
        "inside there is nothing to say"
    );
}
