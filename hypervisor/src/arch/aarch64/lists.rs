//! The list registers of a GICv2's virtual interface (Arm IHI 0048B, §5.3.7, GICH_LRn).

use crate::devices::gicd::Entry;

const PENDING: u32 = 1 << 28;
const ACTIVE: u32 = 1 << 29;
/// The interrupt is one of the hardware's: when the guest deactivates it, so does the hardware.
const HARDWARE: u32 = 1 << 31;

/// The word of an interrupt. One of the hardware's has the same number there, and is not both pending and
/// active in a list: the hardware keeps it pending.
pub fn word(entry: &Entry, hardware: bool) -> u32 {
    let number = u32::from(entry.intid);
    let priority = u32::from(entry.priority >> 3) << 23;
    let active = if entry.active { ACTIVE } else { 0 };
    let pending = match entry {
        Entry { active: true, .. } if hardware => 0,
        Entry { pending: true, .. } => PENDING,
        _ => 0,
    };
    let of_hardware = if hardware { HARDWARE | number << 10 } else { 0 };
    number | priority | active | pending | of_hardware
}

/// Whether a word says that its interrupt is pending, and whether it is active.
pub fn state(word: u32) -> (bool, bool) {
    (word & PENDING != 0, word & ACTIVE != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(pending: bool, active: bool) -> Entry {
        Entry {
            intid: 27,
            priority: 0xA8,
            pending,
            active,
        }
    }

    #[test]
    fn a_word_has_number_priority_and_state() {
        const COMMON: u32 = 27 | 0b10101 << 23;
        assert_eq!(word(&entry(true, false), false), COMMON | 0b01 << 28);
        assert_eq!(word(&entry(false, true), false), COMMON | 0b10 << 28);
        assert_eq!(word(&entry(true, true), false), COMMON | 0b11 << 28);
        for (pending, active) in [(true, false), (false, true), (true, true)] {
            let word = word(&entry(pending, active), false);
            assert_eq!(state(word), (pending, active));
        }
        assert_eq!(state(COMMON), (false, false), "it was deactivated");
    }

    #[test]
    fn one_of_the_hardwares_has_its_number_there_and_one_state() {
        const COMMON: u32 = 27 | 0b10101 << 23 | 27 << 10 | 1 << 31;
        assert_eq!(word(&entry(true, false), true), COMMON | 0b01 << 28);
        assert_eq!(word(&entry(false, true), true), COMMON | 0b10 << 28);
        assert_eq!(word(&entry(true, true), true), COMMON | 0b10 << 28);
    }
}
