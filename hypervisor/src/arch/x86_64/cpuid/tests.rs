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
