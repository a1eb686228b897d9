//! Machine code of the instructions that the guest tries (Arm ARM, C6.2).

/// A register of the system's: op0, op1, CRn, CRm, op2 (Arm ARM, C5.1).
pub type Name = (u32, u32, u32, u32, u32);

const SCRATCH: u32 = 9;

/// MRS x9, the register.
pub const fn read(name: Name) -> [u8; 4] {
    system(1, name, SCRATCH)
}

/// MSR the register, XZR. With op0 = 1 it is SYS, such as DC.
pub const fn write_zero(name: Name) -> [u8; 4] {
    system(0, name, 31)
}

/// An instruction by its word.
pub const fn word(word: u32) -> [u8; 4] {
    word.to_le_bytes()
}

/// MOVZ w0, the upper half of `number`, and then an instruction: a call whose function is `number`.
pub const fn call(number: u32, instruction: u32) -> [u8; 8] {
    let movz = 0x52A0_0000 | number >> 16 << 5;
    (movz as u64 | (instruction as u64) << 32).to_le_bytes()
}

/// MRS x9, the register; MSR the register, x9.
pub const fn keep(name: Name) -> [u8; 8] {
    let (read, write) = (
        u32::from_le_bytes(read(name)),
        u32::from_le_bytes(system(0, name, SCRATCH)),
    );
    (read as u64 | (write as u64) << 32).to_le_bytes()
}

const fn system(read: u32, (op0, op1, crn, crm, op2): Name, register: u32) -> [u8; 4] {
    word(
        0xD500_0000
            | read << 21
            | op0 << 19
            | op1 << 16
            | crn << 12
            | crm << 8
            | op2 << 5
            | register,
    )
}

/// HVC #1: no call of the SMC Calling Convention's, which all have #0.
pub const HVC_1: u32 = 0xD400_0022;
/// SMC #0.
pub const SMC: u32 = 0xD400_0003;
/// HVC #0.
pub const HVC: u32 = 0xD400_0002;
/// BRK #0.
pub const BRK: u32 = 0xD420_0000;
/// WFE.
pub const WFE: u32 = 0xD503_205F;
/// WFI.
pub const WFI: u32 = 0xD503_207F;
/// WFET xzr: until a time that has passed.
pub const WFET: u32 = 0xD503_101F;
/// WFIT xzr.
pub const WFIT: u32 = 0xD503_103F;
/// CNTB x9 (SVE).
pub const CNTB: u32 = 0x0420_E3E9;
/// SMSTART.
pub const SMSTART: u32 = 0xD503_477F;
/// CPYFP \[x0\]!, \[x1\]!, x2! (MOPS).
pub const CPYFP: u32 = 0x1901_0440;
