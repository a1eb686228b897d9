//! Kernels of a few instructions that print a line and switch the power off.

/// What each kernel here prints, on the machine's first serial line.
pub const LINE: &[u8] = b"a kernel says hello\n\0";

/// Prints by SBI's console and asks SBI for a shutdown; wherever it is loaded.
pub const RISCV64: [u32; 15] = [
    0x0000_0417, // auipc s0, 0
    0x03c4_0413, // addi  s0, s0, 60    the line, behind these words
    0x0004_4503, // lbu   a0, 0(s0)
    0x0005_0a63, // beqz  a0, off
    0x0010_0893, // li    a7, 1         legacy console putchar
    0x0000_0073, // ecall
    0x0014_0413, // addi  s0, s0, 1
    0xfedf_f06f, // j     .-20
    0x5352_58b7, // off: lui a7, 0x53525
    0x3548_8893, // addi  a7, a7, 0x354 SRST
    0x0000_0813, // li    a6, 0         system reset
    0x0000_0513, // li    a0, 0         shutdown
    0x0000_0593, // li    a1, 0         no reason
    0x0000_0073, // ecall
    0x0000_006f, // j     .
];

/// Prints by the PL011 and asks PSCI for a power-off by `hvc`, which QEMU answers where there is no EL2.
pub const AARCH64_EL1: [u32; 10] = [
    0xd2a1_2001, // movz x1, #0x900, lsl #16  the PL011, at 0x09000000
    0x1000_0122, // adr  x2, 36               the line, behind these words
    0x3840_1443, // ldrb w3, [x2], #1
    0x3400_0063, // cbz  w3, off
    0xb900_0023, // str  w3, [x1]
    0x17ff_fffd, // b    .-12
    0x5280_0100, // off: movz w0, #8
    0x72b0_8000, // movk w0, #0x8400, lsl #16 SYSTEM_OFF
    0xd400_0002, // hvc  #0
    0x1400_0000, // b    .
];

/// Where the x86_64 kernel lies.
pub const X86_64_AT: u32 = 0x10_0000;

/// Prints by the port of COM1 and switches the power off by the port that SeaBIOS gives to ACPI; 32-bit,
/// behind a Multiboot header.
pub const X86_64: [u8; 30] = [
    0xfc, // cld
    0xbe, 0x3e, 0x00, 0x10, 0x00, // mov esi, 0x10003e  the line, behind these bytes
    0x66, 0xba, 0xf8, 0x03, // mov dx, 0x3f8
    0xac, // lodsb
    0x84, 0xc0, // test al, al
    0x74, 0x03, // jz off
    0xee, // out dx, al
    0xeb, 0xf8, // jmp .-6
    0x66, 0xba, 0x04, 0x06, // off: mov dx, 0x604  PM1a_CNT
    0x66, 0xb8, 0x00, 0x20, // mov ax, 0x2000  SLP_EN, S5
    0x66, 0xef, // out dx, ax
    0xeb, 0xfe, // jmp .
];

/// The kernel for an architecture, flat.
pub fn kernel(arch: &str) -> Vec<u8> {
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let code: Vec<u8> = match arch {
        "riscv64" => words(&RISCV64),
        "aarch64" => words(&AARCH64_EL1),
        _ => {
            // Multiboot 0.6.96, section 3.1: with addresses, as the file is no ELF file.
            let flags = 1 << 16;
            let sum = 0u32.wrapping_sub(0x1bad_b002 + flags);
            let [at, entry] = [X86_64_AT, X86_64_AT + 32];
            let header = [0x1bad_b002, flags, sum, at, at, 0, 0, entry];
            [words(&header), X86_64.to_vec()].concat()
        }
    };
    [&code, LINE].concat()
}
