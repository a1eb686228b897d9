//! Whose the memory is that a mapping leads to.

use super::{Mapping, Owner, Reach, RegionKind, Regions, Snapshot, Span};

/// The most owners of a mapping that are named.
const OWNERS_NAMED: usize = 4;

/// Whose the machine's memory is.
pub(super) struct Memory<'a> {
    pub snapshot: &'a Snapshot,
    pub regions: &'a Regions,
}

impl Memory<'_> {
    pub fn hypervisors(&self) -> [(Owner, &[Span]); 2] {
        [
            (Owner::Image, &self.snapshot.image),
            (Owner::Tables, &self.snapshot.tables),
        ]
    }

    pub fn reach(&self, mapping: Mapping) -> Reach {
        Reach {
            mapping,
            owners: self.owners(mapping.host()),
        }
    }

    /// The parts of a span that are no RAM. Without a memory map that is all of it.
    pub fn not_ram(&self, span: Span) -> Vec<Span> {
        let ram = self
            .regions
            .touching(span)
            .filter(|region| region.kind == RegionKind::Ram);
        span.without(ram.map(|region| region.span))
    }

    /// Whose a span is, the hypervisor's first.
    pub fn owners(&self, span: Span) -> Vec<Owner> {
        let mut owners = Vec::new();
        for (owner, spans) in self.hypervisors() {
            if spans.iter().any(|of| of.shared(span).is_some()) {
                owners.push(owner);
            }
        }
        if self.regions.is_empty() {
            if owners.is_empty() {
                owners.push(Owner::Unknown);
            }
            return owners;
        }
        for region in self.regions.touching(span) {
            let name = region.name.clone();
            let owner = match region.kind {
                RegionKind::Ram => Owner::Ram { name },
                RegionKind::Rom => Owner::Rom { name },
                RegionKind::Device => Owner::Device { name },
            };
            if owners.contains(&owner) {
                continue;
            }
            if owners.len() == OWNERS_NAMED {
                owners.push(Owner::More);
                return owners;
            }
            owners.push(owner);
        }
        if owners.is_empty() {
            owners.push(Owner::Nothing);
        }
        owners
    }
}
