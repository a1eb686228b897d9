use super::*;

/// What QEMU 10.0 says of a q35, much of it left out.
const Q35: &str = "\
FlatView #0
 AS \"mch\", root: bus master container
 Root memory region: (none)
  No rendered FlatView

FlatView #1
 AS \"I/O\", root: io
 Root memory region: io
  0000000000000000-0000000000000007 (prio 0, i/o): dma-chan

FlatView #2
 AS \"memory\", root: system
 AS \"cpu-memory-0\", root: system
 Root memory region: system
  0000000000000000-000000000009ffff (prio 0, ram): pc.ram
  00000000000a0000-00000000000bffff (prio 1, i/o): vga-lowmem
  00000000000e0000-00000000000fffff (prio 0, rom): pc.bios @0000000000020000
  0000000000100000-0000000007ffffff (prio 0, ram): pc.ram @0000000000100000 KVM
  0000000008000000-0000000008000fff (prio 0, nv-ram): nvdimm
  00000000ffc00000-00000000fffbffff (prio 0, romd): system.flash1
  00000000fffc0000-ffffffffffffffff (prio 0, ramd): all the rest KVM

FlatView #3
 AS \"cpu-smm-0\", root: memory
 Root memory region: memory
  0000000000000000-00000000ffffffff (prio 0, ram): smram
";

fn of_q35() -> Regions {
    Regions::parse(Q35).unwrap()
}

#[test]
fn the_processors_view_of_the_machine_is_read() {
    let region = |start, end, kind, name: &str, offset| Region {
        span: Span::between(start, end),
        kind,
        name: name.into(),
        offset,
    };
    use RegionKind::{Device, Ram, Rom};
    let wanted = [
        region(0, 0xa_0000, Ram, "pc.ram", 0),
        region(0xa_0000, 0xc_0000, Device, "vga-lowmem", 0),
        region(0xe_0000, 0x10_0000, Rom, "pc.bios", 0x2_0000),
        region(0x10_0000, 0x800_0000, Ram, "pc.ram", 0x10_0000),
        region(0x800_0000, 0x800_1000, Ram, "nvdimm", 0),
        region(0xffc0_0000, 0xfffc_0000, Rom, "system.flash1", 0),
        region(0xfffc_0000, u64::MAX, Device, "all the rest", 0),
    ];
    assert_eq!(of_q35().list(), wanted);
}

#[test]
fn an_address_is_in_one_region_or_in_none() {
    let regions = of_q35();
    let name = |hpa| regions.at(hpa).map(|region| &*region.name);
    assert_eq!(name(0), Some("pc.ram"));
    assert_eq!(name(0x9_ffff), Some("pc.ram"));
    assert_eq!(name(0xa_0000), Some("vga-lowmem"));
    assert_eq!(name(0xc_0000), None);
    assert_eq!(name(0x1000_0000), None);
    let span = Span::between(0x9_f000, 0xe_1000);
    let names: Vec<_> = regions.touching(span).map(|region| &*region.name).collect();
    assert_eq!(names, ["pc.ram", "vga-lowmem", "pc.bios"]);
}

#[test]
fn an_answer_without_that_view_is_refused() {
    for answer in [
        "",
        "unknown command: 'info mtree -f'",
        "FlatView #0\n AS \"I/O\", root: io\n",
    ] {
        let error = Regions::parse(answer).unwrap_err();
        assert_eq!(
            error,
            "QEMU's memory map has no view of the address space `memory`"
        );
    }
    let empty = "FlatView #0\n AS \"memory\", root: system\n  0000-0 (prio 0, ram)\n  z-1 (prio 0, ram): a\n";
    assert_eq!(
        Regions::parse(empty).unwrap_err(),
        "QEMU's memory map of the address space `memory` is empty"
    );
}
