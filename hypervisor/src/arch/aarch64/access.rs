//! A load or a store that ESR_EL2.ISS describes, so that it can be carried out for the guest (Arm ARM, ISS
//! encoding for an exception from a Data Abort: ISV and what it makes valid).

use crate::vm::exit::{Size, Transfer};

const ISV: u64 = 1 << 24;
/// Sign-extend.
const SSE: u64 = 1 << 21;
/// The register has 64 bits.
const SF: u64 = 1 << 15;
const CM: u64 = 1 << 8;
const S1PTW: u64 = 1 << 7;
const WNR: u64 = 1 << 6;

/// A load or a store of one general register, without write-back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    size: Size,
    /// The register: 31 is XZR.
    register: usize,
    write: bool,
    sign_extended: bool,
    wide: bool,
}

impl Access {
    /// Takes the ISS of a data abort apart; none if it describes no access. That of pairs, of exclusives and
    /// atomics, of vector registers and of addresses that are written back has ISV clear; and a cache
    /// operation, or a walk of the guest's tables, moves nothing.
    pub fn new(iss: u64) -> Option<Self> {
        if iss & ISV == 0 || iss & (CM | S1PTW) != 0 {
            return None;
        }
        let size = match iss >> 22 & 0b11 {
            0 => Size::Byte,
            1 => Size::Half,
            2 => Size::Word,
            _ => Size::Double,
        };
        Some(Self {
            size,
            register: (iss >> 16 & 0b1_1111) as usize,
            write: iss & WNR != 0,
            sign_extended: iss & SSE != 0,
            wide: iss & SF != 0,
        })
    }

    /// What it moves, with `x` as the registers x0 to x30.
    pub fn transfer(&self, x: &[u64; 31]) -> Transfer {
        let size = self.size;
        match self.write {
            true => Transfer::Store {
                size,
                value: size.cut(x.get(self.register).copied().unwrap_or(0)),
            },
            false => Transfer::Load { size },
        }
    }

    /// Puts what a load gave into its register.
    pub fn load(&self, value: u64, x: &mut [u64; 31]) {
        // XZR takes the value and keeps none.
        if let Some(register) = x.get_mut(self.register) {
            *register = self.extended(value);
        }
    }

    fn extended(&self, value: u64) -> u64 {
        if !self.sign_extended {
            return self.size.cut(value);
        }
        let extended = self.size.extended(value);
        match self.wide {
            true => extended,
            false => Size::Word.cut(extended),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: [(u64, Size); 4] = [
        (0, Size::Byte),
        (1 << 22, Size::Half),
        (2 << 22, Size::Word),
        (3 << 22, Size::Double),
    ];

    fn registers() -> [u64; 31] {
        core::array::from_fn(|n| 0x1122_3344_5566_7700 + n as u64)
    }

    #[test]
    fn a_store_moves_the_low_bytes_of_its_register() {
        for (sas, size) in SIZES {
            for (register, held) in [(0, 0x00), (5, 0x05), (30, 0x1E)] {
                let access = Access::new(ISV | sas | register << 16 | WNR | 0b00_0111).unwrap();
                let value = size.cut(0x1122_3344_5566_7700 + held);
                let wanted = Transfer::Store { size, value };
                assert_eq!(access.transfer(&registers()), wanted);
            }
            let zero = Access::new(ISV | sas | 31 << 16 | WNR).unwrap();
            let wanted = Transfer::Store { size, value: 0 };
            assert_eq!(zero.transfer(&registers()), wanted, "XZR");
        }
    }

    #[test]
    fn a_load_fills_its_register_and_no_other() {
        const VALUE: u64 = 0x8182_8384_8586_8788;
        for (sas, sse, sf, wanted) in [
            (0, 0, 0, 0x88),
            (0, SSE, 0, 0xFFFF_FF88),
            (0, SSE, SF, 0xFFFF_FFFF_FFFF_FF88),
            (1 << 22, 0, 0, 0x8788),
            (1 << 22, SSE, 0, 0xFFFF_8788),
            (1 << 22, SSE, SF, 0xFFFF_FFFF_FFFF_8788),
            (2 << 22, 0, 0, 0x8586_8788),
            (2 << 22, SSE, SF, 0xFFFF_FFFF_8586_8788),
            (3 << 22, 0, SF, VALUE),
        ] {
            for register in [0, 17, 30] {
                let iss = ISV | sas | sse | sf | register << 16;
                let mut x = registers();
                Access::new(iss).unwrap().load(VALUE, &mut x);
                let mut expected = registers();
                expected[register as usize] = wanted;
                assert_eq!(x, expected, "{iss:#x}");
            }
            let mut x = registers();
            let zero = Access::new(ISV | sas | sse | sf | 31 << 16).unwrap();
            zero.load(VALUE, &mut x);
            assert_eq!(x, registers(), "XZR");
        }
        let mut x = registers();
        Access::new(ISV | SSE | SF).unwrap().load(0x7F, &mut x);
        assert_eq!(x[0], 0x7F, "a sign of 0");
    }

    #[test]
    fn what_is_not_described_is_none() {
        for iss in [0, !ISV & 0x1FF_FFFF, ISV | CM | WNR, ISV | S1PTW, 0b00_0111] {
            assert_eq!(Access::new(iss), None, "{iss:#x}");
        }
    }
}
