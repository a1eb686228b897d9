//! The audits of a run, as the page shows them.

use super::data::{Audit, Page};
use super::map;
use super::texts::Id;
use super::texts::Texts;
use crate::judge::audit::{Breach, Expected, Regions, Snapshot, Span, names_of};

/// How many sentences of a kind an audit has on the page.
pub const SENTENCES: usize = 50;

/// An audit in a line.
pub fn in_words(snapshot: &Snapshot, expected: Option<&Expected>, regions: &Regions) -> String {
    let found = match breaches(snapshot, expected, regions) {
        None => "held against nothing".to_owned(),
        Some(breaches) => match &breaches[..] {
            [] => "as declared".to_owned(),
            [one] => format!("BREACH: {one}"),
            [first, ..] => format!("{} BREACHES, the first: {first}", breaches.len()),
        },
    };
    let mappings = match snapshot.mappings.len() {
        1 => "1 mapping".to_owned(),
        several => format!("{several} mappings"),
    };
    let (at, took) = (&snapshot.at, snapshot.took_ms);
    format!("audit {at}: {mappings}, {found} ({took:.1} ms)")
}

/// An audit, but for its time and its line. Its map and registers are put into the page, unless they are there.
pub fn of(
    snapshot: &Snapshot,
    expected: Option<&Expected>,
    regions: &Regions,
    texts: &mut Texts,
    page: &mut Page,
) -> Audit {
    let breaches = breaches(snapshot, expected, regions);
    let found = breaches.as_deref().unwrap_or_default();
    let map = map::of(snapshot, expected, regions, found, texts);
    Audit {
        at: 0,
        line: None,
        moment: texts.line(&snapshot.at.to_string()),
        counts: snapshot.at_entry,
        held: breaches.is_some(),
        took_ms: (snapshot.took_ms * 1e3).round() / 1e3,
        format: snapshot.format.as_ref().map(|format| texts.line(format)),
        map: place(&mut page.maps, map),
        registers: place(&mut page.registers, registers(snapshot, texts)),
        open: sentences(open(snapshot), texts),
        programs: sentences(programs(snapshot), texts),
        breaches: sentences(found.iter().map(Breach::to_string), texts),
        found: found.len(),
    }
}

/// Whether something was found that was not declared.
pub fn is_breached(snapshot: &Snapshot, expected: Option<&Expected>, regions: &Regions) -> bool {
    breaches(snapshot, expected, regions).is_some_and(|found| !found.is_empty())
}

/// The first of them, and how many more there are.
fn sentences(all: impl IntoIterator<Item = String>, texts: &mut Texts) -> Vec<Id> {
    let mut all = all.into_iter();
    let some = all.by_ref().take(SENTENCES);
    let mut some: Vec<_> = some.map(|sentence| texts.line(&sentence)).collect();
    let more = all.count();
    if more > 0 {
        some.push(texts.line(&format!("[... {more} more ...]")));
    }
    some
}

fn breaches(
    snapshot: &Snapshot,
    expected: Option<&Expected>,
    regions: &Regions,
) -> Option<Vec<Breach>> {
    expected.map(|expected| expected.breaches(snapshot, regions))
}

/// The place of an item in a list, at whose end it is put if it is not there.
fn place<T: PartialEq>(list: &mut Vec<T>, item: T) -> usize {
    match list.iter().position(|other| *other == item) {
        Some(place) => place,
        None => {
            list.push(item);
            list.len() - 1
        }
    }
}

fn registers(snapshot: &Snapshot, texts: &mut Texts) -> Vec<usize> {
    let all = &snapshot.registers;
    let mut row = Vec::new();
    for (name, value) in all {
        let names = names_of(name, *value, all).join(" ");
        row.extend([name, &format!("{value:#x}"), &names].map(|text| texts.line(text)));
    }
    row
}

fn open(snapshot: &Snapshot) -> Vec<String> {
    let ports = snapshot.open_ports.iter();
    let ports = ports.map(|span| format!("I/O ports {span}"));
    let msrs = snapshot.open_msrs.iter();
    let msrs = msrs.map(|open| format!("MSRs {}, {}", open.span, open.access));
    ports.chain(msrs).collect()
}

fn programs(snapshot: &Snapshot) -> Vec<String> {
    let texts = snapshot.texts.iter().map(|text| {
        let at = Span::new(text.hpa, text.size);
        match text.differs {
            Some(difference) => format!(
                "text of {} at HPA {at}: differs at {:#x}",
                text.of, difference.hpa
            ),
            None => format!("text of {} at HPA {at}: as it was loaded", text.of),
        }
    });
    let gaps = snapshot.gaps.iter();
    let gaps = gaps.map(|gap| format!("could not be audited: {gap}"));
    texts.chain(gaps).collect()
}
