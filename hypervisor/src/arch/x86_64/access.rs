//! An access to an emulated device: what it moves, which register a load fills, and where the guest goes on.

use crate::vm::exit::{Size, Transfer};

/// The general registers by their numbers: RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8 to R15.
pub type GeneralRegisters = [u64; 16];

/// The number of RAX.
pub const RAX: usize = 0;

/// EXITINFO1 of a port (APM vol. 2 §15.10.2): it was an IN; it was one of a string, or repeated.
const IN: u64 = 1 << 0;
const STRING: u64 = 1 << 2;
const REPEATED: u64 = 1 << 3;
/// Its size.
const SIZE_8: u64 = 1 << 4;
const SIZE_16: u64 = 1 << 5;
const SIZE_32: u64 = 1 << 6;

/// A load or a store of one general register, or a store of a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// What it moves.
    pub transfer: Transfer,
    /// What a load fills.
    pub target: Target,
    /// RIP behind the instruction.
    pub next: u64,
}

/// A general register, or a part of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// The register's number.
    pub number: usize,
    /// How much of it. The rest stays as it is, but that the upper half of 64 bits is zeroed with the lower one.
    pub size: Size,
    /// It is the second byte: AH, CH, DH, BH.
    pub is_high: bool,
    /// What is loaded keeps its sign, if it is smaller.
    pub is_signed: bool,
}

impl Target {
    /// As much of a register from its lowest byte on.
    pub const fn low(number: usize, size: Size) -> Self {
        Self {
            number,
            size,
            is_high: false,
            is_signed: false,
        }
    }

    /// What a store of it moves.
    pub fn value(&self, registers: &GeneralRegisters) -> u64 {
        let shift = if self.is_high { 8 } else { 0 };
        self.size.cut(registers[self.number] >> shift)
    }
}

impl Access {
    /// That of an IN or OUT, by what its exit left in EXITINFO1 and EXITINFO2; none if it is one of a string.
    pub fn at_port(info1: u64, info2: u64, rax: u64) -> Option<Self> {
        let size = match info1 & (SIZE_8 | SIZE_16 | SIZE_32 | STRING | REPEATED) {
            SIZE_8 => Size::Byte,
            SIZE_16 => Size::Half,
            SIZE_32 => Size::Word,
            _ => return None,
        };
        Some(Self {
            transfer: match info1 & IN {
                0 => Transfer::Store {
                    size,
                    value: size.cut(rax),
                },
                _ => Transfer::Load { size },
            },
            target: Target::low(RAX, size),
            next: info2,
        })
    }

    /// Puts what a load gave into its register.
    pub fn load(&self, value: u64, registers: &mut GeneralRegisters) {
        let Target {
            number,
            size,
            is_high,
            ..
        } = self.target;
        let value = size.cut(self.extended(value));
        let register = &mut registers[number];
        *register = match size {
            Size::Byte if is_high => *register & !0xFF00 | value << 8,
            Size::Byte | Size::Half => *register & !size.cut(u64::MAX) | value,
            Size::Word | Size::Double => value,
        };
    }

    fn extended(&self, value: u64) -> u64 {
        match self.target.is_signed {
            true => self.transfer.size().extended(value),
            false => self.transfer.size().cut(value),
        }
    }
}

/// The number of the port, in EXITINFO1.
pub const fn port(info1: u64) -> u16 {
    (info1 >> 16) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELD: u64 = 0x1122_3344_5566_7788;
    const VALUE: u64 = 0x8182_8384_8586_8788;

    fn registers() -> GeneralRegisters {
        core::array::from_fn(|number| HELD + number as u64)
    }

    #[test]
    fn a_port_has_its_size_and_direction() {
        let numbers = 0x3F8_0000;
        for (bits, size, held) in [
            (SIZE_8, Size::Byte, 0x88),
            (SIZE_16, Size::Half, 0x7788),
            (SIZE_32, Size::Word, 0x5566_7788),
        ] {
            // The size of addresses, which nothing is made of here, and the segment.
            for more in [0, 1 << 7, 1 << 9, 3 << 10] {
                let load = Access::at_port(numbers | bits | IN | more, 7, HELD).unwrap();
                assert_eq!(load.transfer, Transfer::Load { size });
                assert_eq!((load.target, load.next), (Target::low(0, size), 7));
                let store = Access::at_port(numbers | bits | more, 7, HELD).unwrap();
                assert_eq!(store.transfer, Transfer::Store { size, value: held });
            }
            for string in [STRING, REPEATED, STRING | REPEATED] {
                assert_eq!(Access::at_port(numbers | bits | IN | string, 7, HELD), None);
            }
        }
        for none in [0, IN, SIZE_8 | SIZE_16] {
            assert_eq!(Access::at_port(numbers | none, 7, HELD), None);
        }
        assert_eq!(port(0xFFFF_0010), 0xFFFF);
        assert_eq!(port(0x3F8_0011), 0x3F8);
    }

    #[test]
    fn a_load_fills_its_part_of_its_register_and_no_other() {
        use Size::{Byte, Double, Half, Word};
        for (from, size, is_high, is_signed, wanted) in [
            (Byte, Byte, false, false, 0x1122_3344_5566_7788),
            (Byte, Byte, true, false, 0x1122_3344_5566_8888),
            (Half, Half, false, false, 0x1122_3344_5566_8788),
            (Word, Word, false, false, 0x8586_8788),
            (Double, Double, false, false, VALUE),
            (Byte, Half, false, false, 0x1122_3344_5566_0088),
            (Byte, Half, false, true, 0x1122_3344_5566_FF88),
            (Byte, Word, false, false, 0x88),
            (Byte, Word, false, true, 0xFFFF_FF88),
            (Byte, Double, false, true, 0xFFFF_FFFF_FFFF_FF88),
            (Half, Word, false, true, 0xFFFF_8788),
            (Half, Double, false, false, 0x8788),
            (Half, Double, false, true, 0xFFFF_FFFF_FFFF_8788),
            (Word, Double, false, true, 0xFFFF_FFFF_8586_8788),
        ] {
            for number in [0, 4, 15] {
                let access = Access {
                    transfer: Transfer::Load { size: from },
                    target: Target {
                        number,
                        size,
                        is_high,
                        is_signed,
                    },
                    next: 0,
                };
                let mut found = [HELD; 16];
                access.load(VALUE, &mut found);
                let mut expected = [HELD; 16];
                expected[number] = wanted;
                assert_eq!(found, expected, "{access:?}");
            }
        }
    }

    #[test]
    fn a_sign_of_zero_is_kept_too() {
        let access = Access {
            transfer: Transfer::Load { size: Size::Byte },
            target: Target {
                is_signed: true,
                ..Target::low(2, Size::Double)
            },
            next: 0,
        };
        let mut found = registers();
        access.load(0x17F, &mut found);
        assert_eq!(found[2], 0x7F);
    }

    #[test]
    fn a_store_moves_its_part_of_its_register() {
        let all = registers();
        for (size, value) in [
            (Size::Byte, 0x8B),
            (Size::Half, 0x778B),
            (Size::Word, 0x5566_778B),
            (Size::Double, HELD + 3),
        ] {
            assert_eq!(Target::low(3, size).value(&all), value);
        }
        let high = Target {
            is_high: true,
            ..Target::low(3, Size::Byte)
        };
        assert_eq!(high.value(&all), 0x77);
    }
}
