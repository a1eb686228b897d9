//! Folders and files of any name.

use crate::boot;
use crate::support::{Ran, command, root};
use serde_json::Value;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Boots with the records in a folder of that name, given as seen from the current folder; what the
/// harness's program did, and that nothing but the folder was made.
fn boot_into(arch: &str, name: &OsStr) -> Ran {
    let here = tempfile::tempdir().unwrap();
    let mut command = command(&["run", "--arch", arch, "--format", "json", "--root"]);
    command.arg(root()).current_dir(here.path());
    let ran: Ran = command
        .arg("--report-dir")
        .arg(name)
        .output()
        .unwrap()
        .into();
    assert_eq!(ran.code, Some(0), "{name:?}: {ran:#?}");
    let made: Vec<_> = fs::read_dir(here.path())
        .unwrap()
        .map(|made| made.unwrap().file_name())
        .collect();
    let first = Path::new(name).components().next().unwrap();
    assert_eq!(made, [first.as_os_str()], "{name:?}");
    let run = fs::read_dir(here.path().join(name))
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    let again = command_of(run.path());
    assert_eq!(again.code, Some(0), "{name:?}: {again:#?}");
    let files = fs::read_dir(run.path()).unwrap();
    let files: Vec<_> = files.map(|file| file.unwrap().file_name()).collect();
    assert!(files.iter().any(|file| file == "witness.log"), "{files:?}");
    let left: Vec<_> = files
        .iter()
        .filter(|file| file.to_string_lossy().starts_with("vl."))
        .collect();
    assert!(left.is_empty(), "QEMU's overlay is left: {left:?}");
    ran
}

/// Judges the records in a folder again.
fn command_of(run: PathBuf) -> Ran {
    let mut command = command(&["judge", "--format", "json"]);
    command.arg(run).output().unwrap().into()
}

#[test]
fn records_may_be_in_a_folder_of_any_name() {
    let names = [
        "out/{x}",
        "{disk}",
        "feature%2Fx",
        "a%d",
        "a:b",
        "nbd:b",
        "json:x",
        "a,b",
        "it's a $(name)",
        "new\nline",
    ];
    for name in names {
        boot_into("riscv64", OsStr::new(name));
        boot_into("x86_64", OsStr::new(name));
    }
    boot_into("riscv64", OsStr::from_bytes(b"not \xff UTF-8"));
    boot_into("x86_64", OsStr::from_bytes(b"not \xff UTF-8"));
}

/// A checkout, a hypervisor and a guest whose names are no text are booted, and nothing lands
/// anywhere else.
#[test]
fn a_checkout_and_its_programs_may_have_any_name() {
    let usual = boot("x86_64", &[], 0);
    let booted = fs::read(usual.run_dir().join("run.json")).unwrap();
    let booted: Value = serde_json::from_slice(&booted).unwrap();
    let parent = tempfile::tempdir().unwrap();
    let checkout = parent
        .path()
        .join(OsStr::from_bytes(b"not \xff UTF-8, {x}"));
    for file in [
        "configs/machines/x86_64.toml",
        "tests/scenarios/gkernel.toml",
        "tests/scenarios/base/values.toml",
        "tests/scenarios/base/audit.toml",
    ] {
        let copy = checkout.join(file);
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::copy(root().join(file), copy).unwrap();
    }
    let mut command = command(&["run", "--arch", "x86_64", "--format", "json", "--root"]);
    command.arg(&checkout);
    for (option, part) in [("--image", "hypervisor"), ("--guest", "guest")] {
        let copy = checkout
            .join(OsStr::from_bytes(b"program \xfe of the "))
            .with_extension(part);
        fs::copy(booted[part]["file"].as_str().unwrap(), &copy).unwrap();
        command.arg(option).arg(copy);
    }
    let ran: Ran = command.output().unwrap().into();
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    let runs = fs::read_dir(checkout.join("target/harness/runs")).unwrap();
    assert_eq!(runs.count(), 1);
    assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1);
}
