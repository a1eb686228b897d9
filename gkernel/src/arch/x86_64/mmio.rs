//! Every form of a MOV at a device that is emulated: a register of 32 bits of the I/O APIC's.

use core::arch::asm;

use super::{
    FLASH_OFFSET, FREE_RAM,
    ioapic::{self, IO_APIC, SELECTED, TABLE},
    paging::map_pages,
    probe::{PROTECTION, watch},
    timer::LOCAL_APIC,
};
use crate::{probe::Fate, touch};

/// Loads a register of 32 bits, by a MOV: of a volatile read the compiler makes an operand of other instructions too.
///
/// # Safety
///
/// A device's register is at the address, which the kernel's tables map.
pub(super) unsafe fn load(address: u64) -> u32 {
    let value;
    // SAFETY: the caller's promise.
    unsafe {
        asm!("mov {value:e}, [{at}]", at = in(reg) address, value = out(reg) value, options(nostack));
    }
    value
}

/// Stores to one, likewise.
///
/// # Safety
///
/// As above; and what comes of it is the caller's business.
pub(super) unsafe fn store(address: u64, value: u32) {
    // SAFETY: the caller's promise.
    unsafe {
        asm!("mov [{at}], {value:e}", at = in(reg) address, value = in(reg) value, options(nostack));
    }
}

/// The entry of a line that nothing is on: vector, and bits that can be written, with the mask.
const ENTRY: u32 = TABLE + 2 * 20;
const FIRST: u64 = 0x1_2088;
/// The destination of that line, whose highest bit is a sign.
const DESTINATION: u32 = ENTRY + 1;
const NEGATIVE: u64 = 0x8100_0000;

/// `name, instructions at an address, a register => what is loaded;`
macro_rules! loads {
    ($($name:literal, $code:literal, $register:expr => $wanted:expr;)*) => {
        [$(($name, {
            ioapic::select($register);
            let value: u64;
            // SAFETY: it reads a register of a device that the kernel's tables map. FS has no base but in here.
            unsafe {
                asm!(
                    $code,
                    "# {at} {four}",
                    at = in(reg) SELECTED,
                    four = in(reg) 4_u64,
                    inout("rax") 0x5555_5555_5555_5555_u64 => value,
                    out("rcx") _,
                    out("rdx") _,
                    out("r8") _,
                    out("r15") _,
                    options(nostack),
                );
            }
            value
        }, $wanted)),*]
    };
}

/// Each form of a load by name, what it gave, and what it has to give.
pub fn loads() -> impl Iterator<Item = (&'static str, u64, u64)> {
    ioapic::write(ENTRY, FIRST as u32);
    ioapic::write(DESTINATION, NEGATIVE as u32);
    loads! {
        "mov eax", "mov eax, [{at}]", ENTRY => FIRST;
        "mov eax, no sign", "mov eax, [{at}]", DESTINATION => NEGATIVE;
        "an offset", "lea r8, [{at} - 8]\nmov eax, [r8 + 8]", ENTRY => FIRST;
        "an offset back", "lea r8, [{at} + 0x20]\nmov eax, [r8 - 0x20]", ENTRY => FIRST;
        "a long offset", "lea r8, [{at} - 0x12345678]\nmov eax, [r8 + 0x12345678]", ENTRY => FIRST;
        "an index", "lea r8, [{at} - 32]\nmov eax, [r8 + {four} * 8]", ENTRY => FIRST;
        "an index and an offset", "lea r8, [{at} - 8]\nmov eax, [r8 + {four} + 4]", ENTRY => FIRST;
        "an index alone", "lea r8, [{at} + 0x100]\nmov eax, [r8 * 1 - 0x100]", ENTRY => FIRST;
        "r15d by r8", "mov r8, {at}\nmov r15d, [r8]\nmov rax, r15", ENTRY => FIRST;
        "by a segment",
        "mov ecx, 0xC0000100\nxor edx, edx\nmov eax, 0x1000\nwrmsr
        lea r8, [{at} - 0x1000]\nmov r8d, fs:[r8]
        xor eax, eax\nwrmsr\nmov rax, r8",
        ENTRY => FIRST;
        "an address in the instruction", ".byte 0xA1\n.quad 0xFFFFFFFFFEC00010", ENTRY => FIRST;
        "one of 32 bits with a sign", ".byte 0x8B, 0x04, 0x25\n.long 0xFEC00010", ENTRY => FIRST;
        "movsxd rax, positive", "movsxd rax, dword ptr [{at}]", ENTRY => FIRST;
        "movsxd rax, negative", "movsxd rax, dword ptr [{at}]", DESTINATION => 0xFFFF_FFFF_0000_0000 | NEGATIVE;
        "to its own base", "mov rax, {at}\nmov eax, [rax]", ENTRY => FIRST;
    }
    .into_iter()
}

/// `name, instructions at an address => what is stored;`
macro_rules! stores {
    ($($name:literal, $code:literal => $wanted:expr;)*) => {
        [$(($name, {
            ioapic::write(ENTRY, FIRST as u32);
            // SAFETY: it writes a register of a device that the kernel's tables map.
            unsafe {
                asm!(
                    $code,
                    "# {at} {four}",
                    at = in(reg) SELECTED,
                    four = in(reg) 4_u64,
                    inout("rax") 0x1122_3344_5501_2A77_u64 => _,
                    out("r8") _,
                    out("r15") _,
                    options(nostack),
                );
            }
            ioapic::read(ENTRY).into()
        }, $wanted)),*]
    };
}

/// Each form of a store by name, what is there behind it, and what has to be: a line's entry has no more bits.
pub fn stores() -> impl Iterator<Item = (&'static str, u64, u64)> {
    stores! {
        "mov eax", "mov [{at}], eax" => 0x1_2A77;
        "r15d by r8", "mov r15, rax\nmov r8, {at}\nmov [r8], r15d" => 0x1_2A77;
        "an offset", "lea r8, [{at} - 8]\nmov [r8 + 8], eax" => 0x1_2A77;
        "an index", "lea r8, [{at} - 32]\nmov [r8 + {four} * 8], eax" => 0x1_2A77;
        "a constant", "mov dword ptr [{at}], 0xFFFFA066" => 0x1_A066;
        "an address in the instruction", ".byte 0xA3\n.quad 0xFFFFFFFFFEC00010" => 0x1_2A77;
        "its own base", "mov rax, {at}\nmov [rax], eax" => 0x10;
    }
    .into_iter()
}

/// `name, an instruction with an address in RCX, that address;`
macro_rules! refused {
    ($($name:literal, $code:literal, $at:expr;)*) => {
        [$(($name, {
            // SAFETY: it reads or writes a device that the kernel's tables map, or is passed over by the handler, which
            // goes on behind it.
            let fate = watch(|| unsafe {
                asm!(
                    "lea rax, [rip + 2f]",
                    "mov [rdx], rax",
                    $code,
                    "2:",
                    inout("rcx") $at => _,
                    inout("rdx") touch::behind_place() => _,
                    out("rax") _,
                    out("rsi") _,
                    out("rdi") _,
                );
            });
            fate.is_some_and(|(vector, _)| Fate::Trapped(vector) == PROTECTION)
        })),*]
    };
}

/// The two bytes of RAM that are in front of the device there.
const BEFORE: u16 = 0x5AA5;

/// Each form that is not carried out, by name, and whether it ended in #GP(0) and changed nothing: what is no plain
/// load or store, what the device has not got, and what is on two bytes of RAM and the first two of the device.
pub fn refused() -> impl Iterator<Item = (&'static str, bool)> {
    ioapic::write(ENTRY, FIRST as u32);
    let (split, before) = split_over_pages();
    // SAFETY: it is free RAM, which the tables map there.
    unsafe { before.write_volatile(BEFORE) };
    let refused = refused! {
        "mov al", ".byte 0x8A, 0x01", SELECTED;
        "mov ax", ".byte 0x66, 0x8B, 0x01", SELECTED;
        "mov rax", ".byte 0x48, 0x8B, 0x01", SELECTED;
        "mov [], al", ".byte 0x88, 0x01", SELECTED;
        "mov [], ax", ".byte 0x66, 0x89, 0x01", SELECTED;
        "mov [], rax", ".byte 0x48, 0x89, 0x01", SELECTED;
        "mov byte ptr [], 1", ".byte 0xC6, 0x01, 0x01", SELECTED;
        "mov qword ptr [], 1", ".byte 0x48, 0xC7, 0x01, 0x01, 0x00, 0x00, 0x00", SELECTED;
        "movzx eax, byte ptr []", ".byte 0x0F, 0xB6, 0x01", SELECTED;
        "movsx rax, word ptr []", ".byte 0x48, 0x0F, 0xBF, 0x01", SELECTED;
        "mov eax, [+ 1]", ".byte 0x8B, 0x41, 0x01", SELECTED;
        "mov [+ 2], eax", ".byte 0x89, 0x41, 0x02", SELECTED;
        "mov eax, [+ 4]", ".byte 0x8B, 0x41, 0x04", SELECTED;
        "mov [+ 0x10], eax", ".byte 0x89, 0x41, 0x10", SELECTED;
        "or dword ptr [], 1", ".byte 0x83, 0x09, 0x01", SELECTED;
        "xchg eax, []", ".byte 0x87, 0x01", SELECTED;
        "lock xadd [], eax", ".byte 0xF0, 0x0F, 0xC1, 0x01", SELECTED;
        "inc dword ptr []", ".byte 0xFF, 0x01", SELECTED;
        "cmp dword ptr [], 1", ".byte 0x83, 0x39, 0x01", SELECTED;
        "push qword ptr []", ".byte 0xFF, 0x31", SELECTED;
        "lodsd", ".byte 0x48, 0x89, 0xCE, 0xAD", SELECTED;
        "stosd", ".byte 0x48, 0x89, 0xCF, 0xAB", SELECTED;
        "movbe eax, []", ".byte 0x0F, 0x38, 0xF0, 0x01", SELECTED;
        "movnti [], eax", ".byte 0x0F, 0xC3, 0x01", SELECTED;
        "mov ds, []", ".byte 0x8E, 0x19", SELECTED;
        "fild dword ptr []", ".byte 0xDB, 0x01", SELECTED;
        "call qword ptr []", ".byte 0xFF, 0x11", SELECTED;
        "mov eax, [], split", ".byte 0x8B, 0x01", split;
        "mov [], eax, split", ".byte 0x89, 0x01", split;
    };
    // SAFETY: as above.
    let before = unsafe { before.read_volatile() };
    let selected = ioapic::selected();
    let unchanged = selected == ENTRY && ioapic::read(ENTRY) == FIRST as u32 && before == BEFORE;
    refused.into_iter().chain([("what is there", unchanged)])
}

/// An address two bytes in front of the device, whose page comes behind one of RAM there; and those two bytes.
fn split_over_pages() -> (u64, *mut u16) {
    let ram = FREE_RAM.0 + 0x1000;
    let device = IO_APIC - FLASH_OFFSET;
    let first = map_pages([ram, device]);
    (first + 0xFFE, (first + 0xFFE) as *mut u16)
}

/// A random instruction at a device: one with an operand in memory, the address of which is in RCX, or one at a port.
pub fn instruction_at_device(random: &mut impl FnMut() -> u64) -> ([u8; 32], usize) {
    /// What changes sizes, registers or segments, but not which register the address is in; repeats; locks.
    const PREFIXES: [u8; 12] = [
        0x66, 0x67, 0x48, 0x40, 0x44, 0x4C, 0x64, 0x65, 0xF2, 0xF3, 0xF0, 0x2E,
    ];
    /// MOV in several forms, MOVZX, MOVSX, MOVSXD; others come as they come. With 0x0F in front, or not.
    const OPCODES: [(bool, u8); 10] = [
        (false, 0x88),
        (false, 0x89),
        (false, 0x8A),
        (false, 0x8B),
        (false, 0xC6),
        (false, 0xC7),
        (false, 0x63),
        (true, 0xB6),
        (true, 0xBE),
        (true, 0xBF),
    ];
    let mut code = [0x90; 32];
    let mut end = 0;
    let mut put = |bytes: &[u8]| {
        code[end..end + bytes.len()].copy_from_slice(bytes);
        end += bytes.len();
    };
    let choice = random();
    let chosen = |shift: u32, count: usize| (choice >> shift) as usize % count;
    if chosen(0, 8) == 0 {
        // MOV EDX, a port about the UART's; then one of IN, OUT, INS, OUTS.
        let port = 0x3F0 + (choice >> 8 & 0x1F) as u16;
        put(&[0xBA]);
        put(&u32::from(port).to_le_bytes());
        if chosen(16, 4) == 0 {
            put(&[PREFIXES[chosen(20, 12)]]);
        }
        put(&[[0xEC, 0xED, 0xEE, 0xEF, 0x6C, 0x6D, 0x6E, 0x6F][chosen(24, 8)]]);
        return (code, end);
    }
    let device = [IO_APIC, LOCAL_APIC][chosen(3, 2)];
    // Seldom does it leave the page.
    let offset = match chosen(4, 256) {
        0 => choice >> 12 & 0xFFF,
        _ => 0x80 + (choice >> 12) % 0xE00,
    };
    let offset = offset & [!0xF, !0x3, !0][chosen(24, 3)];
    put(&[0x48, 0xB9]);
    put(&(device + offset).to_le_bytes());
    for n in 0..chosen(32, 3) {
        put(&[PREFIXES[chosen(36 + 4 * n as u32, 12)]]);
    }
    let (long, opcode) = match chosen(44, 32) {
        0 => (chosen(49, 2) == 0, (choice >> 48) as u8),
        _ => OPCODES[chosen(48, 10)],
    };
    if long {
        put(&[0x0F]);
    }
    // ModRM: [RCX], without an offset or with one of a byte or of four.
    let form = [0x01, 0x01, 0x41, 0x81][chosen(56, 4)];
    // And a register: mostly one that a function may change.
    let register = match random() % 32 {
        0 => random() as u8 & 0b111,
        any => any as u8 % 3,
    };
    put(&[opcode, form | register << 3]);
    put(&(random() as u32 & 0x7F).to_le_bytes());
    put(&(random() as u32).to_le_bytes());
    (code, end)
}
