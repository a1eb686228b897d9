//! What `x` sets up, and what it says where it cannot.

use crate::checkout::{Checkout, built};
use std::fs;

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

/// An image is judged without a browser, and without what a guest is built with.
#[test]
fn judging_takes_only_a_compiler_qemu_and_the_harness() {
    let checkout = Checkout::new();
    fs::remove_file(checkout.path("bin/chromium")).unwrap();
    fs::remove_dir_all(checkout.path("sysroot/lib/rustlib")).unwrap();
    assert_eq!(checkout.x(&["setup"]).status.code(), Some(4));
    let ran = checkout.x(&["setup", "judge"]);
    assert!(ran.status.success(), "{ran:#?}");
    assert!(
        String::from_utf8_lossy(&ran.stdout).starts_with("harness "),
        "{ran:#?}"
    );
    assert!(checkout.path("target/debug/harness").is_file());
    fs::remove_file(checkout.path("bin/qemu-system-riscv64")).unwrap();
    let ran = checkout.x(&["setup", "judge"]);
    assert_eq!(ran.status.code(), Some(4), "{ran:#?}");
}

/// The variable goes over rust-toolchain.toml, for cargo too.
#[test]
fn another_toolchain_in_the_environment_does_not_count() {
    for is_there in [true, false] {
        let mut checkout = Checkout::new();
        let pinned = checkout.version.clone();
        let sysroot = checkout.path("sysroot").display().to_string();
        let installed = checkout.path("installed").display().to_string();
        if is_there {
            fs::write(&installed, "").unwrap();
        }
        checkout.program(
            "rustup",
            &format!(
                "case $1 in\n--print) echo {sysroot} ;;\ntoolchain) : >{installed} ;;\n\
                 --version) case $RUSTUP_TOOLCHAIN in\n\
                 {pinned} | '') [ -e {installed} ] && echo 'rustc {pinned} (of a test)' ;;\n\
                 *) echo 'rustc 1.99.0-nightly (of a test)' ;; esac ;;\n*) exit 1 ;; esac"
            ),
        );
        let built_with = checkout.path("built-with").display().to_string();
        let cargo = fs::read_to_string(checkout.path("bin/cargo")).unwrap();
        checkout.program(
            "cargo",
            &format!("echo \"$RUSTUP_TOOLCHAIN\" >{built_with}\n{cargo}"),
        );
        checkout.variables.push(("RUSTUP_TOOLCHAIN", "nightly"));
        let ran = checkout.x(&["list"]);
        assert!(ran.status.success(), "{ran:#?}");
        assert_eq!(
            fs::read_to_string(built_with).unwrap().trim(),
            pinned,
            "{ran:#?}"
        );
    }
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
