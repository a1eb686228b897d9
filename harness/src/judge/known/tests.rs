use super::*;
use crate::judge::audit::{Access, Behind};
use crate::judge::hvlog::console::printed_load;
use crate::judge::witness::{Account, Format};

const GUEST: u64 = 0xffff_ffe0_8020_0000;
const HYPERVISOR: u64 = 0xffff_ffc0_8020_0000;

fn guest(path: &str, runs: u64) -> KnownGuest {
    KnownGuest {
        runs,
        path: path.into(),
        bytes: 110_656,
        gpa: Some(0x8020_0000),
        code: vec![Span::new(GUEST, 0x10000), Span::new(0x8020_0000, 0x10000)],
    }
}

fn known() -> Known {
    let pflash = Window {
        name: "pflash".into(),
        guest: Span::new(0x2200_0000, 0x200_0000),
        access: Access::try_from("r".to_owned()).unwrap(),
        behind: Behind::At { hpa: 0x2200_0000 },
    };
    Known {
        guests: vec![guest("/sbin/first", 20), guest("/sbin/second", 1)],
        hypervisor: vec![Span::new(HYPERVISOR, 0x7e000)],
        windows: vec![pflash],
    }
}

/// What is known against an event, when so many guests have ended.
fn objection(event: &str, ended: u64) -> Option<String> {
    known().objection(&HvEvent::parse(event).unwrap(), ended)
}

#[test]
fn a_true_report_is_not_objected_to() {
    for (event, ended) in [
        ("load path=/sbin/first bytes=110656 gpa=0x80200000", 0),
        ("load path=/sbin/first bytes=110656 gpa=0x80200000", 19),
        ("load path=/sbin/second bytes=0x1b040 gpa=2149580800", 20),
        ("enter pc=0x80200000", 0),
        (
            "exit kind=npf gpa=0x23ffffff access=read action=map window=pflash",
            0,
        ),
        ("exit kind=idle", 0),
        ("host canary=intact pages=0 most=1", 0),
    ] {
        assert_eq!(objection(event, ended), None, "{event}");
    }
    let nothing = Known::default();
    let lie = HvEvent::parse("load path=x bytes=1 gpa=0x0").unwrap();
    assert_eq!(nothing.objection(&lie, 0), None);
}

#[test]
fn a_fact_that_is_told_otherwise_is_named_with_both_values() {
    for (event, ended, expected) in [
        (
            "load path=/sbin/second bytes=110656 gpa=0x80200000",
            19,
            "path=/sbin/second, and /sbin/first was due",
        ),
        (
            "load path=/sbin/first bytes=110656 gpa=0x80200000",
            20,
            "path=/sbin/first, and /sbin/second was due",
        ),
        (
            "load path=/sbin/first bytes=1 gpa=0x80200000",
            0,
            "bytes=1, but the file's size is 110656",
        ),
        (
            "load path=/sbin/first bytes=110656 gpa=0xdead",
            0,
            "gpa=0xdead, but the guest is declared at 0x80200000",
        ),
        (
            "enter pc=0x0",
            0,
            "pc=0x0, but the guest begins at 0x80200000",
        ),
        (
            "exit kind=npf gpa=0x22000000 access=read action=map window=nothing",
            0,
            "window=nothing, and the scenario declares pflash",
        ),
        (
            "exit kind=npf gpa=0x24000000 access=read action=map window=pflash",
            0,
            "gpa=0x24000000 in window=pflash, which the scenario declares at 0x22000000 to 0x24000000",
        ),
        (
            "exit kind=npf gpa=0x21ffffff access=read action=map window=pflash",
            0,
            "gpa=0x21ffffff in window=pflash",
        ),
    ] {
        let because = objection(event, ended).unwrap_or_default();
        assert!(because.contains(expected), "{event}: {because}");
    }
}

#[test]
fn people_are_told_of_the_guest_that_was_loaded() {
    let objection = |line: &str| known().objection_to_line(&printed_load(line).unwrap());
    for right in [
        "Loaded 110656 bytes from /sbin/first",
        "Loaded 110656 bytes (28 pages) from /sbin/second",
    ] {
        assert_eq!(objection(right), None, "{right}");
    }
    for (wrong, expected) in [
        (
            "Loaded 1 bytes from /sbin/first",
            "1 bytes were loaded from /sbin/first, which has 110656",
        ),
        (
            "Loaded 110656 bytes (27 pages) from /sbin/first",
            "27 pages, and its 110656 bytes fill 28",
        ),
        (
            "Loaded 110656 bytes from /sbin/third",
            "no guest of this run",
        ),
    ] {
        let because = objection(wrong).unwrap_or_default();
        assert!(because.contains(expected), "{wrong}: {because}");
    }
    let line = printed_load("Loaded 1 bytes from /sbin/first").unwrap();
    assert_eq!(Known::default().objection_to_line(&line), None);
}

/// QEMU's log of a call, and of a fetch and a load that fault, each at a place.
fn logged(call: u64, fetch: u64, load: u64) -> Account {
    let trap = |cause: u32, pc: u64| {
        format!("riscv_trap hart:0, async:0, cause:{cause}, epc:{pc:#x}, tval:{pc:#x}, desc=x\n")
    };
    let log = [trap(10, call), trap(20, fetch), trap(21, load)].concat();
    Account::read(Format::RiscvTrap, log.as_bytes()).unwrap()
}

#[test]
fn an_exit_belongs_to_who_has_code_there() {
    let strangers = |rule, call, fetch, load| known().strangers(rule, &logged(call, fetch, load));
    let elsewhere = 0x1000;
    for rule in [Pc::Guest, Pc::NotHypervisor, Pc::Any] {
        // Its last page is whole, and before translation is on it runs where it was loaded. Of a fetch the
        // log has only where it went.
        let found = strangers(rule, GUEST, HYPERVISOR, 0x8020_ffff);
        assert!(found.is_empty(), "{rule:?}: {found:?}");
    }
    assert!(strangers(Pc::NotHypervisor, elsewhere, 0, GUEST).is_empty());
    assert_eq!(
        strangers(Pc::Guest, elsewhere, 0, GUEST),
        ["hypercall: QEMU logged an exit at pc 0x1000: that is no code of the guest's"]
    );
    for rule in [Pc::Guest, Pc::NotHypervisor] {
        assert_eq!(
            strangers(rule, GUEST, 0, HYPERVISOR + 0x1234),
            [
                "npf: QEMU logged an exit at pc 0xffffffc080201234: that is the hypervisor's own code"
            ]
        );
    }
    assert!(strangers(Pc::Any, elsewhere, 0, HYPERVISOR).is_empty());
}

#[test]
fn where_both_have_code_or_a_guest_is_flat_nothing_is_told() {
    let mut known = known();
    known.hypervisor.push(Span::new(GUEST, 0x1000));
    let qemu = logged(GUEST, 0, GUEST);
    assert!(known.strangers(Pc::NotHypervisor, &qemu).is_empty());
    known.guests[1].code.clear();
    let qemu = logged(HYPERVISOR, 0, HYPERVISOR);
    assert!(known.strangers(Pc::Guest, &qemu).is_empty());
}

#[test]
fn very_many_places_are_told_as_a_few() {
    let log: String = (0..5000_u64)
        .map(|page| {
            let pc = page * 4096;
            format!("riscv_trap hart:0, async:0, cause:10, epc:{pc:#x}, tval:0x0, desc=x\n")
        })
        .collect();
    let qemu = Account::read(Format::RiscvTrap, log.as_bytes()).unwrap();
    assert_eq!((qemu.places.len(), qemu.elsewhere), (4096, 904));
    let strangers = known().strangers(Pc::Guest, &qemu);
    assert_eq!(strangers.len(), TOLD + 2, "{strangers:?}");
    assert!(strangers[TOLD].contains("4092 more such pages"));
    assert!(strangers[TOLD + 1].contains("904 were not compared"));
}
