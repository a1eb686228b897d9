//! On a machine that lacks something, the hypervisor says what, names the QEMU option that provides it,
//! and powers off.

mod support;

use std::fs;
use support::{harness, root};

/// Boots on the architecture's machine with one change to its file; what the hypervisor said.
#[track_caller]
fn boot_without(arch: &str, from: &str, to: &str) -> String {
    let changed = tempfile::tempdir().unwrap();
    for folder in ["configs/machines", "tests/scenarios/base"] {
        fs::create_dir_all(changed.path().join(folder)).unwrap();
    }
    let file = format!("configs/machines/{arch}.toml");
    let good = fs::read_to_string(root().join(&file)).unwrap();
    assert!(good.contains(from), "{from:?} is not in {file}");
    fs::write(changed.path().join(file), good.replacen(from, to, 1)).unwrap();
    for file in [
        "tests/scenarios/gkernel.toml",
        "tests/scenarios/base/values.toml",
        "tests/scenarios/base/audit.toml",
    ] {
        fs::copy(root().join(file), changed.path().join(file)).unwrap();
    }

    // The changed workspace has no sources: the images come from this one.
    let built = harness(&["build", "--arch", arch]);
    assert_eq!(built.code, Some(0), "run ./x setup\n{}", built.stderr);
    let image = |package: &str, name: &str| {
        let ending = format!("image/{name}");
        let folder = format!("target/{package}/");
        let found = built
            .stdout
            .lines()
            .find(|line| line.starts_with(&folder) && line.ends_with(&ending));
        root().join(found.expect("the build lists what it made"))
    };
    let (hypervisor, guest) = (
        image("hypervisor", "hypervisor"),
        image("gkernel", "gkernel"),
    );
    let reports = changed.path().join("reports");
    let ran = harness(&[
        "run",
        "--root",
        &changed.path().to_string_lossy(),
        "--arch",
        arch,
        "--image",
        &hypervisor.to_string_lossy(),
        "--guest",
        &guest.to_string_lossy(),
        "--report-dir",
        &reports.to_string_lossy(),
        "--format",
        "json",
    ]);
    assert_eq!(ran.code, Some(1), "{}\n{}", ran.stdout, ran.stderr);
    let report = ran.json();
    assert_eq!(
        report["verdict"]["kind"], "hypervisor-error",
        "{}",
        ran.stdout
    );
    assert_eq!(report["fault"], "hypervisor");
    report["verdict"]["error"].as_str().unwrap().to_owned()
}

#[test]
fn a_riscv64_hart_without_the_hypervisor_extension() {
    let error = boot_without("riscv64", "rv64,h=true", "rv64,h=false");
    assert!(
        error.contains("no H-extension") && error.contains("-cpu rv64,h=true"),
        "{error}"
    );
}

#[test]
fn an_aarch64_machine_without_el2() {
    let error = boot_without("aarch64", "virt,virtualization=on", "virt");
    assert!(error.contains("-machine virt,virtualization=on"), "{error}");
}

#[test]
fn an_aarch64_cpu_without_vhe() {
    let error = boot_without("aarch64", "\"max\"", "\"cortex-a72\"");
    assert!(error.contains("-cpu max"), "{error}");
}

#[test]
fn an_x86_64_cpu_without_svm() {
    let error = boot_without("x86_64", "\"EPYC\"", "\"EPYC,svm=off\"");
    assert!(
        error.contains("no SVM") && error.contains("-cpu EPYC"),
        "{error}"
    );
}

/// It has another of SVM's features, so that not all of them are missing.
#[test]
fn an_x86_64_cpu_without_nested_paging() {
    let error = boot_without("x86_64", "\"EPYC\"", "\"EPYC,npt=off,vgif=on\"");
    assert!(
        error.contains("no nested paging") && error.contains("-cpu EPYC"),
        "{error}"
    );
}
