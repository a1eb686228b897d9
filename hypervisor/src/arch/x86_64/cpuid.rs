//! The CPU features that a guest sees (CPUID, APM vol. 3 appendix E): those that it can use, and no
//! others.
//!
//! A feature is shown if it is on a list here and the host has it. A feature on no list is hidden, so
//! that a feature of a later CPU stays hidden until somebody has thought about it. Hidden are: whatever
//! an intercept refuses (SVM, MONITOR, XSETBV and so XSAVE and AVX, performance counters), whatever
//! lives in MSRs that a guest does not have (machine checks, MTRRs, TSC_AUX and so RDTSCP, speculation
//! controls). The local APIC is the hypervisor's own: it is shown to a guest that has one, whatever the host has.

/// The four registers of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leaf {
    /// EAX.
    pub eax: u32,
    /// EBX.
    pub ebx: u32,
    /// ECX.
    pub ecx: u32,
    /// EDX.
    pub edx: u32,
}

/// The first leaf that belongs to hypervisors.
const HYPERVISOR: u32 = 0x4000_0000;
/// The leaf in which hypervisors tell the frequencies of clocks, by common consent (VMware's, and Linux's).
const FREQUENCIES: u32 = 0x4000_0010;
/// Who we are, in EBX, ECX and EDX of that leaf.
const SIGNATURE: [u8; 12] = *b"hv on ArceOS";

/// The last standard leaf that is answered.
const LARGEST: u32 = 7;
/// The first extended leaf, and the last that is answered.
const EXTENDED: u32 = 0x8000_0000;
const LARGEST_EXTENDED: u32 = 0x8000_0008;

/// The answer to CPUID with `function` in EAX and `index` in ECX; `host` executes it. `apic` is there if the guest
/// has a local APIC. A leaf beyond the last one is all zeros, as on AMD's processors.
pub fn answer(
    function: u32,
    index: u32,
    apic: Option<ShownApic>,
    host: impl Fn(u32, u32) -> Leaf,
) -> Leaf {
    match function {
        HYPERVISOR => return signature(apic.is_some()),
        FREQUENCIES => return apic.map_or(Leaf::default(), frequencies),
        _ => {}
    }
    let (first, last) = match function {
        0..HYPERVISOR => (0, LARGEST),
        EXTENDED.. => (EXTENDED, LARGEST_EXTENDED),
        _ => return Leaf::default(),
    };
    let greeting = host(first, 0);
    let largest = greeting.eax.min(last);
    if function == first {
        return Leaf {
            eax: largest,
            ..greeting
        };
    }
    if function > largest {
        return Leaf::default();
    }
    let mut leaf = shown(function, index, host(function, index));
    if let Some(apic) = apic {
        show_apic(function, apic, &mut leaf);
    }
    leaf
}

/// Shows the local APIC, the deadline of its timer, and x2APIC if it is in that mode.
fn show_apic(function: u32, apic: ShownApic, leaf: &mut Leaf) {
    const APIC: u32 = 1 << 9;
    const X2APIC: u32 = 1 << 21;
    const TSC_DEADLINE: u32 = 1 << 24;
    match function {
        1 => {
            leaf.ecx |= TSC_DEADLINE;
            if apic.is_x2apic {
                leaf.ecx |= X2APIC;
            }
            leaf.edx |= APIC;
        }
        0x8000_0001 => leaf.edx |= APIC,
        _ => {}
    }
}

/// What a guest is told of its local APIC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShownApic {
    /// It is in x2APIC mode.
    pub is_x2apic: bool,
    /// The frequency of the time-stamp counter, in kHz.
    pub tsc_khz: u32,
    /// That of the counter of the APIC's timer, undivided.
    pub timer_khz: u32,
}

fn frequencies(apic: ShownApic) -> Leaf {
    Leaf {
        eax: apic.tsc_khz,
        ebx: apic.timer_khz,
        ..Leaf::default()
    }
}

/// The part of the host's answer that a guest sees.
fn shown(function: u32, index: u32, host: Leaf) -> Leaf {
    let mut leaf = host;
    match (function, index) {
        (1, _) => {
            // The brand and the size of a cache line; one logical processor, whose APIC ID is 0.
            leaf.ebx = host.ebx & 0xFFFF | 1 << 16;
            leaf.ecx = host.ecx & LEAF_1_ECX | UNDER_A_HYPERVISOR;
            leaf.edx = host.edx & LEAF_1_EDX;
        }
        (7, 0) => {
            leaf.eax = 0;
            leaf.ebx = host.ebx & LEAF_7_EBX;
            leaf.ecx = host.ecx & LEAF_7_ECX;
            leaf.edx = host.edx & LEAF_7_EDX;
        }
        (0x8000_0001, _) => {
            leaf.ecx = host.ecx & EXTENDED_1_ECX;
            leaf.edx = host.edx & EXTENDED_1_EDX;
        }
        // The name, and the caches and TLBs.
        (0x8000_0002..=0x8000_0006, _) => {}
        (0x8000_0007, _) => {
            leaf = Leaf {
                edx: host.edx & INVARIANT_TSC,
                ..Leaf::default()
            };
        }
        (0x8000_0008, _) => {
            leaf = Leaf {
                eax: address_sizes(host.eax),
                ebx: host.ebx & CLZERO,
                ..Leaf::default()
            };
        }
        _ => leaf = Leaf::default(),
    }
    leaf
}

/// Physical and linear address sizes in bits. Neither exceeds what four levels of nested tables, or of
/// the guest's own, can translate.
fn address_sizes(eax: u32) -> u32 {
    const FOUR_LEVELS: u32 = 48;
    let physical = (eax & 0xFF).min(FOUR_LEVELS);
    let linear = (eax >> 8 & 0xFF).min(FOUR_LEVELS);
    linear << 8 | physical
}

/// Our first leaf. EAX is the last one.
fn signature(has_apic: bool) -> Leaf {
    let word = |at: usize| {
        let bytes = [0, 1, 2, 3].map(|byte| SIGNATURE[at + byte]);
        u32::from_le_bytes(bytes)
    };
    Leaf {
        eax: if has_apic { FREQUENCIES } else { HYPERVISOR },
        ebx: word(0),
        ecx: word(4),
        edx: word(8),
    }
}

/// The bit reserved for hypervisors.
const UNDER_A_HYPERVISOR: u32 = 1 << 31;

const LEAF_1_ECX: u32 = 1 << 0 // SSE3
    | 1 << 1 // PCLMULQDQ
    | 1 << 9 // SSSE3
    | 1 << 13 // CMPXCHG16B
    | 1 << 17 // PCID
    | 1 << 19 // SSE4.1
    | 1 << 20 // SSE4.2
    | 1 << 22 // MOVBE
    | 1 << 23 // POPCNT
    | 1 << 25 // AES
    | 1 << 30; // RDRAND

const LEAF_1_EDX: u32 = 1 << 0 // FPU
    | 1 << 1 // VME
    | 1 << 2 // DE
    | 1 << 3 // PSE
    | 1 << 4 // TSC
    | 1 << 5 // MSR
    | 1 << 6 // PAE
    | 1 << 8 // CMPXCHG8B
    | 1 << 11 // SYSENTER
    | 1 << 13 // PGE
    | 1 << 15 // CMOV
    | 1 << 16 // PAT
    | 1 << 17 // PSE-36
    | 1 << 19 // CLFLUSH
    | 1 << 23 // MMX
    | 1 << 24 // FXSAVE
    | 1 << 25 // SSE
    | 1 << 26; // SSE2

const LEAF_7_EBX: u32 = 1 << 0 // FSGSBASE
    | 1 << 3 // BMI1
    | 1 << 7 // SMEP
    | 1 << 8 // BMI2
    | 1 << 9 // fast REP MOVSB
    | 1 << 10 // INVPCID
    | 1 << 18 // RDSEED
    | 1 << 19 // ADX
    | 1 << 20 // SMAP
    | 1 << 23 // CLFLUSHOPT
    | 1 << 24 // CLWB
    | 1 << 29; // SHA
const LEAF_7_ECX: u32 = 1 << 2; // UMIP
const LEAF_7_EDX: u32 = 1 << 4; // fast short REP MOVSB

const EXTENDED_1_ECX: u32 = 1 << 0 // LAHF in long mode
    | 1 << 4 // CR8 by LOCK MOV CR0
    | 1 << 5 // LZCNT
    | 1 << 6 // SSE4A
    | 1 << 7 // misaligned SSE
    | 1 << 8; // PREFETCH

/// Bits 9:0, 17:12 and 24:23 repeat those of leaf 1.
const EXTENDED_1_EDX: u32 = LEAF_1_EDX & 0x0183_F3FF
    | 1 << 11 // SYSCALL
    | 1 << 20 // NX
    | 1 << 22 // AMD's extensions of MMX
    | 1 << 26 // pages of 1 GiB
    | 1 << 29 // long mode
    | 1 << 30 // extensions of 3DNow!
    | 1 << 31; // 3DNow!

const INVARIANT_TSC: u32 = 1 << 8;
const CLZERO: u32 = 1 << 0;

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::BTreeSet, vec::Vec};

    const ALL: Leaf = Leaf {
        eax: u32::MAX,
        ebx: u32::MAX,
        ecx: u32::MAX,
        edx: u32::MAX,
    };

    /// A CPU that has everything.
    fn everything(function: u32, _index: u32) -> Leaf {
        match function {
            0 => Leaf { eax: 0x20, ..ALL },
            EXTENDED => Leaf {
                eax: 0x8000_0026,
                ..ALL
            },
            _ => ALL,
        }
    }

    /// One that has nothing but its first leaves.
    fn nothing(function: u32, _index: u32) -> Leaf {
        match function {
            0 => Leaf {
                eax: 1,
                ..Leaf::default()
            },
            EXTENDED => Leaf {
                eax: 0x8000_0001,
                ..Leaf::default()
            },
            _ => Leaf::default(),
        }
    }

    #[test]
    fn what_is_intercepted_is_hidden() {
        let one = answer(1, 0, None, everything);
        for bit in [3, 21, 24, 26, 27, 28] {
            assert_eq!(one.ecx & 1 << bit, 0, "leaf 1, ECX bit {bit}");
        }
        for bit in [7, 9, 12, 14, 28] {
            assert_eq!(one.edx & 1 << bit, 0, "leaf 1, EDX bit {bit}");
        }
        let extended = answer(0x8000_0001, 0, None, everything);
        for bit in [2, 3, 10, 11, 12, 15, 16, 22, 23, 24, 29] {
            assert_eq!(extended.ecx & 1 << bit, 0, "leaf 80000001, ECX bit {bit}");
        }
        for bit in [7, 9, 12, 14, 27] {
            assert_eq!(extended.edx & 1 << bit, 0, "leaf 80000001, EDX bit {bit}");
        }
    }

    /// The numbers of the bits that are set.
    fn bits(word: u32) -> Vec<u32> {
        (0..32).filter(|bit| word >> bit & 1 != 0).collect()
    }

    /// By the numbers of APM vol. 3, appendix E.
    #[test]
    fn what_a_guest_can_use_is_shown_and_nothing_else() {
        let one = answer(1, 0, None, everything);
        let ecx = [0, 1, 9, 13, 17, 19, 20, 22, 23, 25, 30, 31];
        assert_eq!(bits(one.ecx), ecx);
        assert_eq!(one.ebx & 0xFFFF, 0xFFFF, "the brand, and a cache line");
        let common = [0, 1, 2, 3, 4, 5, 6, 8, 13, 15, 16, 17, 23, 24];
        let edx = [common.as_slice(), &[11, 19, 25, 26]].concat();
        assert_eq!(BTreeSet::from_iter(bits(one.edx)), BTreeSet::from_iter(edx));
        let seven = answer(7, 0, None, everything);
        assert_eq!(seven.eax, 0, "the last subleaf");
        assert_eq!(bits(seven.ebx), [0, 3, 7, 8, 9, 10, 18, 19, 20, 23, 24, 29]);
        assert_eq!((bits(seven.ecx), bits(seven.edx)), ([2].into(), [4].into()));
        let extended = answer(0x8000_0001, 0, None, everything);
        assert_eq!(bits(extended.ecx), [0, 4, 5, 6, 7, 8]);
        let edx = [common.as_slice(), &[11, 20, 22, 26, 29, 30, 31]].concat();
        assert_eq!(
            BTreeSet::from_iter(bits(extended.edx)),
            BTreeSet::from_iter(edx)
        );
        for name_or_cache in 0x8000_0002..=0x8000_0006 {
            assert_eq!(answer(name_or_cache, 0, None, everything), ALL);
        }
        let power = answer(0x8000_0007, 0, None, everything);
        let only = |edx| Leaf {
            edx,
            ..Leaf::default()
        };
        assert_eq!(power, only(1 << 8));
        assert_eq!(bits(answer(0x8000_0008, 0, None, everything).ebx), [0]);
    }

    #[test]
    fn there_is_one_processor_with_apic_id_0() {
        assert_eq!(answer(1, 0, None, everything).ebx >> 16, 1);
        assert_eq!(answer(0x8000_0008, 0, None, everything).ecx, 0);
    }

    #[test]
    fn nothing_is_shown_that_the_host_has_not_got() {
        assert_eq!(answer(1, 0, None, nothing).ecx, UNDER_A_HYPERVISOR);
        assert_eq!(answer(1, 0, None, nothing).edx, 0);
        assert_eq!(answer(0x8000_0001, 0, None, nothing), Leaf::default());
    }

    #[test]
    fn leaves_beyond_the_last_are_zero() {
        assert_eq!(answer(0, 0, None, everything).eax, 7);
        assert_eq!(answer(EXTENDED, 0, None, everything).eax, 0x8000_0008);
        for function in [8, 0xB, 0xD, 0x3FFF_FFFF, 0x8000_000A, 0x8000_001F, u32::MAX] {
            assert_eq!(answer(function, 0, None, everything), Leaf::default());
        }
        // Nor does the host's own end reach further than it says.
        assert_eq!(answer(0, 0, None, nothing).eax, 1);
        assert_eq!(
            answer(7, 0, None, |_, _| Leaf { eax: 1, ..ALL }),
            Leaf::default()
        );
    }

    #[test]
    fn subleaves_that_nobody_looked_at_are_zero() {
        assert_eq!(answer(7, 1, None, everything), Leaf::default());
        for function in [2, 3, 4, 5, 6] {
            assert_eq!(answer(function, 0, None, everything), Leaf::default());
        }
    }

    #[test]
    fn the_hypervisor_says_who_it_is() {
        let leaf = answer(0x4000_0000, 0, None, everything);
        assert_eq!(leaf.eax, 0x4000_0000);
        let name = [leaf.ebx, leaf.ecx, leaf.edx].map(u32::to_le_bytes);
        assert_eq!(name.as_flattened(), b"hv on ArceOS");
        assert_eq!(answer(0x4000_0001, 0, None, everything), Leaf::default());
    }

    #[test]
    fn addresses_are_as_wide_as_four_levels() {
        let wide = |_, _| Leaf {
            eax: 0x8000_0008,
            ..Leaf::default()
        };
        assert_eq!(answer(0x8000_0008, 0, None, wide).eax, 8);
        assert_eq!(address_sizes(0x0034_3934), 48 << 8 | 48);
        assert_eq!(address_sizes(0x3028), 48 << 8 | 40);
    }

    const APIC: ShownApic = ShownApic {
        is_x2apic: true,
        tsc_khz: 4_000_000,
        timer_khz: 1_000_000,
    };

    #[test]
    fn x2apic_is_shown_where_the_apic_is_in_that_mode() {
        for function in [0, 1, 7, 0x4000_0010, 0x8000_0001] {
            let is_x2apic = false;
            let apic = Some(ShownApic { is_x2apic, ..APIC });
            let xapic = answer(function, 0, apic, nothing);
            let x2apic = answer(function, 0, Some(APIC), nothing);
            let differs = if function == 1 { vec![21] } else { vec![] };
            assert_eq!(bits(xapic.ecx ^ x2apic.ecx), differs);
            let (ecx, edx) = (x2apic.ecx, x2apic.edx);
            assert_eq!(Leaf { ecx, ..xapic }, x2apic);
            assert_eq!(xapic.edx, edx);
        }
    }

    /// Where the host shows none of it, too.
    #[test]
    fn an_apic_is_shown_to_a_guest_that_has_one() {
        for host in [everything, nothing] {
            let without = |function| answer(function, 0, None, host);
            let with = |function| answer(function, 0, Some(APIC), host);
            for function in [0, 7, 0x8000_0000, 0x8000_0002, 0x8000_0007, 0x8000_0008] {
                assert_eq!(with(function), without(function), "{function:#x}");
            }
            let (one, bare) = (with(1), without(1));
            assert_eq!((one.eax, one.ebx), (bare.eax, bare.ebx));
            assert_eq!(bits(one.ecx ^ bare.ecx), [21, 24]);
            assert_eq!(bits(one.edx ^ bare.edx), [9]);
            let (extended, bare) = (with(0x8000_0001), without(0x8000_0001));
            assert_eq!(extended.ecx, bare.ecx);
            assert_eq!(bits(extended.edx ^ bare.edx), [9]);
        }
    }

    #[test]
    fn a_guest_with_an_apic_is_told_the_frequencies() {
        let last = |apic| answer(0x4000_0000, 0, apic, nothing).eax;
        assert_eq!(last(None), 0x4000_0000);
        assert_eq!(last(Some(APIC)), 0x4000_0010);
        assert_eq!(answer(0x4000_0010, 0, None, everything), Leaf::default());
        let told = answer(0x4000_0010, 0, Some(APIC), everything);
        let wanted = Leaf {
            eax: 4_000_000,
            ebx: 1_000_000,
            ..Leaf::default()
        };
        assert_eq!(told, wanted);
        assert_eq!(
            answer(0x4000_000F, 0, Some(APIC), everything),
            Leaf::default()
        );
    }
}
