use super::*;
use crate::judge::witness::Format;

/// What the accounts have against each other if the hypervisor reports `faults` mapped, and then `end`, and
/// QEMU logged data aborts at `logged`.
fn against(faults: &[u64], end: &str, logged: &[u64]) -> Vec<String> {
    let mut lines = vec![
        "start arch=aarch64 mode=el1".to_owned(),
        "load path=/sbin/g bytes=1 gpa=0x40200000".to_owned(),
        "enter pc=0x40200000".to_owned(),
    ];
    lines.extend(
        faults
            .iter()
            .map(|gpa| format!("exit kind=npf gpa={gpa:#x} access=read action=map window=pflash")),
    );
    lines.push("host canary=intact pages=0 most=1".to_owned());
    lines.push(format!("end {end}"));
    let mut hypervisor = Listener::new("cafe");
    for (number, line) in lines.iter().enumerate() {
        let heard = hypervisor.line(&format!("@hv cafe {number} {line}"));
        assert!(
            !matches!(heard, crate::judge::hvlog::Heard::Broken(_)),
            "{heard:?}"
        );
    }
    let mut qemu = Account::new(Format::Aarch64Int);
    qemu.npf = logged.len() as u64;
    qemu.hypercall = 1;
    qemu.faults = logged
        .iter()
        .map(|va| LoggedFault {
            at: Address::Va(*va),
            access: Access::Read,
            during_walk: Some(false),
        })
        .collect();
    let accounts = Accounts {
        printed: &[],
        guest_lines: 0,
        hypervisor: &hypervisor,
        qemu: &qemu,
    };
    accounts.contradictions(&Expected::default())
}

const GICD: u64 = 0xFFFF_FF80_0800_0004;
const FLASH: u64 = 0xFFFF_FF80_0400_0123;

#[test]
fn accesses_to_devices_are_faults_in_the_log() {
    let end = "outcome=shutdown exits=4 npf=1 mmio=2 hypercalls=1";
    let none: [String; 0] = [];
    assert_eq!(against(&[0x400_0123], end, &[GICD, FLASH, GICD]), none);
    // There are as many as the hypervisor says.
    let found = against(&[0x400_0123], end, &[GICD, FLASH]);
    assert!(found[0].contains("counted 3, QEMU logged 2"), "{found:?}");
    let hidden = "outcome=shutdown exits=4 npf=1 hypercalls=1";
    let found = against(&[0x400_0123], hidden, &[FLASH, GICD, GICD]);
    assert!(found[0].contains("counted 1, QEMU logged 3"), "{found:?}");
}

#[test]
fn faults_among_accesses_are_in_order() {
    let end = "outcome=shutdown exits=4 npf=2 mmio=1 hypercalls=1";
    let none: [String; 0] = [];
    let logged = [FLASH, GICD, FLASH + 0x1000 + 1];
    assert_eq!(against(&[0x400_0123, 0x400_1124], end, &logged), none);
    let found = against(&[0x400_1124, 0x400_0123], end, &logged);
    assert!(
        found[0].contains("says 0x4000123 (read), which is not among"),
        "{found:?}"
    );
}

#[test]
fn accesses_to_devices_are_exits() {
    let mut hypervisor = Listener::new("cafe");
    let heard =
        hypervisor.line("@hv cafe 0 end outcome=shutdown exits=2 npf=0 mmio=2 hypercalls=1");
    assert!(
        matches!(heard, crate::judge::hvlog::Heard::Broken(_)),
        "{heard:?}"
    );
}
