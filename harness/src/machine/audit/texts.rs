//! Text that is held against what was loaded.

use super::TextWanted;
use crate::judge::audit::{Difference, Machine, Mapping, Span, Text, Unreadable};

/// How much is read at once.
const PIECE: usize = 64 << 10;

/// Compares a text with what is in the machine; none if none of it is there.
///
/// `runs` says where it lies: from which of its bytes on, at which address of the machine's, how many.
pub(super) fn compare(
    wanted: &TextWanted,
    runs: &[Run],
    machine: &mut dyn Machine,
) -> Result<Option<Text>, Unreadable> {
    let Some(first) = runs.first() else {
        return Ok(None);
    };
    let mut text = Text {
        of: wanted.of.clone(),
        hpa: first.hpa,
        size: 0,
        differs: None,
    };
    let mut found = vec![0; PIECE];
    for run in runs {
        let loaded = wanted.bytes.get(run.from..).unwrap_or_default();
        let loaded = &loaded[..loaded.len().min(run.size)];
        for (offset, loaded) in (0..).step_by(PIECE).zip(loaded.chunks(PIECE)) {
            let hpa = run.hpa.wrapping_add(offset as u64);
            let found = &mut found[..loaded.len()];
            machine.read(hpa, found)?;
            text.size += loaded.len() as u64;
            // Compared as a whole first: that is one call of memcmp, and the machine stands meanwhile.
            if text.differs.is_some() || loaded == found {
                continue;
            }
            let mut bytes = loaded.iter().zip(&*found);
            if let Some(at) = bytes.position(|(loaded, found)| loaded != found) {
                text.differs = Some(Difference {
                    hpa: hpa.wrapping_add(at as u64),
                    address: wanted.address.wrapping_add((run.from + offset + at) as u64),
                    loaded: loaded[at],
                    found: found[at],
                });
            }
        }
    }
    Ok(Some(text))
}

/// A part of a text, and where it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    /// From which byte of the text on.
    pub(super) from: usize,
    /// Where in the machine.
    pub(super) hpa: u64,
    /// How many bytes.
    pub(super) size: usize,
}

/// The parts of a text that a guest has in its memory, if it begins at a guest-physical address.
pub(super) fn mapped(gpa: u64, size: usize, mappings: &[Mapping]) -> Vec<Run> {
    let wanted = Span::new(gpa, size as u64);
    let runs = mappings.iter().filter_map(|mapping| {
        let shared = mapping.guest().shared(wanted)?;
        Some(Run {
            from: (shared.start - gpa) as usize,
            hpa: mapping.hpa.wrapping_add(shared.start - mapping.gpa),
            size: shared.size as usize,
        })
    });
    runs.collect()
}

#[cfg(test)]
mod tests {
    use super::super::Place;
    use super::*;
    use crate::judge::audit::Access;

    /// A machine whose bytes are those of their addresses but for one.
    struct Bytes(Option<u64>);

    impl Machine for Bytes {
        fn read(&mut self, hpa: u64, into: &mut [u8]) -> Result<(), Unreadable> {
            for (at, byte) in (hpa..).zip(into) {
                *byte = if self.0 == Some(at) { 0xee } else { at as u8 };
            }
            Ok(())
        }

        fn register(&mut self, _name: &str) -> Result<Option<u64>, Unreadable> {
            Ok(None)
        }
    }

    #[test]
    fn the_first_byte_that_differs_is_named() {
        let size = 3 * PIECE + 5;
        let wanted = TextWanted {
            of: "guest".into(),
            address: 0x9000_0000,
            bytes: (0..size).map(|at| at as u8).collect(),
            place: Place::Gpa(0x4000),
        };
        let mapping = |gpa, hpa, size| Mapping {
            gpa,
            hpa,
            size,
            access: Access::default(),
        };
        let mappings = [
            mapping(0x0, 0x7000_0000, 0x5000),
            mapping(0x5000, 0x6000_1000, 0x8000),
            mapping(0x10000, 0x5000_c000, 0x100_0000),
        ];
        let runs = mapped(0x4000, size, &mappings);
        let run = |from, hpa, size| Run { from, hpa, size };
        let mapped = [
            run(0, 0x7000_4000, 0x1000),
            run(0x1000, 0x6000_1000, 0x8000),
            run(0xc000, 0x5000_c000, size - 0xc000),
        ];
        assert_eq!(runs, mapped);
        let text = compare(&wanted, &runs, &mut Bytes(None)).unwrap().unwrap();
        assert_eq!((text.differs, text.size), (None, size as u64 - 0x3000));
        let at = 0x5000_c000 + size as u64 - 0xc000 - 1;
        let text = compare(&wanted, &runs, &mut Bytes(Some(at)))
            .unwrap()
            .unwrap();
        let differs = Difference {
            hpa: at,
            address: 0x9000_0000 + size as u64 - 1,
            loaded: (size - 1) as u8,
            found: 0xee,
        };
        assert_eq!(text.differs, Some(differs));
        assert_eq!(compare(&wanted, &[], &mut Bytes(None)).unwrap(), None);
    }
}
