use super::*;
use crate::judge::audit::testing::{access, mapping, region};
use crate::judge::audit::{Behind, Difference, Isa, Moment, OpenMsrs, RegionKind, Text, Window};
use std::collections::BTreeMap;

fn snapshot() -> Snapshot {
    let registers = [
        ("asid", 1),
        ("intercept1", 1 << 27 | 1 << 28 | 1),
        ("intercept_cr", 1 << 16),
        ("n_cr3", 0x10_0000),
        ("tlb_control", 0),
    ];
    let text = |of: &str, differs| Text {
        of: of.into(),
        hpa: 0x20_0000,
        size: 0x1800,
        differs,
    };
    Snapshot {
        at: Moment::Symbol {
            name: "hv_x86_64_enter".into(),
            nth: 1,
        },
        at_entry: true,
        in_guest: false,
        registers: registers
            .map(|(name, value)| (name.to_owned(), value))
            .into(),
        format: Some("nested paging, 4 levels".into()),
        mappings: vec![
            mapping(0, 0x100_0000, 0x20_1000, "rwx"),
            mapping(0xffc0_0000, 0xffc0_0000, 0x1000, "r"),
        ],
        tables: vec![Span::new(0x10_0000, 0x4000)],
        open_ports: vec![Span::new(0x3f8, 8)],
        open_msrs: vec![OpenMsrs {
            span: Span::new(0xc000_0080, 1),
            access: access("rw"),
        }],
        image: vec![Span::new(0x20_0000, 0x12345)],
        texts: vec![
            text("hypervisor", None),
            text(
                "hello",
                Some(Difference {
                    hpa: 0x20_0004,
                    address: 0x1004,
                    loaded: 1,
                    found: 2,
                }),
            ),
        ],
        regions: Vec::new(),
        gaps: vec!["the MSR permissions map at HPA 0x0 cannot be read: no memory is there".into()],
        took_ms: 4.0,
    }
}

fn regions() -> Regions {
    Regions::new(vec![
        region(0, 0x800_0000, RegionKind::Ram, "pc.ram"),
        region(0xffc0_0000, 0x3c_0000, RegionKind::Rom, "system.flash1"),
    ])
}

#[test]
fn a_snapshot_is_shown_as_tables() {
    let window = |name: &str, start, size| Window {
        name: name.into(),
        guest: Span::new(start, size),
        access: access("rwx"),
        behind: Behind::Private,
    };
    let expected = Expected {
        isa: Isa::X86_64,
        windows: vec![
            window("flash", 0xffc0_0000, 0x3c_0000),
            window("ram", 0, 0x20_0000),
        ],
        registers: BTreeMap::new(),
        ports: Vec::new(),
        msrs: Vec::new(),
        symbols: Vec::new(),
        texts: Vec::new(),
    };
    let text = table(&snapshot(), &regions(), Some(&expected));
    insta::assert_snapshot!("table", text);
}

#[test]
fn a_snapshot_of_nothing_is_a_line() {
    let nothing = Snapshot {
        at: Moment::Time { seconds: 0.25 },
        at_entry: false,
        in_guest: false,
        registers: BTreeMap::new(),
        format: None,
        mappings: Vec::new(),
        tables: Vec::new(),
        open_ports: Vec::new(),
        open_msrs: Vec::new(),
        image: Vec::new(),
        texts: Vec::new(),
        regions: Vec::new(),
        gaps: Vec::new(),
        took_ms: 0.0,
    };
    let text = table(&nothing, &Regions::default(), None);
    assert_eq!(text, "after 0.250 s, second stage: none\n");
}
