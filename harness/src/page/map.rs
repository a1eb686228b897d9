//! What an audit saw of the memory, cut into parts that can be drawn: the guest's addresses, the machine's, and the
//! bands that join them.

use super::data::{Band, Map, Part};
use super::texts::Texts;
use crate::judge::audit::{
    Breach, Expected, Mapping, RegionKind, Regions, Snapshot, Span, Window, reach,
};

/// The most bands that are drawn; a page with more is unreadable.
pub const BANDS: usize = 48;

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

/// All of them: those that are drawn as bands, and those for which there is no room. Both are mapped.
struct Pieces<'a> {
    drawn: Vec<Piece<'a>>,
    others: Vec<Piece<'a>>,
}

/// What of the pieces lies between two neighbouring edges.
#[derive(Clone, Default)]
struct Mapped {
    /// Those that are drawn, by their places.
    drawn: Vec<usize>,
    /// How many others there are.
    others: i64,
}

impl Pieces<'_> {
    /// What lies between each edge and the next, on one side of the map. Each piece starts and ends at edges.
    fn between(&self, edges: &[u64], side: impl Fn(&Piece<'_>) -> Span) -> Vec<Mapped> {
        let mut between = vec![Mapped::default(); edges.len()];
        let place = |address: u64| edges.partition_point(|&edge| edge < address);
        for (nth, piece) in self.drawn.iter().enumerate() {
            let span = side(piece);
            for mapped in &mut between[place(span.start)..place(span.end())] {
                mapped.drawn.push(nth);
            }
        }
        // There may be very many others: each is put down where it starts and ends, and the sum is taken once.
        for piece in &self.others {
            let span = side(piece);
            between[place(span.start)].others += 1;
            between[place(span.end())].others -= 1;
        }
        let mut others = 0;
        for mapped in &mut between {
            others += mapped.others;
            mapped.others = others;
        }
        between
    }

    fn all(&self) -> impl Iterator<Item = &Piece<'_>> {
        self.drawn.iter().chain(&self.others)
    }
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
    let pieces = pieces(snapshot, windows, breaches);
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
        bands: pieces
            .drawn
            .iter()
            .map(|piece| band(piece, texts))
            .collect(),
        guest: parts(&guest, texts),
        host: parts(&host, texts),
        left_out: pieces.others.len(),
    }
}

/// The mappings, cut where a window or a breach starts or ends. Those with a breach are drawn first, then the largest.
fn pieces<'a>(snapshot: &Snapshot, windows: &'a [Window], breaches: &'a [Breach]) -> Pieces<'a> {
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
    pieces.sort_by_key(|piece| {
        (
            piece.breaches.is_empty(),
            std::cmp::Reverse(piece.mapping.size),
        )
    });
    let others = pieces.split_off(pieces.len().min(BANDS));
    pieces.sort_by_key(|piece| piece.mapping.gpa);
    Pieces {
        drawn: pieces,
        others,
    }
}

fn guest_column(pieces: &Pieces<'_>, windows: &[Window]) -> Vec<(Span, Kind)> {
    let guest = |piece: &Piece<'_>| piece.mapping.guest();
    let edges = edges(
        pieces
            .all()
            .map(guest)
            .chain(windows.iter().map(|window| window.guest)),
    );
    let parts = column(&edges, pieces.between(&edges, guest), |span, mapped| {
        let window = windows
            .iter()
            .find(|window| window.guest.shared(span).is_some());
        let kind = match (mapped, window) {
            (Mapped { drawn, .. }, _) if !drawn.is_empty() => "mapped",
            (Mapped { others: 1.., .. }, _) => "undrawn",
            (_, Some(_)) => "declared",
            (_, None) => "gap",
        };
        (kind, window.map(|window| window.name.clone()))
    });
    undrawn_together(parts, pieces, guest)
}

fn host_column(pieces: &Pieces<'_>, snapshot: &Snapshot, regions: &Regions) -> Vec<(Span, Kind)> {
    let host = |piece: &Piece<'_>| piece.mapping.host();
    let image = joined(&snapshot.image);
    let tables = joined(&snapshot.tables);
    let spans = pieces.all().map(host);
    let spans = spans
        .chain(image.iter().copied())
        .chain(tables.iter().copied());
    let edges = edges(spans.chain(regions.list().iter().map(|region| region.span)));
    let parts = column(&edges, pieces.between(&edges, host), |span, mapped| {
        let is_in = |spans: &[Span]| spans.iter().any(|of| of.shared(span).is_some());
        let nobody = mapped.drawn.is_empty() && mapped.others == 0;
        let region = regions.at(span.start);
        let (kind, name) = match region.map(|region| (region.kind, region.name.clone())) {
            _ if is_in(&image) => ("image", Some("the hypervisor's image".into())),
            _ if is_in(&tables) => ("tables", Some("the tables that confine".into())),
            Some((RegionKind::Ram, name)) => ("ram", Some(name)),
            Some((RegionKind::Rom, name)) => ("rom", Some(name)),
            Some((RegionKind::Device, name)) => ("device", Some(name)),
            None if nobody => ("gap", None),
            None if regions.is_empty() => ("unknown", None),
            None => ("unknown", Some("nothing that the machine has".into())),
        };
        match mapped.drawn.is_empty() && mapped.others > 0 {
            true => ("undrawn", name),
            false => (kind, name),
        }
    });
    undrawn_together(devices_together(parts), pieces, host)
}

/// The same with very many mapped parts that lost their bands drawn as one, with what lies between them.
fn undrawn_together(
    parts: Vec<(Span, Kind)>,
    pieces: &Pieces<'_>,
    side: impl Fn(&Piece<'_>) -> Span,
) -> Vec<(Span, Kind)> {
    let undrawn = |(_, (kind, ..)): &(Span, Kind)| *kind == "undrawn";
    let nobody =
        |part: &(Span, Kind)| part.1.2.is_empty() && !["image", "tables"].contains(&part.1.0);
    let mut together = Vec::new();
    for group in parts.chunk_by(|one, other| nobody(one) && nobody(other)) {
        let first = group.iter().position(undrawn);
        let last = group.iter().rposition(undrawn);
        let several = group.iter().filter(|part| undrawn(part)).count() > NAMED;
        let (Some(first), Some(last), true) = (first, last, several) else {
            together.extend_from_slice(group);
            continue;
        };
        let span = Span::between(group[first].0.start, group[last].0.end());
        let within = pieces.others.iter();
        let within = within.filter(|piece| side(piece).shared(span).is_some());
        let label = format!("{} parts", within.count());
        together.extend_from_slice(&group[..first]);
        together.push((span, ("undrawn", Some(label), Vec::new())));
        together.extend_from_slice(&group[last + 1..]);
    }
    together
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

/// Names what lies between each edge and the next, and joins neighbours that are alike.
fn column(
    edges: &[u64],
    mapped: Vec<Mapped>,
    name: impl Fn(Span, &Mapped) -> (&'static str, Option<String>),
) -> Vec<(Span, Kind)> {
    let mut parts: Vec<(Span, Kind)> = Vec::new();
    for (pair, mapped) in edges.windows(2).zip(mapped) {
        let span = Span::between(pair[0], pair[1]);
        let (what, label) = name(span, &mapped);
        let kind = (what, label, mapped.drawn);
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
mod tests;
