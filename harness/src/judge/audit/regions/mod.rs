//! The machine's physical address space, as QEMU's monitor tells it (`info mtree -f`).

use super::{Region, RegionKind, Span};

/// The regions of a machine, by address; none overlap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Regions(Vec<Region>);

/// The most regions that are taken from QEMU.
const REGIONS_KEPT: usize = 4096;

impl Regions {
    /// Takes the flat view of what the processors see out of the monitor's answer.
    ///
    /// # Errors
    ///
    /// There is no such view, or nothing in it.
    pub fn parse(answer: &str) -> Result<Self, String> {
        let views = answer.split("FlatView #");
        let mut views = views.filter(|view| view.lines().any(is_of_memory));
        let view = views
            .next()
            .ok_or("QEMU's memory map has no view of the address space `memory`")?;
        let regions: Vec<_> = view.lines().filter_map(region).take(REGIONS_KEPT).collect();
        if regions.is_empty() {
            return Err("QEMU's memory map of the address space `memory` is empty".into());
        }
        Ok(Self::new(regions))
    }

    /// Those of a snapshot.
    pub fn new(mut regions: Vec<Region>) -> Self {
        regions.sort_by_key(|region| region.span.start);
        Self(regions)
    }

    /// All of them, by address.
    pub fn list(&self) -> &[Region] {
        &self.0
    }

    /// Whether nothing is known of the machine.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The region that an address is in.
    pub fn at(&self, hpa: u64) -> Option<&Region> {
        let behind = self.0.partition_point(|region| region.span.start <= hpa);
        let region = self.0[..behind].last()?;
        (hpa < region.span.end()).then_some(region)
    }

    /// The regions that a span touches, by address.
    pub fn touching(&self, span: Span) -> impl Iterator<Item = &Region> {
        self.0
            .iter()
            .filter(move |region| region.span.shared(span).is_some())
    }
}

/// ` AS "memory", root: system`
fn is_of_memory(line: &str) -> bool {
    line.trim_start().starts_with("AS \"memory\",")
}

/// `  0000000000100000-0000000007ffffff (prio 0, ram): pc.ram @0000000000100000`
fn region(line: &str) -> Option<Region> {
    let (addresses, rest) = line.trim().split_once(" (prio ")?;
    let (start, last) = addresses.split_once('-')?;
    let (start, last) = (hex(start)?, hex(last)?);
    let (kind, name) = rest.split_once("): ")?;
    let (_, kind) = kind.split_once(", ")?;
    let (name, offset) = match name.split_once(" @") {
        Some((name, offset)) => (name, hex(offset.split(' ').next()?)?),
        None => (name, 0),
    };
    Some(Region {
        span: Span::between(start, last.saturating_add(1)),
        kind: match kind.strip_prefix("nv-").unwrap_or(kind) {
            "ram" => RegionKind::Ram,
            // `romd` is a flash while it is read, and a device's registers when it is written to.
            "rom" | "romd" => RegionKind::Rom,
            _ => RegionKind::Device,
        },
        name: name.trim_end_matches(" KVM").to_owned(),
        offset,
    })
}

fn hex(digits: &str) -> Option<u64> {
    u64::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests;
