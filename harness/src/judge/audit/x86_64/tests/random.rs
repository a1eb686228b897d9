//! The walker against a translator of single addresses, on random tables.

use super::*;

/// "Long-Mode Page Translation", as for an access of a user's, a level at a time.
fn translate(machine: &Fake, levels: u32, nxe: bool, gpa: u64) -> Option<(u64, Access)> {
    if gpa >> (12 + 9 * levels) != 0 {
        return None;
    }
    let mut table = ROOT;
    let (mut writable, mut executable) = (true, true);
    for level in (1..=levels).rev() {
        let low = 3 + 9 * level;
        let entry = machine.word(table + (gpa >> low) % 512 * 8);
        let bit = |at: u32| entry >> at & 1 == 1;
        let (present, user, ps, nx) = (bit(0), bit(2), bit(7) && level > 1, bit(63));
        if !present || !user || nx && !nxe || ps && level > 3 {
            return None;
        }
        writable &= bit(1);
        executable &= !nx;
        let base = entry << 12 >> 24 << 12;
        if !ps && level > 1 {
            table = base;
            continue;
        }
        // Of a large page, bit 12 is PAT, and those between it and the page's size must be zero.
        let base = if ps { base & !(1 << 12) } else { base };
        if base % (1 << low) != 0 {
            return None;
        }
        let access = Access::new(true, writable, executable);
        return Some((base + gpa % (1 << low), access));
    }
    None
}

fn random_entry(tables: &[u64], random: &mut Random) -> u64 {
    let mut made = if random.once_in(2) {
        random.one_of(tables) | PWU
    } else {
        let alignment = random.one_of(&[12, 21, 30]);
        let hpa = random.below(1 << 52) >> alignment << alignment;
        hpa | PWU | random.one_of(&[0, LARGE, LARGE, LARGE | 1 << 12])
    };
    if random.once_in(3) {
        made ^= random.one_of(&[2, NX, 2 | NX]);
    }
    if random.once_in(6) {
        made ^= 1 << random.below(64);
    }
    made
}

#[test]
fn random_tables_are_walked_as_the_manual_translates() {
    let mut random = Random(0x5ca1_ab1e_0000_0003);
    let tables = [0, 1, 2, 3, 4].map(|nth| POINTERS + nth * 4096);
    for (levels, cr4) in [(4, 0), (5, CR4_LA57)] {
        for (nxe, efer) in [(true, EFER), (false, EFER & !0x800)] {
            let mut mapped = 0;
            for _ in 0..300 {
                let mut machine = machine(cr4, efer);
                let root = (ROOT, 512);
                random_tables(&mut machine, &mut random, root, (&tables, 512), |random| {
                    random_entry(&tables, random)
                });
                let chosen: Vec<_> = (0..levels)
                    .rev()
                    .map(|level| Level {
                        shift: 12 + 9 * level,
                        bits: 9,
                    })
                    .collect();
                let gpas = addresses(&machine, &mut random, root, (&tables, 512), &chosen);
                let walked = walk(&mut machine);
                if !is_whole(&walked.gaps) {
                    continue;
                }
                mapped += same_as_translated(&walked.mappings, gpas, |gpa| {
                    translate(&machine, levels, nxe, gpa)
                });
            }
            assert!(mapped > 2000, "{levels} levels: only {mapped} were mapped");
        }
    }
}
