//! The state in which a guest starts: that of a CPU which a boot loader has just put into long mode.

use super::{
    msr,
    vmcb::{Segment, State},
};
use crate::memory::addr::{Gpa, Gva};

/// CR0 (APM vol. 2 §3.1.1).
const CR0: u64 = 1 << 0 // PE: protected mode
    | 1 << 4 // ET, which is always set
    | 1 << 5 // NE: errors of the x87 unit are exceptions
    | 1 << 16 // WP
    | 1 << 31; // PG: paging

/// CR4 (§3.1.3).
const CR4: u64 = 1 << 5 // PAE
    | 1 << 9 // OSFXSR
    | 1 << 10; // OSXMMEXCPT

/// EFER (§3.1.7). VMRUN refuses a guest whose SVME is clear (§15.5.1); the instructions that it would
/// permit are all intercepted.
const EFER: u64 = msr::LME | msr::LMA | msr::NXE | msr::SVME;

/// The power-on value of PAT (§7.8.1), which the guest's page attributes go through.
const PAT: u64 = 0x0007_0406_0007_0406;

/// RFLAGS with nothing set but bit 1, which always is.
const RFLAGS: u64 = 2;

/// No breakpoint was hit, and none is enabled (§13.1.1).
const DR6: u64 = 0xFFFF_0FF0;
const DR7: u64 = 0x400;

/// Sets the state, of which all is zero: long mode, ring 0, interrupts off, flat segments, no descriptor
/// tables, and paging with the guest's own tables at `cr3`.
pub fn long_mode(state: &mut State, entry: Gva, stack: Gva, cr3: Gpa) {
    state.cs = Segment::CODE64;
    for segment in [
        &mut state.ds,
        &mut state.es,
        &mut state.ss,
        &mut state.fs,
        &mut state.gs,
    ] {
        *segment = Segment::DATA;
    }
    state.ldtr = Segment::LDT;
    state.tr = Segment::TASK;
    state.cr0 = CR0;
    state.cr3 = cr3.get();
    state.cr4 = CR4;
    state.efer = EFER;
    state.g_pat = PAT;
    state.dr6 = DR6;
    state.dr7 = DR7;
    state.rflags = RFLAGS;
    state.rip = entry.get();
    state.rsp = stack.get();
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::mem::MaybeUninit;

    /// The start, and a state of which all is zero.
    fn states() -> (State, State) {
        // SAFETY: zeros are a state.
        let zero = || unsafe { MaybeUninit::<State>::zeroed().assume_init() };
        let mut start = zero();
        let (entry, stack, cr3) = (Gva::new(0x1_0000), Gva::new(0x20_0000), Gpa::new(0x1000));
        long_mode(&mut start, entry, stack, cr3);
        (start, zero())
    }

    #[test]
    fn the_registers_are_those_of_long_mode() {
        let (state, _) = states();
        let (entry, stack, cr3) = (state.rip, state.rsp, state.cr3);
        assert_eq!((entry, stack, cr3), (0x1_0000, 0x20_0000, 0x1000));
        assert_eq!(state.cr0, 0x8001_0031, "CR0");
        assert_eq!(state.cr4, 0x620, "CR4");
        assert_eq!(state.efer, 0x1D00, "EFER");
        assert_eq!(state.g_pat, 0x0007_0406_0007_0406, "PAT");
        assert_eq!((state.dr6, state.dr7), (0xFFFF_0FF0, 0x400), "DR6, DR7");
        assert_eq!((state.rflags, state.cpl, state.rax), (2, 0, 0));
        assert!(state.is_64_bit());
    }

    #[test]
    fn other_modes_are_not_64_bit() {
        let changed = |change: fn(&mut State)| {
            let (mut state, _) = states();
            change(&mut state);
            state.is_64_bit()
        };
        assert!(!changed(|state| state.efer &= !(1 << 10)), "LMA");
        assert!(!changed(|state| state.cs.attributes &= !(1 << 9)), "L");
        assert!(!changed(|state| state.cr4 |= 1 << 12), "LA57");
    }

    /// The bits of a descriptor's attributes (§15.5.1): type, S, DPL, P, AVL, L, D/B, G.
    fn attributes(of: &Segment) -> [u16; 8] {
        let field = |at: u16, bits: u16| of.attributes >> at & ((1 << bits) - 1);
        let widths = [
            (0, 4),
            (4, 1),
            (5, 2),
            (7, 1),
            (8, 1),
            (9, 1),
            (10, 1),
            (11, 1),
        ];
        assert_eq!(of.attributes >> 12, 0);
        widths.map(|(at, bits)| field(at, bits))
    }

    #[test]
    fn code_and_data_are_flat() {
        let (state, _) = states();
        // Code that was accessed and can be read; of 64 bits.
        assert_eq!(attributes(&state.cs), [0b1011, 1, 0, 1, 0, 1, 0, 1]);
        assert_eq!(state.cs.selector, 0x08);
        for data in [&state.ds, &state.es, &state.ss, &state.fs, &state.gs] {
            // Data that was accessed and can be written.
            assert_eq!(attributes(data), [0b0011, 1, 0, 1, 0, 0, 1, 1]);
            assert_eq!(data.selector, 0x10);
        }
        for flat in [
            &state.cs, &state.ds, &state.es, &state.ss, &state.fs, &state.gs,
        ] {
            assert_eq!((flat.base, flat.limit), (0, u32::MAX));
        }
    }

    #[test]
    fn the_system_segments_are_those_of_a_reset() {
        let (state, zero) = states();
        // A local descriptor table, and a busy task-state segment (§14.1.3).
        assert_eq!(attributes(&state.ldtr), [0b0010, 0, 0, 1, 0, 0, 0, 0]);
        assert_eq!(attributes(&state.tr), [0b1011, 0, 0, 1, 0, 0, 0, 0]);
        for system in [&state.ldtr, &state.tr] {
            let Segment {
                selector,
                base,
                limit,
                ..
            } = *system;
            assert_eq!((selector, base, limit), (0, 0, 0xFFFF));
        }
        // No descriptor tables: an exception before the guest has made its own ends it.
        let table = |of: &Segment| (of.selector, of.attributes, of.limit, of.base);
        assert_eq!(table(&state.gdtr), table(&zero.gdtr));
        assert_eq!(table(&state.idtr), table(&zero.idtr));
    }
    #[test]
    fn code_of_64_bits_runs_in_long_mode_with_four_levels() {
        // EFER.LMA; CS.L as the VMCB has it, and CS.D beside it; CR4.LA57, and all other bits.
        for (efer, attributes, cr4, is) in [
            (1 << 10, 0x0A9B, 0, true),
            (!0, 0x0200, !(1 << 12), true),
            (!(1 << 10), 0x0A9B, 0, false),
            (1 << 10, !0x0200, 0, false),
            (1 << 10, 0x0A9B, 1 << 12, false),
        ] {
            let (mut state, _) = states();
            (state.efer, state.cr4, state.cs.attributes) = (efer, cr4, attributes);
            assert_eq!(state.is_64_bit(), is, "{efer:#x} {attributes:#x} {cr4:#x}");
        }
    }
}
