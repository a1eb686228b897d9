//! Cargo is started whenever something has changed, and only then.

#[path = "freshness/workspace.rs"]
mod workspace;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use workspace::{MAIN, SCRIPT, Workspace, built, root};

#[test]
fn every_kind_of_source_is_seen() {
    let mut workspace = built();
    assert!(workspace.contains("source-1 included-1 script"));
    workspace.seen("a source", |w| {
        w.write(
            "hypervisor/src/main.rs",
            &MAIN.replace("source-1", "source-2"),
        );
    });
    assert!(workspace.contains("source-2 included-1 script"));
    workspace.seen("an included file", |w| {
        w.write("hypervisor/src/included.txt", "included-2 ");
    });
    assert!(workspace.contains("source-2 included-2 script"));
    workspace.seen("a build script", |w| {
        w.write(
            "hypervisor/build.rs",
            &SCRIPT.replace("=script", "=scripted"),
        );
    });
    assert!(workspace.contains("source-2 included-2 scripted"));
    workspace.seen("a build script's input", |w| {
        w.touch("hypervisor/asked/deep/file");
    });
    workspace.seen("a file in a build script's folder", |w| {
        w.write("hypervisor/asked/deep/new", "");
    });
    workspace.seen("a file outside of the packages", |w| {
        w.touch("configs/outside");
    });
    workspace.seen("another crate of the workspace", |w| {
        w.touch("other/src/lib.rs");
    });
    workspace.seen("a build script that was not there", |w| {
        w.write(
            "other/build.rs",
            "fn main() { println!(\"cargo:rerun-if-changed=build.rs\"); }",
        );
    });
}

#[test]
fn every_kind_of_manifest_and_configuration_is_seen() {
    let mut workspace = built();
    for file in [
        "Cargo.toml",
        "Cargo.lock",
        "hypervisor/Cargo.toml",
        "other/Cargo.toml",
        "configs/axconfig/x86_64.toml",
    ] {
        workspace.seen(file, |w| w.touch(file));
    }
    for file in [".cargo/config.toml", "home/.cargo/config.toml"] {
        let text = "[env]\nAX_LOG = \"error\"\n";
        workspace.seen(file, |w| w.write(file, text));
        workspace.seen(file, |w| fs::remove_file(w.path(file)).unwrap());
    }
}

#[test]
fn the_environment_that_counts_is_seen_and_no_other() {
    let mut workspace = built();
    workspace.seen("AX_LOG", |w| w.variables.push(("AX_LOG", "trace")));
    workspace.seen("a build script's variable", |w| {
        w.variables.push(("ASKED", "yes"));
    });
    workspace.seen("a variable that a crate reads", |w| {
        w.variables.push(("TRACKED", "yes"));
    });
    workspace.seen("all of them gone", |w| w.variables.clear());
    workspace.variables.push(("RUST_BACKTRACE", "full"));
    workspace.variables.push(("CARGO_TERM_COLOR", "always"));
    workspace
        .variables
        .push(("CARGO_MANIFEST_DIR", "/of/an/outer/cargo"));
    workspace.variables.push(("UNRELATED", "yes"));
    assert_eq!(workspace.asks(&[]), 0);
}

#[test]
fn another_compiler_is_seen() {
    let mut workspace = built();
    workspace.seen("a pin that was not there", |w| {
        w.write("rust-toolchain.toml", "[toolchain]\n");
    });
    workspace.seen("rustup's settings", |w| {
        w.touch("home/.rustup/settings.toml");
    });
    workspace.seen("a toolchain linked to another place", |w| {
        symlink("one", w.path("home/.rustup/toolchains/two")).unwrap();
    });
    workspace.seen("another rustup", |w| w.touch("bin/rustup"));
    workspace.seen("the toolchain that is asked for", |w| {
        w.variables.push(("RUSTUP_TOOLCHAIN", "two"));
    });
    // What a wrapper starts is not known, so cargo decides each time.
    let rustc = workspace.path("bin/rustc");
    fs::remove_file(&rustc).unwrap();
    fs::rename(workspace.path("bin/rustup"), &rustc).unwrap();
    assert_eq!(workspace.asks(&[]), 1);
    assert_eq!(workspace.asks(&[]), 1);
}

#[test]
fn a_stamp_that_is_cut_of_another_form_or_gone_is_none() {
    let workspace = built();
    let whole = fs::read_to_string(workspace.stamp()).unwrap();
    let other_form = whole.replacen("\"form\":1", "\"form\":99", 1);
    assert_ne!(whole, other_form);
    for text in [&whole[..whole.len() / 2], "", &other_form] {
        fs::write(workspace.stamp(), text).unwrap();
        assert_eq!(workspace.asks(&[]), 1);
        assert_eq!(workspace.asks(&[]), 0);
    }
    fs::remove_file(workspace.artefact()).unwrap();
    assert_eq!(workspace.asks(&[]), 1);
    assert!(workspace.artefact().is_file());
}

#[test]
fn rebuild_starts_cargo_whatever_the_stamp_says() {
    let workspace = built();
    assert_eq!(workspace.asks(&["--rebuild"]), 1);
    assert_eq!(workspace.asks(&[]), 0);
}

#[test]
fn what_changes_while_cargo_runs_is_seen_the_next_time() {
    let workspace = built();
    let counting = fs::read_to_string(workspace.path("bin/cargo")).unwrap();
    let source = workspace.path("hypervisor/src/main.rs");
    // As an editor does that saves when cargo has read the file.
    let late = counting.replacen("exec ", "", 1) + &format!("touch {}\n", source.display());
    workspace.write("bin/cargo", &late);
    workspace.settle();
    assert_eq!(workspace.asks(&[]), 1);
    assert_eq!(
        workspace.asks(&[]),
        1,
        "the touch was not part of the build"
    );
    workspace.write("bin/cargo", &counting);
    workspace.settle();
    assert_eq!(workspace.asks(&[]), 1);
    assert_eq!(workspace.asks(&[]), 0);
}

#[test]
fn two_at_once_do_each_other_no_harm() {
    let workspace = built();
    for round in 2..5 {
        let text = MAIN.replace("source-1", &format!("source-{round}"));
        workspace.write("hypervisor/src/main.rs", &text);
        workspace.settle();
        let start = || workspace.build(&[]).stdout(Stdio::null()).spawn().unwrap();
        for mut harness in [start(), start(), start()] {
            assert!(harness.wait().unwrap().success());
        }
        assert!(workspace.contains(&format!("source-{round} ")));
        assert_eq!(workspace.asks(&[]), 0);
    }
}

#[test]
fn a_workspace_that_was_moved_is_built_again() {
    let workspace = built();
    let elsewhere = tempfile::tempdir().unwrap();
    let moved = Workspace {
        folder: elsewhere,
        variables: Vec::new(),
    };
    fs::remove_dir(moved.folder.path()).unwrap();
    fs::rename(workspace.folder.path(), moved.folder.path()).unwrap();
    moved.program(
        "cargo",
        &format!(
            "echo asked >>{}\nexec {} \"$@\"",
            moved.log(),
            std::env::var("CARGO").unwrap()
        ),
    );
    moved.settle();
    assert_eq!(moved.asks(&[]), 1);
    assert_eq!(moved.asks(&[]), 0);
}

/// What the others do in small, in this workspace: of each image all that it is made of is known.
#[test]
fn the_images_of_this_workspace_are_not_asked_for_twice() {
    let counting = Workspace::new();
    for arch in ["riscv64", "aarch64", "x86_64"] {
        let path = std::env::var("PATH").unwrap();
        let path = format!("{}:{path}", counting.path("bin").display());
        let build = || {
            let before = counting.count();
            let mut command = Command::new(env!("CARGO_BIN_EXE_harness"));
            command.args(["build", "--arch", arch]).current_dir(root());
            let ran = command.env("PATH", &path).output().unwrap();
            assert!(ran.status.success(), "{ran:#?}");
            counting.count() - before
        };
        assert!(build() > 0, "another cargo is another compiler");
        assert_eq!(build(), 0, "{arch}");
    }
}

/// A build script may run for long, and so may a compiler: neither lives on.
#[test]
fn nothing_lives_on_when_the_harness_is_killed_while_it_builds() {
    let workspace = built();
    let told = workspace.path("pid");
    workspace.write(
        "hypervisor/build.rs",
        &format!(
            "fn main() {{ std::fs::write({told:?}, std::process::id().to_string()).unwrap();\n\
             std::thread::sleep(std::time::Duration::from_secs(600)); }}"
        ),
    );
    let mut harness = workspace.build(&[]).stderr(Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(120);
    let script = loop {
        let text = fs::read_to_string(&told).unwrap_or_default();
        if let Some(pid) = text.parse().ok().and_then(Pid::from_raw) {
            break pid;
        }
        assert!(Instant::now() < deadline, "the build script does not run");
        assert!(harness.try_wait().unwrap().is_none(), "the harness ended");
        std::thread::sleep(Duration::from_millis(10));
    };
    harness.kill().unwrap();
    harness.wait().unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while test_kill_process(script).is_ok() {
        if Instant::now() > deadline {
            let _ = kill_process(script, Signal::KILL);
            panic!("the build script lives on");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
