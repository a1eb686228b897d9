//! The audit of somebody else's hypervisor, of which nothing but its images is known: two recorded runs of
//! arceos-guestaspace 0.4.6 (tests/foreign/guestaspace-audit.toml). Its own check passes in both.

mod support;

use support::{harness, root};

fn recorded(arch: &str) -> String {
    let folder = root().join(format!("fixtures/foreign/audit-guestaspace-{arch}"));
    folder.to_string_lossy().into_owned()
}

/// What the machine held, and what is wrong with that.
fn audit(arch: &str) -> String {
    let ran = harness(&["audit", &recorded(arch)]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(1), ""), "{ran:#?}");
    ran.stdout
}

#[test]
fn a_guest_that_reaches_its_own_tables_is_named() {
    insta::assert_snapshot!(audit("riscv64"));
}

#[test]
fn a_guest_that_has_every_port_is_named() {
    insta::assert_snapshot!(audit("x86_64"));
}

#[test]
fn the_records_have_the_verdict_of_the_run() {
    for arch in ["riscv64", "x86_64"] {
        let ran = harness(&["judge", &recorded(arch), "--format", "json"]);
        assert_eq!(ran.code, Some(1), "{ran:#?}");
        assert_eq!(ran.json()["verdict"]["kind"], "isolation-broken");
        assert_eq!(ran.json()["audit"]["snapshots"], 1);
    }
}
