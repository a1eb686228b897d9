//! Machine code of the instructions that the guest tries.

/// CSR instructions have this opcode, and the CSR's number above it.
const SYSTEM: u32 = 0x73;
const T0: u32 = 5;

/// An instruction that is given as it is.
pub(super) const fn word(instruction: u32) -> [u8; 4] {
    instruction.to_le_bytes()
}

/// `csrr t0, CSR`.
pub(super) const fn csrr(csr: u32) -> [u8; 4] {
    word(csr << 20 | 2 << 12 | T0 << 7 | SYSTEM)
}

/// `csrw CSR, zero`.
pub(super) const fn csrw(csr: u32) -> [u8; 4] {
    word(csr << 20 | 1 << 12 | SYSTEM)
}

/// `csrsi CSR, 31`.
pub(super) const fn csrsi(csr: u32) -> [u8; 4] {
    word(csr << 20 | 31 << 15 | 6 << 12 | SYSTEM)
}

/// The bytes of several instructions.
pub(super) const fn join<const WORDS: usize, const BYTES: usize>(
    words: [u32; WORDS],
) -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    let mut at = 0;
    while at < BYTES {
        bytes[at] = words[at / 4].to_le_bytes()[at % 4];
        at += 1;
    }
    bytes
}
