//! A snapshot as text, for people.

use super::memory::Memory;
use super::{Expected, Mapping, Regions, Snapshot, Span, names_of};
use std::fmt::Write as _;

/// A snapshot as a few tables: what is mapped and whose it is, the registers with the names of the bits
/// that are set, what is open, what was compared, and what could not be read.
///
/// `expected` gives the mappings the names of their windows.
pub fn table(snapshot: &Snapshot, regions: &Regions, expected: Option<&Expected>) -> String {
    let format = snapshot.format.as_deref().unwrap_or("none");
    let mut text = format!("{}, second stage: {format}\n", snapshot.at);
    section(&mut text, "Memory", &memory(snapshot, regions, expected));
    section(&mut text, "Registers", &registers(snapshot));
    section(&mut text, "Open to the guest", &open(snapshot));
    section(&mut text, "Text", &texts(snapshot));
    let gaps = snapshot.gaps.iter().map(|gap| vec![gap.clone()]);
    section(&mut text, "Could not be audited", &gaps.collect::<Vec<_>>());
    text
}

/// A heading and rows, their columns aligned; nothing if there are no rows.
fn section(text: &mut String, heading: &str, rows: &[Vec<String>]) {
    if rows.is_empty() {
        return;
    }
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        let widths = cells.map(|cell| cell.chars().count());
        widths.max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..columns).map(width).collect();
    let _ = writeln!(text, "\n{heading}");
    for row in rows {
        let cells = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        let _ = writeln!(text, "  {}", line.trim_end());
    }
}

fn memory(snapshot: &Snapshot, regions: &Regions, expected: Option<&Expected>) -> Vec<Vec<String>> {
    let memory = Memory { snapshot, regions };
    let head = ["GPA", "HPA", "size", "access", "window", "whose"].map(str::to_owned);
    let mut rows = vec![head.to_vec()];
    for (part, window) in parts(snapshot, expected) {
        rows.push(vec![
            part.guest().to_string(),
            part.host().to_string(),
            size(part.size),
            part.access.to_string(),
            window,
            memory.reach(part).whose(),
        ]);
    }
    let unmapped = |span: &Span, whose: &str| {
        let [no_gpa, no_access, no_window] = ["-"; 3].map(str::to_owned);
        vec![
            no_gpa,
            span.to_string(),
            size(span.size),
            no_access,
            no_window,
            whose.to_owned(),
        ]
    };
    let tables = snapshot
        .tables
        .iter()
        .map(|span| unmapped(span, "the tables that confine the guest"));
    let image = snapshot
        .image
        .iter()
        .map(|span| unmapped(span, "the hypervisor's image"));
    rows.extend(tables.chain(image));
    if rows.len() == 1 {
        rows.clear();
    }
    rows
}

/// The mappings, cut where a window starts or ends, and the windows' names.
fn parts(snapshot: &Snapshot, expected: Option<&Expected>) -> Vec<(Mapping, String)> {
    let windows = expected.map_or(&[][..], |expected| &expected.windows);
    let mut parts = Vec::new();
    for mapping in &snapshot.mappings {
        for window in windows {
            let shared = mapping.guest().shared(window.guest);
            parts.extend(shared.map(|span| (mapping.at_guest(span), window.name.clone())));
        }
        let outside = mapping
            .guest()
            .without(windows.iter().map(|window| window.guest));
        parts.extend(
            outside
                .iter()
                .map(|span| (mapping.at_guest(*span), "-".to_owned())),
        );
    }
    parts.sort_by_key(|(part, _)| part.gpa);
    parts
}

/// Such as `4 KiB`; what is no whole number of those is in bytes.
fn size(bytes: u64) -> String {
    let units = [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
    let whole = units
        .into_iter()
        .find(|(shift, _)| bytes != 0 && bytes.is_multiple_of(1 << shift));
    match whole {
        Some((shift, unit)) => format!("{} {unit}", bytes >> shift),
        None => format!("{bytes} bytes"),
    }
}

fn registers(snapshot: &Snapshot) -> Vec<Vec<String>> {
    let all = &snapshot.registers;
    let row = |(name, value): (&String, &u64)| {
        let names = names_of(name, *value, all).join(" ");
        vec![name.clone(), format!("{value:#x}"), names]
    };
    all.iter().map(row).collect()
}

fn open(snapshot: &Snapshot) -> Vec<Vec<String>> {
    let ports = snapshot
        .open_ports
        .iter()
        .map(|span| vec!["I/O ports".into(), span.to_string()]);
    let msrs = snapshot.open_msrs.iter().map(|open| {
        vec![
            "MSRs".into(),
            open.span.to_string(),
            open.access.to_string(),
        ]
    });
    ports.chain(msrs).collect()
}

fn texts(snapshot: &Snapshot) -> Vec<Vec<String>> {
    let row = |text: &super::Text| {
        let as_loaded = match text.differs {
            Some(difference) => format!("differs at HPA {:#x}", difference.hpa),
            None => "as it was loaded".into(),
        };
        let at = Span::new(text.hpa, text.size);
        vec![text.of.clone(), at.to_string(), size(text.size), as_loaded]
    };
    snapshot.texts.iter().map(row).collect()
}

#[cfg(test)]
mod tests;
