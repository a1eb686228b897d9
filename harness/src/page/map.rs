//! What an audit saw of the memory, cut into parts that can be drawn: the guest's addresses, the machine's, and the
//! bands that join them.

use super::data::{Band, Map, Part};
use super::texts::Texts;
use crate::judge::audit::{
    Breach, Expected, Mapping, RegionKind, Regions, Snapshot, Span, Window, reach,
};

/// The most bands that are drawn; a page with more is unreadable.
const BANDS: usize = 48;

/// How far apart parts of the hypervisor's image may be that are drawn as one: what lies between is filling.
const FILLING: u64 = 8192;

/// How many devices that nobody reaches are named where several lie side by side.
const NAMED: usize = 3;

/// A mapping or a part of one: within one window or none, and with the same breaches in all of it.
struct Piece<'a> {
    mapping: Mapping,
    window: Option<&'a Window>,
    breaches: Vec<&'a Breach>,
}

/// What is the same in all of a part: what is there, its name, and the pieces that it belongs to.
type Kind = (&'static str, Option<String>, Vec<usize>);

/// The map of a snapshot, in which these breaches were found.
pub fn of(
    snapshot: &Snapshot,
    expected: Option<&Expected>,
    regions: &Regions,
    breaches: &[Breach],
    texts: &mut Texts,
) -> Map {
    let windows = expected.map_or(&[][..], |expected| &expected.windows);
    let (pieces, left_out) = pieces(snapshot, windows, breaches);
    let guest = guest_column(&pieces, windows);
    let host = host_column(&pieces, snapshot, regions);
    let band = |piece: &Piece<'_>, texts: &mut Texts| {
        let Piece { mapping, .. } = piece;
        let sentences = piece
            .breaches
            .iter()
            .map(|breach| texts.line(&breach.to_string()));
        Band {
            breaches: sentences.collect(),
            guest: range(&guest, mapping.guest()),
            host: range(&host, mapping.host()),
            gpa: mapping.guest().to_string(),
            hpa: mapping.host().to_string(),
            size: mapping.size,
            access: mapping.access.into(),
            window: piece.window.map(|window| texts.line(&window.name)),
            whose: texts.line(&reach(*mapping, snapshot, regions).whose()),
        }
    };
    Map {
        bands: pieces.iter().map(|piece| band(piece, texts)).collect(),
        guest: parts(&guest, texts),
        host: parts(&host, texts),
        left_out,
    }
}

/// The mappings, cut where a window or a breach starts or ends; and how many small ones are left out.
fn pieces<'a>(
    snapshot: &Snapshot,
    windows: &'a [Window],
    breaches: &'a [Breach],
) -> (Vec<Piece<'a>>, usize) {
    let reaches = || {
        breaches
            .iter()
            .filter_map(|breach| Some((breach, breach.reach()?.mapping.guest())))
    };
    let spans = windows.iter().map(|window| window.guest);
    let edges = edges(spans.chain(reaches().map(|(_, guest)| guest)));
    let mut pieces = Vec::new();
    // Anybody may have written the records: an address behind the last one leads nowhere.
    let real = |mapping: &&Mapping| !mapping.guest().is_empty() && !mapping.host().is_empty();
    for mapping in snapshot.mappings.iter().filter(real) {
        for guest in cut(mapping.guest(), &edges) {
            let of_it = reaches().filter(|(_, of)| of.shared(guest).is_some());
            pieces.push(Piece {
                mapping: mapping.at_guest(guest),
                window: windows
                    .iter()
                    .find(|window| window.guest.shared(guest).is_some()),
                breaches: of_it.map(|(breach, _)| breach).collect(),
            });
        }
    }
    let left_out = pieces.len().saturating_sub(BANDS);
    pieces.sort_by_key(|piece| {
        (
            piece.breaches.is_empty(),
            std::cmp::Reverse(piece.mapping.size),
        )
    });
    pieces.truncate(BANDS);
    pieces.sort_by_key(|piece| piece.mapping.gpa);
    (pieces, left_out)
}

fn guest_column(pieces: &[Piece<'_>], windows: &[Window]) -> Vec<(Span, Kind)> {
    let mapped = pieces.iter().map(|piece| piece.mapping.guest());
    let edges = edges(mapped.chain(windows.iter().map(|window| window.guest)));
    column(&edges, |span| {
        let of = of_pieces(pieces, |piece| piece.mapping.guest(), span);
        let window = windows
            .iter()
            .find(|window| window.guest.shared(span).is_some());
        let kind = match (of.is_empty(), window) {
            (false, _) => "mapped",
            (true, Some(_)) => "declared",
            (true, None) => "gap",
        };
        (kind, window.map(|window| window.name.clone()), of)
    })
}

fn host_column(pieces: &[Piece<'_>], snapshot: &Snapshot, regions: &Regions) -> Vec<(Span, Kind)> {
    let image = joined(&snapshot.image);
    let tables = joined(&snapshot.tables);
    let spans = pieces.iter().map(|piece| piece.mapping.host());
    let spans = spans
        .chain(image.iter().copied())
        .chain(tables.iter().copied());
    let edges = edges(spans.chain(regions.list().iter().map(|region| region.span)));
    let parts = column(&edges, |span| {
        let is_in = |spans: &[Span]| spans.iter().any(|of| of.shared(span).is_some());
        let of = of_pieces(pieces, |piece| piece.mapping.host(), span);
        let region = regions.at(span.start);
        let (kind, name) = match region.map(|region| (region.kind, region.name.clone())) {
            _ if is_in(&image) => ("image", Some("the hypervisor's image".into())),
            _ if is_in(&tables) => ("tables", Some("the tables that confine".into())),
            Some((RegionKind::Ram, name)) => ("ram", Some(name)),
            Some((RegionKind::Rom, name)) => ("rom", Some(name)),
            Some((RegionKind::Device, name)) => ("device", Some(name)),
            None if of.is_empty() => ("gap", None),
            None if regions.is_empty() => ("unknown", None),
            None => ("unknown", Some("nothing that the machine has".into())),
        };
        (kind, name, of)
    });
    devices_together(parts)
}

/// The same with devices that nobody reaches drawn as one where they lie side by side.
fn devices_together(parts: Vec<(Span, Kind)>) -> Vec<(Span, Kind)> {
    let is_idle =
        |(_, (kind, _, of)): &(Span, Kind)| of.is_empty() && ["device", "gap"].contains(kind);
    let groups = parts.chunk_by(|one, other| is_idle(one) && is_idle(other));
    let mut together: Vec<_> = groups.map(one_part).collect();
    let is_gap = |part: Option<&(Span, Kind)>| part.is_some_and(|(_, (kind, ..))| *kind == "gap");
    if is_gap(together.last()) {
        together.pop();
    }
    together
}

/// One part of several that lie side by side.
fn one_part(group: &[(Span, Kind)]) -> (Span, Kind) {
    let [(first, kind), .., (last, _)] = group else {
        return group[0].clone();
    };
    let mut names: Vec<&str> = Vec::new();
    for (_, (_, name, _)) in group {
        names.extend(name.as_deref().filter(|name| !names.contains(name)));
    }
    let span = Span::between(first.start, last.end());
    let more = names.len().saturating_sub(NAMED);
    let label = match (more, names.len()) {
        (_, 0) => return (span, kind.clone()),
        (0, _) => names.join(", "),
        (more, _) => format!("{} and {more} more", names[..NAMED].join(", ")),
    };
    (span, ("device", Some(label), Vec::new()))
}

/// Cuts all addresses from the first edge to the last at each edge, and joins neighbours that are alike.
fn column(edges: &[u64], what: impl Fn(Span) -> Kind) -> Vec<(Span, Kind)> {
    let mut parts: Vec<(Span, Kind)> = Vec::new();
    for pair in edges.windows(2) {
        let span = Span::between(pair[0], pair[1]);
        let kind = what(span);
        match parts.last_mut() {
            Some((before, same)) if *same == kind => {
                *before = Span::between(before.start, span.end());
            }
            _ => parts.push((span, kind)),
        }
    }
    parts
}

/// Where spans start and end, in order.
fn edges(spans: impl Iterator<Item = Span>) -> Vec<u64> {
    let spans = spans.filter(|span| !span.is_empty());
    let mut edges: Vec<_> = spans.flat_map(|span| [span.start, span.end()]).collect();
    edges.sort_unstable();
    edges.dedup();
    edges
}

/// The parts of a span between edges.
fn cut(span: Span, edges: &[u64]) -> Vec<Span> {
    let within = edges
        .iter()
        .filter(|edge| (span.start + 1..span.end()).contains(edge));
    let mut starts = vec![span.start];
    starts.extend(within);
    let ends = starts[1..].iter().copied().chain([span.end()]);
    starts
        .iter()
        .zip(ends)
        .map(|(&start, end)| Span::between(start, end))
        .collect()
}

/// Spans with those joined that are close to each other.
fn joined(spans: &[Span]) -> Vec<Span> {
    let mut spans = spans.to_vec();
    spans.sort_by_key(|span| span.start);
    let mut joined: Vec<Span> = Vec::new();
    for span in spans {
        match joined.last_mut() {
            Some(before) if span.start <= before.end().saturating_add(FILLING) => {
                *before = Span::between(before.start, before.end().max(span.end()));
            }
            _ => joined.push(span),
        }
    }
    joined
}

/// The pieces that have a span.
fn of_pieces(pieces: &[Piece<'_>], side: impl Fn(&Piece<'_>) -> Span, span: Span) -> Vec<usize> {
    let pieces = pieces.iter().enumerate();
    let of = pieces.filter(|(_, piece)| side(piece).shared(span).is_some());
    of.map(|(nth, _)| nth).collect()
}

/// The parts that a span takes up: the first, and the one behind the last.
fn range(column: &[(Span, Kind)], span: Span) -> [usize; 2] {
    let before = |address: u64| column.partition_point(|(part, _)| part.start < address);
    [before(span.start), before(span.end())]
}

fn parts(column: &[(Span, Kind)], texts: &mut Texts) -> Vec<Part> {
    let part = |(span, (kind, label, _)): &(Span, Kind)| Part {
        start: format!("{:#x}", span.start),
        end: format!("{:#x}", span.end()),
        size: span.size,
        kind,
        label: label.as_ref().map(|label| texts.line(label)),
    };
    column.iter().map(part).collect()
}

#[cfg(test)]
mod tests {
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
}
