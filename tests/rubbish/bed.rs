//! A workspace without programs, and rubbish of all kinds in files.

use crate::record;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The workspace's root.
pub fn root() -> &'static Path {
    let harness = Path::new(env!("CARGO_MANIFEST_DIR"));
    harness.parent().expect("harness/ is in the workspace")
}

/// A workspace without programs, and rubbish of all kinds in files.
pub struct Bed {
    /// What is in nobody's way, however far a path goes up from the workspace.
    outer: tempfile::TempDir,
    pub folder: PathBuf,
}

/// How deep the workspace lies: deeper than any path of the tests goes up.
const DEEP: &str = "a/b/c/workspace";

impl Bed {
    pub fn new() -> Self {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join(DEEP);
        fs::create_dir_all(&folder).unwrap();
        let bed = Self { outer, folder };
        for (path, from) in [
            (
                "configs/machines/riscv64.toml",
                "configs/machines/riscv64.toml",
            ),
            (
                "tests/scenarios/gkernel.toml",
                "tests/scenarios/gkernel.toml",
            ),
            ("configs/build.toml", "configs/build.toml"),
            ("own.toml", "configs/machines/x86_64-seabios.toml"),
            (
                "tests/scenarios/base/values.toml",
                "tests/scenarios/base/values.toml",
            ),
            (
                "tests/scenarios/base/audit.toml",
                "tests/scenarios/base/audit.toml",
            ),
            (
                "tests/scenarios/base/boot.toml",
                "tests/scenarios/base/boot.toml",
            ),
            (
                "tests/scenarios/base/guest.toml",
                "tests/scenarios/base/guest.toml",
            ),
            (
                "tests/scenarios/base/killed.toml",
                "tests/scenarios/base/killed.toml",
            ),
            ("console.log", "fixtures/consoles/riscv64/good.log"),
            (
                "tests/scenarios/npf-outside.toml",
                "tests/scenarios/npf-outside.toml",
            ),
            (
                "tests/mutants/npf-outside.patch",
                "tests/mutants/npf-outside.patch",
            ),
        ] {
            bed.write(path, &fs::read(root().join(from)).unwrap());
        }
        bed.write("Cargo.toml", b"[workspace]\n");
        bed.write("kernel.bin", &[0; 64]);
        bed.write("guest.bin", &[1, 0, 0, 0]);
        record::make(&bed.at("run"));
        fs::create_dir_all(bed.at("reports")).unwrap();
        // A QEMU that is there and starts nothing: without one no run gets as far as its records.
        for arch in ["riscv64", "x86_64"] {
            let program = format!("no-programs/qemu-system-{arch}");
            bed.write(&program, b"#!/bin/sh\nexit 1\n");
            let may_run = fs::Permissions::from_mode(0o755);
            fs::set_permissions(bed.at(&program), may_run).unwrap();
        }
        let made = Command::new("mkfifo").arg(bed.at("pipe")).status();
        assert!(made.unwrap().success());
        for (name, contents) in contents() {
            bed.write(name, &contents);
        }
        bed
    }

    /// What commands have left above the workspace.
    pub fn left_above(&self) -> usize {
        let above = self.folder.ancestors().skip(1);
        let above = above.take_while(|folder| folder.starts_with(self.outer.path()));
        let entries = above.map(|folder| fs::read_dir(folder).unwrap().count() - 1);
        entries.sum()
    }

    pub fn at(&self, path: impl AsRef<Path>) -> PathBuf {
        self.folder.join(path)
    }

    pub fn write(&self, path: impl AsRef<Path>, contents: &[u8]) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }

    pub fn command(&self, args: &[OsString]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_harness"));
        command
            .args(args)
            .env_remove("HARNESS_ROOT")
            .env_remove("GITHUB_ACTIONS")
            .current_dir(&self.folder)
            .env("PATH", self.at("no-programs"))
            // Colours are kept, so that what is not shown is not left out for want of a terminal.
            .env("CLICOLOR_FORCE", "1")
            .stdin(Stdio::null());
        command
    }
}

/// Files that are nothing a user can mean.
pub fn contents() -> Vec<(&'static str, Vec<u8>)> {
    let program = fs::read(std::env::current_exe().unwrap()).unwrap();
    let long = "x".repeat(2 << 20);
    vec![
        ("empty", Vec::new()),
        ("bytes", (0..=255).cycle().take(5000).collect()),
        ("not-utf8", b"arch = \"\xff\xfe\"\n".to_vec()),
        ("zeros", vec![0; 5000]),
        (
            "escapes",
            b"\x1b]0;title\x07 = \x1b[2J\xc2\x9b35m \xe2\x80\xae\n\x1b[35m\n".to_vec(),
        ),
        (
            "escapes-in-toml",
            b"about = \"\x1b]0;t\x07\\u001B[35m\"\narches = [\"\\u001B[2J\"]\n".to_vec(),
        ),
        ("script", b"#!/bin/sh\nexit 0\n".to_vec()),
        ("json", b"{\"a\": [1, 2, {}]}".to_vec()),
        ("json-null", b"null".to_vec()),
        ("json-later", b"{\"version\": 99}".to_vec()),
        (
            "json-number",
            b"{\"version\": -1e400, \"t\": 1e308}".to_vec(),
        ),
        ("json-deep", "[".repeat(200_000).into_bytes()),
        (
            "toml-deep",
            format!("a = {}", "[".repeat(200_000)).into_bytes(),
        ),
        (
            "toml-keys",
            format!("{} = 1", vec!["a"; 100_000].join(".")).into_bytes(),
        ),
        ("long-key", format!("{long} = 1\n").into_bytes()),
        ("long-value", format!("arch = \"{long}\"\n").into_bytes()),
        (
            "patch",
            b"verdict: pass\n--- /etc/passwd\n+++ ../../etc/passwd\n@@ -1 +1 @@\n-a\n+b\n".to_vec(),
        ),
        ("other-elf", program.clone()),
        ("cut-elf", program[..3000].to_vec()),
    ]
}
