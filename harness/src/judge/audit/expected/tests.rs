mod registers;

use super::*;
use crate::judge::audit::testing::{access, mapping, region};
use crate::judge::audit::{Difference, Moment, RegionKind, Text};

const IMAGE: Span = Span {
    start: 0x8020_0000,
    size: 0x20_0000,
};
const TABLES: Span = Span {
    start: 0x8050_0000,
    size: 0x6000,
};

fn regions() -> Regions {
    Regions::new(vec![
        region(0x8000_0000, 0x800_0000, RegionKind::Ram, "board.ram"),
        region(0x1000_0000, 8, RegionKind::Device, "serial"),
        region(0x2200_0000, 0x200_0000, RegionKind::Rom, "flash1"),
    ])
}

fn window(name: &str, gpa: u64, size: u64, letters: &str, behind: Behind) -> Window {
    Window {
        name: name.into(),
        guest: Span::new(gpa, size),
        access: access(letters),
        behind,
    }
}

/// RAM of 2 MiB, and a flash to read.
fn expected(isa: Isa) -> Expected {
    let flash = Behind::At { hpa: 0x2200_0000 };
    Expected {
        isa,
        windows: vec![
            window("ram", 0x8000_0000, 0x20_0000, "rwx", Behind::Private),
            window("flash", 0x2200_0000, 0x10_0000, "r", flash),
        ],
        registers: BTreeMap::new(),
        ports: vec![Span::new(0x80, 1)],
        msrs: vec![OpenMsrs {
            span: Span::new(0xc000_0080, 4),
            access: access("r"),
        }],
        symbols: Vec::new(),
        texts: Vec::new(),
    }
}

/// A guest that has what is expected, and nothing else.
fn confined(registers: &[(&str, u64)]) -> Snapshot {
    let registers = registers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), *value));
    Snapshot {
        at: Moment::Exits { count: 1 },
        at_entry: true,
        in_guest: false,
        registers: registers.collect(),
        format: Some("Sv39x4".into()),
        mappings: vec![
            mapping(0x2200_0000, 0x2200_0000, 0x10_0000, "r"),
            mapping(0x8000_0000, 0x8100_0000, 0x20_0000, "rwx"),
        ],
        tables: vec![TABLES],
        open_ports: Vec::new(),
        open_msrs: Vec::new(),
        image: vec![IMAGE],
        texts: Vec::new(),
        regions: Vec::new(),
        gaps: Vec::new(),
        took_ms: 1.0,
    }
}

fn on_riscv64() -> Snapshot {
    confined(&[
        ("hgatp", 8 << 60),
        ("hstatus", 1 << 21),
        ("hedeleg", 0xb1ff),
    ])
}

fn told(expected: &Expected, snapshot: &Snapshot) -> Vec<String> {
    let breaches = expected.breaches(snapshot, &regions());
    for breach in &breaches {
        let json = serde_json::to_string(breach).unwrap();
        let again: Breach = serde_json::from_str(&json).unwrap();
        assert_eq!(again, *breach, "{json}");
    }
    breaches.iter().map(ToString::to_string).collect()
}

#[test]
fn a_guest_that_has_what_was_declared_is_confined() {
    let expected = expected(Isa::Riscv64);
    assert_eq!(told(&expected, &on_riscv64()), [""; 0]);
    // Less is no breach.
    let mut less = on_riscv64();
    less.mappings = vec![mapping(0x8000_1000, 0x8100_0000, 0x1000, "r")];
    assert_eq!(told(&expected, &less), [""; 0]);
}

/// Each rule about memory, broken once.
#[test]
fn a_mapping_that_was_not_declared_is_told_by_address_permission_and_owner() {
    let also = |gpa, hpa, size, may| {
        let mut snapshot = on_riscv64();
        snapshot.mappings.push(mapping(gpa, hpa, size, may));
        snapshot
    };
    let instead = |nth: usize, with| {
        let mut snapshot = on_riscv64();
        snapshot.mappings[nth] = with;
        snapshot
    };
    let cases = [
        (
            also(0x1000_0000, 0x1000_0000, 0x1000, "rw"),
            vec![
                "GPA 0x10000000..0x10001000 -> HPA 0x10000000..0x10001000 (the host's device `serial`), read-write, is in no declared window",
            ],
        ),
        (
            also(0x9000_0000, 0x6000_0000, 0x1000, "x"),
            vec![
                "GPA 0x90000000..0x90001000 -> HPA 0x60000000..0x60001000 (nothing that the machine has), execute, is in no declared window",
            ],
        ),
        (
            // One mapping that starts in a window and goes on behind it.
            instead(1, mapping(0x8000_0000, 0x8100_0000, 0x20_1000, "rwx")),
            vec![
                "GPA 0x80200000..0x80201000 -> HPA 0x81200000..0x81201000 (the host's RAM `board.ram`), read-write-execute, is in no declared window",
            ],
        ),
        (
            instead(0, mapping(0x2200_0000, 0x2200_1000, 0x1000, "r")),
            vec![
                "GPA 0x22000000..0x22001000 -> HPA 0x22001000..0x22002000 (the host's ROM `flash1`), read, is in window `flash`, which is declared to lead to HPA 0x22000000",
            ],
        ),
        (
            instead(0, mapping(0x2200_1000, 0x2200_1000, 0x1000, "rw")),
            vec![
                "GPA 0x22001000..0x22002000 -> HPA 0x22001000..0x22002000 (the host's ROM `flash1`), read-write, is in window `flash`, which is declared read",
            ],
        ),
        (
            instead(1, mapping(0x8000_0000, 0x1000_0000, 0x1000, "rw")),
            vec![
                "GPA 0x80000000..0x80001000 -> HPA 0x10000000..0x10001000 (the host's device `serial`), read-write, is in window `ram`, which is declared to be RAM of the guest's own",
            ],
        ),
        (
            // RAM up to its end, and a page behind it.
            instead(1, mapping(0x8000_0000, 0x87ff_f000, 0x2000, "rw")),
            vec![
                "GPA 0x80001000..0x80002000 -> HPA 0x88000000..0x88001000 (nothing that the machine has), read-write, is in window `ram`, which is declared to be RAM of the guest's own",
            ],
        ),
        (
            instead(1, mapping(0x8000_0000, 0x8020_0000, 0x1000, "r")),
            vec![
                "GPA 0x80000000..0x80001000 -> HPA 0x80200000..0x80201000 (the hypervisor's image), read, lets the guest reach what is the hypervisor's",
            ],
        ),
        (
            instead(1, mapping(0x8000_0000, 0x804f_f000, 0x2000, "rw")),
            vec![
                "GPA 0x80001000..0x80002000 -> HPA 0x80500000..0x80501000 (the tables that confine the guest), read-write, lets the guest reach what is the hypervisor's",
            ],
        ),
        (
            instead(0, mapping(0x8010_0000, 0x8100_0000, 0x1000, "r")),
            vec![
                "GPA 0x80100000..0x80101000 -> HPA 0x81000000..0x81001000 (the host's RAM `board.ram`), read, is in window `ram`, and the same memory is mapped at GPA 0x80000000 too",
            ],
        ),
    ];
    for (snapshot, wanted) in cases {
        assert_eq!(told(&expected(Isa::Riscv64), &snapshot), wanted);
    }
}

#[test]
fn a_declared_place_does_not_make_the_hypervisors_memory_the_guests() {
    let mut expected = expected(Isa::Riscv64);
    let hpa = IMAGE.start;
    expected.windows = vec![window("hole", 0, 0x1000, "r", Behind::At { hpa })];
    let mut snapshot = on_riscv64();
    snapshot.mappings = vec![mapping(0, hpa, 0x1000, "r")];
    let wanted = "GPA 0x0..0x1000 -> HPA 0x80200000..0x80201000 (the hypervisor's image), read, lets the guest reach what is the hypervisor's";
    assert_eq!(told(&expected, &snapshot), [wanted]);
}

#[test]
fn without_a_memory_map_no_memory_is_known_to_be_ram() {
    let found = expected(Isa::Riscv64).breaches(&on_riscv64(), &Regions::default());
    let wanted = "GPA 0x80000000..0x80200000 -> HPA 0x81000000..0x81200000 (an unknown owner's), read-write-execute, is in window `ram`, which is declared to be RAM of the guest's own";
    let found: Vec<_> = found.iter().map(ToString::to_string).collect();
    assert_eq!(found, [wanted]);
}

#[test]
fn at_an_entry_there_is_a_second_stage_and_elsewhere_registers_count_for_nothing() {
    let mut snapshot = on_riscv64();
    snapshot.format = None;
    snapshot.mappings.clear();
    snapshot.registers.insert("hstatus".into(), 1 << 9);
    assert_eq!(
        told(&expected(Isa::Riscv64), &snapshot),
        [
            "no second stage: the guest's addresses are the machine's own, so all of its memory is the guest's",
            "hstatus.HU is set: the guest's user programs may use the hypervisor's load and store instructions",
        ]
    );
    snapshot.at_entry = false;
    assert_eq!(told(&expected(Isa::Riscv64), &snapshot), [""; 0]);
}

#[test]
fn a_text_that_was_changed_and_what_could_not_be_read_are_breaches() {
    let mut snapshot = on_riscv64();
    snapshot.gaps = vec!["the table at HPA 0x0 cannot be read: no memory is there".into()];
    let text = |of: &str, differs| Text {
        of: of.into(),
        hpa: 0x8020_0000,
        size: 0x1000,
        differs,
    };
    let difference = Difference {
        hpa: 0x8020_0010,
        address: 0xffff_ffc0_8020_0010,
        loaded: 0x13,
        found: 0,
    };
    snapshot.texts = vec![text("guest", None), text("hypervisor", Some(difference))];
    assert_eq!(
        told(&expected(Isa::Riscv64), &snapshot),
        [
            "could not be audited: the table at HPA 0x0 cannot be read: no memory is there",
            "the text of hypervisor is not what was loaded: at HPA 0x80200010 (linked to 0xffffffc080200010) is 0x00, loaded was 0x13",
        ]
    );
}

#[test]
fn what_is_told_is_bounded() {
    let mut snapshot = on_riscv64();
    let stray = |nth: u64| {
        mapping(
            0x1_0000_0000 + nth * 0x2000,
            0x8200_0000 + nth * 0x1000,
            0x1000,
            "r",
        )
    };
    snapshot.mappings = (0..100).map(stray).collect();
    let told = told(&expected(Isa::Riscv64), &snapshot);
    assert_eq!(told.len(), 65);
    assert_eq!(told[64], "36 more breaches are not told");
}

#[test]
fn what_had_to_be_looked_at_was_looked_at() {
    let mut expected = expected(Isa::Riscv64);
    expected.symbols = vec!["enter".into(), "release".into()];
    expected.texts = vec!["hypervisor".into(), "guest".into()];
    let mut seen = Seen::default();
    assert_eq!(expected.missing(&seen), ["no snapshot was taken"]);
    let mut snapshot = on_riscv64();
    snapshot.at = Moment::Symbol {
        name: "enter".into(),
        nth: 1,
    };
    snapshot.texts = vec![Text {
        of: "guest".into(),
        hpa: 0,
        size: 1,
        differs: None,
    }];
    seen.note(&snapshot);
    assert_eq!(
        expected.missing(&seen),
        [
            "no snapshot was taken at release",
            "the text of hypervisor was not compared"
        ]
    );
}

#[test]
fn a_run_in_which_the_guest_was_never_met_was_not_audited() {
    let expected = expected(Isa::Aarch64);
    let mut host = confined(&[("HCR_EL2", 1 << 27)]);
    host.at_entry = false;
    host.format = None;
    host.mappings = Vec::new();
    assert_eq!(told(&expected, &host), [""; 0], "the host may do that");
    let mut seen = Seen::default();
    seen.note(&host);
    let missing = expected.missing(&seen);
    assert!(
        missing.len() == 1 && missing[0].contains("no snapshot shows a second stage"),
        "{missing:?}"
    );
    // Its tables are enough; and a guest without any has been told of already.
    for (format, at_entry) in [(Some("stage 2"), false), (None, true)] {
        let mut seen = seen.clone();
        let mut met = host.clone();
        met.format = format.map(str::to_owned);
        met.at_entry = at_entry;
        seen.note(&met);
        assert_eq!(expected.missing(&seen), [""; 0]);
    }
}

#[test]
fn what_was_declared_and_what_was_found_stand_in_files() {
    let expected = expected(Isa::X86_64);
    let json = serde_json::to_string(&expected).unwrap();
    assert_eq!(serde_json::from_str::<Expected>(&json).unwrap(), expected);
    let wanted = r#"{"name":"flash","start":570425344,"size":1048576,"access":"r","behind":"at","hpa":570425344}"#;
    assert!(json.contains(wanted), "{json}");

    let snapshot = on_riscv64();
    let json = serde_json::to_string(&snapshot).unwrap();
    assert_eq!(serde_json::from_str::<Snapshot>(&json).unwrap(), snapshot);
}
