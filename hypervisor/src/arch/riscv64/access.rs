//! A load or a store that traps, as the hart or the instruction itself describes it, so that it can be carried out for
//! the guest: those of one general register (RISC-V Unprivileged, RV64I; their short forms of C and Zcb).

use crate::vm::exit::{Size, Transfer};

#[cfg(test)]
mod tests;

/// A load or a store of one general register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    size: Size,
    /// The register: 0 is always zero.
    register: usize,
    write: bool,
    sign_extended: bool,
    /// The instruction's length in bytes.
    length: u64,
}

/// An access, and where it is: at `offset` from what the register `base` holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Described {
    access: Access,
    base: usize,
    offset: i64,
}

impl Access {
    /// Takes `htinst` apart (RISC-V Privileged, "Transformed Instruction or Pseudoinstruction for mtinst or htinst").
    /// None if it is no transformed load or store; or if what faulted is not the first byte of the access (Addr.
    /// Offset), so that one part of it lies elsewhere.
    pub fn transformed(htinst: u64) -> Option<Self> {
        /// It is an instruction; and was not a compressed one.
        const INSTRUCTION: u32 = 1 << 0;
        const LONG: u32 = 1 << 1;
        let word = u32::try_from(htinst).ok()?;
        let address_offset = field(word, 15, 5);
        if word & INSTRUCTION == 0 || address_offset != 0 {
            return None;
        }
        let length = if word & LONG == 0 { 2 } else { 4 };
        let Described { access, .. } = long(word | LONG)?;
        Some(Self { length, ..access })
    }

    /// Takes an instruction apart that was loaded from where it trapped, with `x` as the registers. None if it is no
    /// such load or store, or is not at `address`, which faulted: then it is another one by now, or only a part of
    /// its access faulted.
    pub fn fetched(instruction: u64, x: &[u64; 32], address: u64) -> Option<Self> {
        let word = instruction as u32;
        let described = match word & 0b11 {
            0b11 => long(word),
            _ => short(word),
        };
        let Described {
            access,
            base,
            offset,
        } = described?;
        (x[base].wrapping_add_signed(offset) == address).then_some(access)
    }

    /// Whether it is a store.
    pub fn is_write(&self) -> bool {
        self.write
    }

    /// How far it is to the instruction behind it, in bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// What it moves, with `x` as the registers.
    pub fn transfer(&self, x: &[u64; 32]) -> Transfer {
        let size = self.size;
        match self.write {
            true => Transfer::Store {
                size,
                value: size.cut(x[self.register]),
            },
            false => Transfer::Load { size },
        }
    }

    /// Puts what a load gave into its register.
    pub fn load(&self, value: u64, x: &mut [u64; 32]) {
        // x0 takes the value and keeps none.
        if self.register != 0 {
            x[self.register] = self.extended(value);
        }
    }

    fn extended(&self, value: u64) -> u64 {
        match self.sign_extended {
            true => self.size.extended(value),
            false => self.size.cut(value),
        }
    }
}

const SIZES: [Size; 4] = [Size::Byte, Size::Half, Size::Word, Size::Double];
/// The stack pointer.
const SP: usize = 2;

/// As many bits of `word` as `width`, from bit `low` on.
const fn field(word: u32, low: u32, width: u32) -> u32 {
    word >> low & ((1 << width) - 1)
}

/// An instruction of 32 bits: the opcodes LOAD and STORE, whose funct3 has the size, and for a load that it does not
/// extend the sign.
fn long(word: u32) -> Option<Described> {
    const LOAD: u32 = 0b000_0011;
    const STORE: u32 = 0b010_0011;
    const UNSIGNED: u32 = 0b100;
    const UNSIGNED_DOUBLE: u32 = 0b111;
    let funct3 = field(word, 12, 3);
    let size = SIZES[field(word, 12, 2) as usize];
    // The upper seven bits of the offset of either, with its sign.
    let upper = i64::from(word as i32 >> 25) << 5;
    let (register, write, lower) = match field(word, 0, 7) {
        LOAD if funct3 != UNSIGNED_DOUBLE => (field(word, 7, 5), false, field(word, 20, 5)),
        STORE if funct3 & UNSIGNED == 0 => (field(word, 20, 5), true, field(word, 7, 5)),
        _ => return None,
    };
    Some(Described {
        access: Access {
            size,
            register: register as usize,
            write,
            sign_extended: !write && funct3 & UNSIGNED == 0,
            length: 4,
        },
        base: field(word, 15, 5) as usize,
        offset: upper | i64::from(lower),
    })
}

/// An instruction of 16 bits: of C those of the quadrants 0 and 2, by registers and by the stack pointer; and those of
/// Zcb, which has the place of funct3 = 100 in quadrant 0.
fn short(half: u32) -> Option<Described> {
    let (funct3, quadrant) = (field(half, 13, 3), field(half, 0, 2));
    match (quadrant, funct3) {
        (0b00, 0b010) => Some(by_register(half, Size::Word, false)),
        (0b00, 0b011) => Some(by_register(half, Size::Double, false)),
        (0b00, 0b110) => Some(by_register(half, Size::Word, true)),
        (0b00, 0b111) => Some(by_register(half, Size::Double, true)),
        (0b00, 0b100) => small(half),
        // Into x0 these two are reserved.
        (0b10, 0b010) if field(half, 7, 5) != 0 => {
            let offset = field(half, 12, 1) << 5 | field(half, 4, 3) << 2 | field(half, 2, 2) << 6;
            Some(load_by_stack(half, Size::Word, offset))
        }
        (0b10, 0b011) if field(half, 7, 5) != 0 => {
            let offset = field(half, 12, 1) << 5 | field(half, 5, 2) << 3 | field(half, 2, 3) << 6;
            Some(load_by_stack(half, Size::Double, offset))
        }
        (0b10, 0b110) => {
            let offset = field(half, 9, 4) << 2 | field(half, 7, 2) << 6;
            Some(store_by_stack(half, Size::Word, offset))
        }
        (0b10, 0b111) => {
            let offset = field(half, 10, 3) << 3 | field(half, 7, 3) << 6;
            Some(store_by_stack(half, Size::Double, offset))
        }
        _ => None,
    }
}

/// C.LW, C.LD, C.SW, C.SD.
fn by_register(half: u32, size: Size, write: bool) -> Described {
    let middle = field(half, 10, 3) << 3;
    let offset = match size {
        Size::Double => middle | field(half, 5, 2) << 6,
        _ => middle | field(half, 6, 1) << 2 | field(half, 5, 1) << 6,
    };
    of_eight(half, size, write, true, offset)
}

/// C.LBU, C.LHU, C.LH, C.SB, C.SH.
fn small(half: u32) -> Option<Described> {
    let byte = field(half, 6, 1) | field(half, 5, 1) << 1;
    let of_half = field(half, 5, 1) << 1;
    match (field(half, 10, 3), field(half, 6, 1)) {
        (0b000, _) => Some(of_eight(half, Size::Byte, false, false, byte)),
        (0b001, signed) => Some(of_eight(half, Size::Half, false, signed == 1, of_half)),
        (0b010, _) => Some(of_eight(half, Size::Byte, true, false, byte)),
        (0b011, 0) => Some(of_eight(half, Size::Half, true, false, of_half)),
        _ => None,
    }
}

/// One whose registers have three bits: x8 to x15.
fn of_eight(half: u32, size: Size, write: bool, sign_extended: bool, offset: u32) -> Described {
    let register = |low| 8 + field(half, low, 3) as usize;
    Described {
        access: Access {
            size,
            register: register(2),
            write,
            sign_extended: sign_extended && !write,
            length: 2,
        },
        base: register(7),
        offset: offset.into(),
    }
}

/// C.LWSP, C.LDSP.
fn load_by_stack(half: u32, size: Size, offset: u32) -> Described {
    Described {
        access: Access {
            size,
            register: field(half, 7, 5) as usize,
            write: false,
            sign_extended: true,
            length: 2,
        },
        base: SP,
        offset: offset.into(),
    }
}

/// C.SWSP, C.SDSP.
fn store_by_stack(half: u32, size: Size, offset: u32) -> Described {
    Described {
        access: Access {
            size,
            register: field(half, 2, 5) as usize,
            write: true,
            sign_extended: false,
            length: 2,
        },
        base: SP,
        offset: offset.into(),
    }
}
