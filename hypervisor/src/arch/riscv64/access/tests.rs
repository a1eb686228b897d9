use super::*;
use alloc::vec::Vec;
use std::collections::BTreeMap;

/// A form as the manual's tables have it: how much, a store, with its sign.
type Form = (Size, bool, bool);

const LOADS: [(u32, Form); 7] = [
    (0, (Size::Byte, false, true)),
    (1, (Size::Half, false, true)),
    (2, (Size::Word, false, true)),
    (3, (Size::Double, false, true)),
    (4, (Size::Byte, false, false)),
    (5, (Size::Half, false, false)),
    (6, (Size::Word, false, false)),
];
const STORES: [(u32, Form); 4] = [
    (0, (Size::Byte, true, false)),
    (1, (Size::Half, true, false)),
    (2, (Size::Word, true, false)),
    (3, (Size::Double, true, false)),
];

fn access((size, write, sign_extended): Form, register: u32, length: u64) -> Access {
    Access {
        size,
        register: register as usize,
        write,
        sign_extended,
        length,
    }
}

fn described(form: Form, length: u64, register: u32, base: u32, offset: i64) -> Described {
    Described {
        access: access(form, register, length),
        base: base as usize,
        offset,
    }
}

/// I-type.
fn load(funct3: u32, rd: u32, rs1: u32, offset: i64) -> u32 {
    (offset as u32 & 0xFFF) << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | 0x03
}

/// S-type.
fn store(funct3: u32, rs2: u32, rs1: u32, offset: i64) -> u32 {
    let offset = offset as u32;
    let (upper, lower) = (offset >> 5 & 0x7F, offset & 0x1F);
    upper << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | lower << 7 | 0x23
}

const OFFSETS: [i64; 8] = [0, 1, -1, 31, 32, -32, 2047, -2048];

#[test]
fn loads_and_stores_of_32_bits_are_told_from_all_else() {
    for register in 0..32 {
        for base in [0, 1, 2, 17, 31] {
            for offset in OFFSETS {
                for (funct3, form) in LOADS {
                    let wanted = described(form, 4, register, base, offset);
                    let word = load(funct3, register, base, offset);
                    assert_eq!(long(word), Some(wanted), "{word:#x}");
                }
                for (funct3, form) in STORES {
                    let wanted = described(form, 4, register, base, offset);
                    let word = store(funct3, register, base, offset);
                    assert_eq!(long(word), Some(wanted), "{word:#x}");
                }
            }
        }
    }
    for opcode in (0..0x80).filter(|opcode| opcode & 0b11 == 0b11) {
        for funct3 in 0..8 {
            let known = match opcode {
                0x03 => funct3 < 7,
                0x23 => funct3 < 4,
                // Floating point (0x07, 0x27), atomics (0x2F) and HLV (0x73) among them.
                _ => false,
            };
            for rest in [0, 0xFFFF_8F80, 0x5A5A_0A80, 0xA5A5_8500] {
                let word = rest | funct3 << 12 | opcode;
                assert_eq!(long(word).is_some(), known, "{word:#x}");
            }
        }
    }
}

/// The bits of an immediate, as the manual's tables have them: `[5:3|7:6]` as the numbers 5, 4, 3, 7, 6, from bit
/// `low` + 4 of the instruction down to `low`.
fn scattered(offset: u32, bits: &[u32], low: u32) -> u32 {
    let value = bits
        .iter()
        .fold(0, |value, bit| value << 1 | offset >> bit & 1);
    value << low
}

/// All instructions of 16 bits that are loads or stores.
fn all_short() -> BTreeMap<u32, Described> {
    let mut all = Vec::new();
    const WORD: Form = (Size::Word, false, true);
    const DOUBLE: Form = (Size::Double, false, true);
    let stored = |(size, ..): Form| (size, true, false);
    // CL and CS formats.
    for (register, base) in (0..8).flat_map(|register| (0..8).map(move |base| (register, base))) {
        let fields = register << 2 | base << 7;
        let mut add = |half: u32, form: Form, offset: u32| {
            let wanted = described(form, 2, 8 + register, 8 + base, offset.into());
            all.push((half | fields, wanted));
        };
        for offset in (0..128).step_by(4) {
            let half = scattered(offset, &[5, 4, 3], 10) | scattered(offset, &[2, 6], 5);
            add(half | 0b010 << 13, WORD, offset);
            add(half | 0b110 << 13, stored(WORD), offset);
        }
        for offset in (0..256).step_by(8) {
            let half = scattered(offset, &[5, 4, 3], 10) | scattered(offset, &[7, 6], 5);
            add(half | 0b011 << 13, DOUBLE, offset);
            add(half | 0b111 << 13, stored(DOUBLE), offset);
        }
        // Zcb: CLB, CSB, CLH, CSH.
        for offset in 0..4 {
            let half = scattered(offset, &[0, 1], 5);
            add(half | 0b100_000 << 10, (Size::Byte, false, false), offset);
            add(half | 0b100_010 << 10, (Size::Byte, true, false), offset);
        }
        for offset in [0, 2] {
            let half = scattered(offset, &[1], 5);
            add(half | 0b100_001 << 10, (Size::Half, false, false), offset);
            add(
                half | 0b100_001 << 10 | 1 << 6,
                (Size::Half, false, true),
                offset,
            );
            add(half | 0b100_011 << 10, (Size::Half, true, false), offset);
        }
    }
    // CI and CSS formats.
    for register in 0..32 {
        let mut add = |half: u32, form: Form, offset: u32| {
            let wanted = described(form, 2, register, 2, offset.into());
            all.push((half | 0b10, wanted));
        };
        for offset in (0..256).step_by(4) {
            let half = scattered(offset, &[5], 12) | scattered(offset, &[4, 3, 2, 7, 6], 2);
            if register != 0 {
                add(half | 0b010 << 13 | register << 7, WORD, offset);
            }
            let half = scattered(offset, &[5, 4, 3, 2, 7, 6], 7);
            add(half | 0b110 << 13 | register << 2, stored(WORD), offset);
        }
        for offset in (0..512).step_by(8) {
            let half = scattered(offset, &[5], 12) | scattered(offset, &[4, 3, 8, 7, 6], 2);
            if register != 0 {
                add(half | 0b011 << 13 | register << 7, DOUBLE, offset);
            }
            let half = scattered(offset, &[5, 4, 3, 8, 7, 6], 7);
            add(half | 0b111 << 13 | register << 2, stored(DOUBLE), offset);
        }
    }
    let count = all.len();
    let all: BTreeMap<_, _> = all.into_iter().collect();
    assert_eq!(all.len(), count, "no two of them have the same encoding");
    all
}

#[test]
fn of_all_instructions_of_16_bits_the_loads_and_stores_are_known() {
    let known = all_short();
    for half in (0..=0xFFFF).filter(|half| half & 0b11 != 0b11) {
        assert_eq!(short(half).as_ref(), known.get(&half), "{half:#06x}");
    }
}

/// As an assembler writes them.
#[test]
fn an_assembler_agrees() {
    const WORD: Form = (Size::Word, false, true);
    const DOUBLE: Form = (Size::Double, false, true);
    for (word, wanted) in [
        (0x41C8, described(WORD, 2, 10, 11, 4)),
        (0x6588, described(DOUBLE, 2, 10, 11, 8)),
        (0xC1C8, described((Size::Word, true, false), 2, 10, 11, 4)),
        (0xE588, described((Size::Double, true, false), 2, 10, 11, 8)),
        (0x4512, described(WORD, 2, 10, 2, 4)),
        (0x60A2, described(DOUBLE, 2, 1, 2, 8)),
        (0xC22A, described((Size::Word, true, false), 2, 10, 2, 4)),
        (0xE406, described((Size::Double, true, false), 2, 1, 2, 8)),
    ] {
        assert_eq!(short(word), Some(wanted), "{word:#x}");
    }
    for (word, wanted) in [
        (0xFFC5_A503, described(WORD, 4, 10, 11, -4)),
        (
            0xFEA5_8FA3,
            described((Size::Byte, true, false), 4, 10, 11, -1),
        ),
        (
            0x0085_E503,
            described((Size::Word, false, false), 4, 10, 11, 8),
        ),
    ] {
        assert_eq!(long(word), Some(wanted), "{word:#x}");
    }
}

#[test]
fn the_hart_describes_what_trapped() {
    for (funct3, form) in LOADS {
        let transformed = u64::from(load(funct3, 10, 0, 0));
        let long = Access::transformed(transformed);
        assert_eq!(long, Some(access(form, 10, 4)), "{transformed:#x}");
        // Bit 1 is clear if it was a compressed one.
        let short = Access::transformed(transformed & !0b10);
        assert_eq!(short, Some(access(form, 10, 2)), "{transformed:#x}");
        // Addr. Offset: the fault is not at its beginning.
        for offset in [1, 4, 7, 31] {
            assert_eq!(Access::transformed(transformed | offset << 15), None);
        }
    }
    for (funct3, form) in STORES {
        let transformed = u64::from(store(funct3, 31, 0, 0));
        assert_eq!(Access::transformed(transformed), Some(access(form, 31, 4)));
        let short = Access::transformed(transformed & !0b10);
        assert_eq!(short, Some(access(form, 31, 2)));
        assert_eq!(Access::transformed(transformed | 1 << 15), None);
    }
    for none in [
        // Nothing, and the walks.
        0,
        0x2000,
        0x2020,
        0x3000,
        0x3020,
        // flw, fsw, amoadd.w, lr.d, hlv.w, a custom one; and what has more bits.
        0x2507,
        0x2527,
        0x0000_252F,
        0x1000_352F,
        0x6800_4573,
        0x0000_250B,
        0x0000_2501 | 1 << 7,
        1 << 32 | 0x2503,
    ] {
        let found = Access::transformed(none);
        let is_load = none & 0x7F == 0x01;
        assert_eq!(found.is_some(), is_load, "{none:#x}");
    }
}

fn registers() -> [u64; 32] {
    core::array::from_fn(|n| if n == 0 { 0 } else { 0x1000 * n as u64 })
}

#[test]
fn an_instruction_that_was_fetched_counts_only_at_the_address_that_faulted() {
    let x = registers();
    for (instruction, address, wanted) in [
        (load(3, 5, 10, 16), 0xA010, access(LOADS[3].1, 5, 4)),
        (load(0, 5, 10, -1), 0x9FFF, access(LOADS[0].1, 5, 4)),
        (store(1, 5, 10, -2048), 0x9800, access(STORES[1].1, 5, 4)),
        // c.ld a0, 8(a1); c.sdsp ra, 8(sp).
        (0x6588, 0xB008, access(LOADS[3].1, 10, 2)),
        (0xE406, 0x2008, access(STORES[3].1, 1, 2)),
        // What lies behind a short one is no part of it.
        (0xFFFF_6588, 0xB008, access(LOADS[3].1, 10, 2)),
    ] {
        let fetched = |address| Access::fetched(instruction.into(), &x, address);
        assert_eq!(fetched(address), Some(wanted), "{instruction:#x}");
        for elsewhere in [0, address + 1, address - 1, address + 4, address ^ 1 << 63] {
            assert_eq!(fetched(elsewhere), None, "{instruction:#x}");
        }
    }
    // Around the end of the addresses.
    let mut x = x;
    x[10] = 8;
    let fetched = Access::fetched(load(3, 5, 10, -16).into(), &x, u64::MAX - 7);
    assert_eq!(fetched, Some(access(LOADS[3].1, 5, 4)));
    // nop, fld, c.nop, c.fldsp.
    for other in [0x13, 0x0005_3507, 0x0001, 0x2502] {
        assert_eq!(Access::fetched(other, &x, 8), None, "{other:#x}");
    }
}

#[test]
fn a_store_moves_the_low_bytes_of_its_register() {
    let mut x = registers();
    x[7] = 0x1122_3344_5566_7788;
    for (_, form) in STORES {
        let size = form.0;
        let value = size.cut(0x1122_3344_5566_7788);
        let wanted = Transfer::Store { size, value };
        assert_eq!(access(form, 7, 4).transfer(&x), wanted);
        let zero = access(form, 0, 4).transfer(&x);
        assert_eq!(zero, Transfer::Store { size, value: 0 });
    }
}

#[test]
fn a_load_fills_its_register_and_no_other() {
    const VALUE: u64 = 0x8182_8384_8586_8788;
    let wanted = [
        0xFFFF_FFFF_FFFF_FF88,
        0xFFFF_FFFF_FFFF_8788,
        0xFFFF_FFFF_8586_8788,
        VALUE,
        0x88,
        0x8788,
        0x8586_8788,
    ];
    for ((_, form), wanted) in LOADS.into_iter().zip(wanted) {
        for register in 1..32 {
            let mut x = registers();
            let load = access(form, register, 4);
            assert_eq!(load.transfer(&x), Transfer::Load { size: form.0 });
            load.load(VALUE, &mut x);
            let mut expected = registers();
            expected[register as usize] = wanted;
            assert_eq!(x, expected, "{form:?}");
        }
        let mut x = registers();
        access(form, 0, 4).load(VALUE, &mut x);
        assert_eq!(x, registers(), "x0");
    }
    let mut x = registers();
    access(LOADS[0].1, 5, 2).load(0x7F, &mut x);
    assert_eq!(x[5], 0x7F, "a sign of 0");
}
