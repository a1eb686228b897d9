//! Instructions that a guest tries one at a time, and what becomes of each.

use crate::println;

/// What becomes of an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was carried out, or passed over; the next one followed.
    WentOn,
    /// The guest's kernel got an exception, of this cause in the architecture's terms: `scause`,
    /// ESR_EL1.EC, or the vector.
    Trapped(u64),
}

/// An instruction to try.
#[derive(Clone, Copy, Debug)]
pub struct Probe {
    /// How the manual writes it.
    pub name: &'static str,
    /// Its machine code. It may be preceded by what it needs, and changes only what a function may.
    pub code: &'static [u8],
    /// What has to become of it.
    pub expect: Fate,
}

/// Tries all of `probes` by `attempt` and prints each that does not end as it should. Returns the number of
/// those, or `None` if there are no probes, which proves nothing.
pub fn sweep(probes: &[Probe], attempt: fn(&[u8]) -> Fate) -> Option<usize> {
    let wrong = probes.iter().filter(|probe| {
        let found = attempt(probe.code);
        let Probe { name, expect, .. } = probe;
        if found != *expect {
            println!("guest: `{name}`: {found:x?}, not {expect:x?}");
        }
        found != *expect
    });
    let wrong = wrong.count();
    (!probes.is_empty()).then_some(wrong)
}
