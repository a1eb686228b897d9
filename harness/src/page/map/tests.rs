//! Maps of a machine with a hypervisor, its tables, a guest's memory, a UART and a flash.

use super::*;
use serde_json::{Value, json};

/// RAM at 0x8000_0000 with the hypervisor, its tables and the guest's memory; a UART, a flash.
fn snapshot(mappings: Value) -> Snapshot {
    let region = |start: u64, size: u64, kind: &str, name: &str| json!({"span": {"start": start, "size": size}, "kind": kind, "name": name});
    let snapshot = json!({
        "at": {"when": "exits", "count": 1},
        "at_entry": true,
        "registers": {},
        "format": "Sv39x4",
        "mappings": mappings,
        "tables": [{"start": 0x8040_0000_u64, "size": 0x5000}],
        "image": [{"start": 0x8020_0000_u64, "size": 0x1000}, {"start": 0x8020_2000_u64, "size": 0x800}],
        "regions": [
            region(0x10_0000, 0x1000, "device", "test"),
            region(0x1000_0000, 0x100, "device", "uart"),
            region(0x1000_1000, 0x1000, "device", "virtio"),
            region(0x1000_2000, 0x1000, "device", "virtio"),
            region(0x1000_3000, 0x1000, "device", "rtc"),
            region(0x2000_0000, 0x200_0000, "rom", "flash0"),
            region(0x8000_0000, 0x800_0000, "ram", "ram"),
        ],
        "took_ms": 1.0,
    });
    serde_json::from_value(snapshot).unwrap()
}

fn expected() -> Expected {
    let expected = json!({"isa": "riscv64", "windows": [
        {"name": "ram", "start": 0x8000_0000_u64, "size": 0x100_0000, "access": "rwx", "behind": "private"},
        {"name": "flash", "start": 0x2000_0000, "size": 0x200_0000, "access": "r", "behind": "at",
         "hpa": 0x2000_0000},
    ]});
    serde_json::from_value(expected).unwrap()
}

/// The map, a line for each part and each band.
fn drawn(mappings: Value) -> Vec<String> {
    let (snapshot, expected) = (snapshot(mappings), expected());
    let regions = Regions::new(snapshot.regions.clone());
    let breaches: Vec<_> = expected.breaches(&snapshot, &regions);
    let mut texts = Texts::default();
    let map = of(&snapshot, Some(&expected), &regions, &breaches, &mut texts);
    let texts = texts.list();
    let name = |id: Option<usize>| id.map_or("", |id| &texts[id]).to_owned();
    let part = |side: &str, part: &Part| {
        let label = name(part.label);
        format!("{side} {}..{} {} {label}", part.start, part.end, part.kind)
            .trim_end()
            .to_owned()
    };
    let band = |band: &Band| {
        let breaches: Vec<_> = band.breaches.iter().map(|&id| &*texts[id]).collect();
        let Band {
            guest,
            host,
            access,
            ..
        } = band;
        format!(
            "{guest:?} -> {host:?} {access} {} {breaches:?}",
            name(band.window)
        )
    };
    let guest = map.guest.iter().map(|p| part("guest", p));
    let host = map.host.iter().map(|p| part("host", p));
    guest
        .chain(host)
        .chain(map.bands.iter().map(band))
        .collect()
}

#[test]
fn a_map_has_no_holes_and_says_what_is_mapped_declared_and_neither() {
    insta::assert_json_snapshot!(drawn(json!([
        {"gpa": 0x2000_0000, "hpa": 0x2000_0000, "size": 0x1000, "access": "r"},
        {"gpa": 0x8000_0000_u64, "hpa": 0x8100_0000_u64, "size": 0x100_0000, "access": "rwx"},
    ])));
}

#[test]
fn a_breach_is_a_band_of_its_own() {
    insta::assert_json_snapshot!(drawn(json!([
        {"gpa": 0x1000_0000, "hpa": 0x1000_0000, "size": 0x1000, "access": "rw"},
        {"gpa": 0x8000_0000_u64, "hpa": 0x8020_0000_u64, "size": 0x100_0000, "access": "rwx"},
    ])));
}

#[test]
fn of_very_many_mappings_those_with_a_breach_and_the_largest_are_drawn() {
    let mapping = |nth: u64| {
        let gpa = 0x8000_0000 + nth * 0x2000;
        json!({"gpa": gpa, "hpa": 0x8200_0000 + nth * 0x2000, "size": 0x1000, "access": "rw"})
    };
    let mut mappings: Vec<_> = (0..200).map(mapping).collect();
    mappings.push(
        json!({"gpa": 0x9000_0000_u64, "hpa": 0x8400_0000_u64, "size": 0x1000, "access": "r"}),
    );
    let (snapshot, expected) = (snapshot(json!(mappings)), expected());
    let regions = Regions::new(snapshot.regions.clone());
    let breaches = expected.breaches(&snapshot, &regions);
    let map = of(
        &snapshot,
        Some(&expected),
        &regions,
        &breaches,
        &mut Texts::default(),
    );
    assert_eq!((map.bands.len(), map.left_out), (BANDS, 201 - BANDS));
    assert_eq!(
        map.bands
            .iter()
            .filter(|band| !band.breaches.is_empty())
            .count(),
        1
    );
}

/// What a part is, by an address within it.
fn kinds(parts: &[Part], addresses: &[u64]) -> Vec<&'static str> {
    let number = |text: &str| u64::from_str_radix(text.trim_start_matches("0x"), 16).unwrap();
    let has = |part: &&Part, at: u64| (number(&part.start)..number(&part.end)).contains(&at);
    let kind = |&at: &u64| parts.iter().find(|part| has(part, at)).unwrap().kind;
    addresses.iter().map(kind).collect()
}

/// A mapping whose band is left out is mapped all the same.
#[test]
fn what_is_mapped_is_never_drawn_as_not_mapped() {
    for (spacing, undrawn) in [(0x1000, 12), (0x3000, 12)] {
        // Every other page leads elsewhere, so that no two of them are one mapping.
        let mapping = |nth: u64| json!({"gpa": 0x8000_0000 + nth * spacing, "hpa": 0x8200_0000 + nth * 0x3000, "size": 0x1000, "access": "rwx"});
        let mappings: Vec<_> = (0..60).map(mapping).collect();
        let (snapshot, expected) = (snapshot(json!(mappings)), expected());
        let regions = Regions::new(snapshot.regions.clone());
        let map = of(
            &snapshot,
            Some(&expected),
            &regions,
            &[],
            &mut Texts::default(),
        );
        assert_eq!((map.bands.len(), map.left_out), (BANDS, undrawn));
        let guest: Vec<_> = (0..60).map(|nth| 0x8000_0000 + nth * spacing).collect();
        let host: Vec<_> = (0..60).map(|nth| 0x8200_0000 + nth * 0x3000).collect();
        for (parts, addresses, drawn, free) in [
            (&map.guest, &guest, "mapped", ["declared", "declared"]),
            (&map.host, &host, "ram", ["ram", "ram"]),
        ] {
            let found = kinds(parts, addresses);
            assert!(
                found[..BANDS].iter().all(|kind| *kind == drawn),
                "{found:?}"
            );
            assert!(
                found[BANDS..].iter().all(|kind| *kind == "undrawn"),
                "{found:?}"
            );
            // What nobody mapped stays what it is.
            let last = addresses[59];
            assert_eq!(kinds(parts, &[last + 0x1000, last + 0x8_0000]), free);
            assert!(parts.len() < 3 * BANDS, "{}", parts.len());
        }
    }
}

#[test]
fn nothing_is_drawn_of_a_guest_without_a_second_stage() {
    let mut none = snapshot(json!([]));
    (none.regions, none.image, none.tables) = (Vec::new(), Vec::new(), Vec::new());
    let map = of(&none, None, &Regions::default(), &[], &mut Texts::default());
    assert_eq!(
        (map.guest.len(), map.host.len(), map.bands.len()),
        (0, 0, 0)
    );
}

#[test]
fn addresses_at_the_very_end_are_no_harm() {
    let beyond = drawn(json!([
        {"gpa": u64::MAX, "hpa": 0, "size": 0x1000, "access": "rw"},
        {"gpa": 0, "hpa": u64::MAX, "size": u64::MAX, "access": "rw"},
    ]));
    assert!(beyond.iter().all(|line| !line.contains("->")), "{beyond:?}");
    let last = u64::MAX - 0xfff;
    let lines = drawn(json!([{"gpa": last, "hpa": last, "size": 0x1000, "access": "rw"}]));
    assert!(
        lines.iter().any(|line| line.contains("0xfffffffffffff000")),
        "{lines:?}"
    );
}
