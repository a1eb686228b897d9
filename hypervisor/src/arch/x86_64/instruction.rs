//! An instruction of the guest's that accesses an emulated device: what it moves between a register and memory, if it
//! is a MOV of some form (APM vol. 3, MOV, MOVZX, MOVSX, MOVSXD).

use iced_x86::{Decoder, DecoderOptions, Instruction, MemorySize, Mnemonic, OpKind, Register};

use super::access::{Access, GeneralRegisters, Target};
use crate::{
    memory::addr::{Gpa, Gva},
    vm::exit::{Size, Transfer},
};

/// The most bytes that an instruction has.
pub const LONGEST: usize = 15;

/// What of the guest an instruction depends on, in 64-bit mode.
pub struct State {
    /// The general registers.
    pub registers: GeneralRegisters,
    /// Where the instruction is.
    pub rip: u64,
    /// The bases of the segments that have any.
    pub fs_base: u64,
    /// As above.
    pub gs_base: u64,
}

/// What the instruction in `bytes` moves, and the address at which it does. None if it is no MOV between memory and a
/// general register or a constant, or if it is not all there.
pub fn decode(bytes: &[u8], state: &State) -> Option<(Access, u64)> {
    const BITS: u32 = 64;
    let instruction = Decoder::with_ip(BITS, bytes, state.rip, DecoderOptions::NONE).decode();
    let is_signed = match instruction.mnemonic() {
        Mnemonic::Mov | Mnemonic::Movzx => false,
        Mnemonic::Movsx | Mnemonic::Movsxd => true,
        _ => return None,
    };
    let size = size(instruction.memory_size())?;
    let (transfer, target) = match (instruction.op0_kind(), instruction.op1_kind()) {
        (OpKind::Register, OpKind::Memory) => {
            let target = Target {
                is_signed,
                ..general(instruction.op0_register())?
            };
            (Transfer::Load { size }, target)
        }
        (OpKind::Memory, OpKind::Register) => {
            let source = general(instruction.op1_register())?;
            let value = source.value(&state.registers);
            (Transfer::Store { size, value }, source)
        }
        (OpKind::Memory, kind) if is_constant(kind) => {
            let value = size.cut(instruction.immediate(1));
            (Transfer::Store { size, value }, Target::low(0, size))
        }
        _ => return None,
    };
    let access = Access {
        transfer,
        target,
        next: instruction.next_ip(),
    };
    Some((access, address(&instruction, state)?))
}

/// The access that the instruction in `bytes` made at `gpa`; none if it is none that [`decode`] knows, or did not
/// make that access, which was a store if `is_write`. It may be the second part of one that is split over two pages;
/// and nobody keeps the guest from writing another instruction there.
pub fn made(bytes: &[u8], state: &State, gpa: Gpa, is_write: bool) -> Option<Access> {
    let (access, address) = decode(bytes, state)?;
    let stores = matches!(access.transfer, Transfer::Store { .. });
    let is_there = Gva::new(address).offset_in_page() == gpa.offset_in_page();
    (stores == is_write && is_there).then_some(access)
}

fn is_constant(kind: OpKind) -> bool {
    matches!(
        kind,
        OpKind::Immediate8 | OpKind::Immediate16 | OpKind::Immediate32 | OpKind::Immediate32to64
    )
}

fn size(size: MemorySize) -> Option<Size> {
    match size {
        MemorySize::UInt8 | MemorySize::Int8 => Some(Size::Byte),
        MemorySize::UInt16 | MemorySize::Int16 => Some(Size::Half),
        MemorySize::UInt32 | MemorySize::Int32 => Some(Size::Word),
        MemorySize::UInt64 | MemorySize::Int64 => Some(Size::Double),
        _ => None,
    }
}

/// A general register, or the part of one that has this name.
fn general(register: Register) -> Option<Target> {
    /// In the decoder's order: eight by bytes, of which the last four are second bytes, then those that need a prefix.
    const BYTES: [(usize, bool); 20] = [
        (0, false),
        (1, false),
        (2, false),
        (3, false),
        (0, true),
        (1, true),
        (2, true),
        (3, true),
        (4, false),
        (5, false),
        (6, false),
        (7, false),
        (8, false),
        (9, false),
        (10, false),
        (11, false),
        (12, false),
        (13, false),
        (14, false),
        (15, false),
    ];
    if let Some(index) = index(register, Register::AL, Register::R15L) {
        let (number, is_high) = BYTES[index];
        return Some(Target {
            is_high,
            ..Target::low(number, Size::Byte)
        });
    }
    [
        (Register::AX, Register::R15W, Size::Half),
        (Register::EAX, Register::R15D, Size::Word),
        (Register::RAX, Register::R15, Size::Double),
    ]
    .into_iter()
    .find_map(|(first, last, size)| Some(Target::low(index(register, first, last)?, size)))
}

/// Which one a register is of those from `first` to `last`.
fn index(register: Register, first: Register, last: Register) -> Option<usize> {
    let index = (register as usize).checked_sub(first as usize)?;
    (register as usize <= last as usize).then_some(index)
}

/// The address of the operand in memory, by the guest's own tables.
fn address(instruction: &Instruction, state: &State) -> Option<u64> {
    let held = |register: Register| match register {
        Register::None => Some(0),
        register => Some(general(register)?.value(&state.registers)),
    };
    let displacement = instruction.memory_displacement64();
    let offset = match instruction.memory_base() {
        // The displacement is the address already.
        Register::RIP | Register::EIP => displacement,
        base => {
            let scaled = held(instruction.memory_index())?
                .wrapping_mul(instruction.memory_index_scale().into());
            held(base)?.wrapping_add(scaled).wrapping_add(displacement)
        }
    };
    let offset = match is_short(instruction) {
        true => Size::Word.cut(offset),
        false => offset,
    };
    let base = match instruction.memory_segment() {
        Register::FS => state.fs_base,
        Register::GS => state.gs_base,
        _ => 0,
    };
    Some(base.wrapping_add(offset))
}

/// Whether addresses have 32 bits.
fn is_short(instruction: &Instruction) -> bool {
    let registers = [instruction.memory_base(), instruction.memory_index()];
    let is_short = |register: Register| {
        register == Register::EIP || index(register, Register::EAX, Register::R15D).is_some()
    };
    match registers {
        [Register::None, Register::None] => instruction.memory_displ_size() == 4,
        _ => registers.into_iter().any(is_short),
    }
}

#[cfg(test)]
mod tests;
