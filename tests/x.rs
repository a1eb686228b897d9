//! `x`: what it checks, when it checks again, and what it says when something is missing. Its tools are
//! fakes, so nothing is installed.

#[path = "x/checkout.rs"]
mod checkout;
#[path = "support/dispositions.rs"]
mod dispositions;
#[path = "x/set_up.rs"]
mod set_up;

use checkout::{Checkout, built};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

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
