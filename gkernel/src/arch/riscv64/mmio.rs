//! Every form of a load and of a store, at devices that are emulated: the PLIC's enable bits, two words of which all
//! bits but one are kept, and the UART's bytes.

use core::arch::asm;

use axhal::paging::MappingFlags;

use super::{
    FREE_RAM, argument,
    encode::join,
    plic,
    probe::place,
    timer,
    uart::{self, SCR},
    user,
};
use crate::probe::Fate;

/// What is stored there first. Bit 0 of the first one is not there: the PLIC has no source 0.
const FIRST: u64 = 0x50F8_1088;
const SECOND: u64 = 0x90D0_7012;
const BOTH: u64 = SECOND << 32 | FIRST;

/// Where that is.
fn bits() -> u64 {
    plic::register(plic::ENABLED)
}

fn put(value: u64) {
    for (at, word) in [(0, value), (4, value >> 32)] {
        // SAFETY: a register of a device, at an address that the kernel's tables map.
        unsafe { ((bits() + at) as *mut u32).write_volatile(word as u32) };
    }
}

fn get() -> u64 {
    let word = |at: u64| {
        // SAFETY: as above.
        u64::from(unsafe { ((bits() + at) as *const u32).read_volatile() })
    };
    word(4) << 32 | word(0)
}

/// `name, instructions at an address in a0 => value in a1;` after an option for the assembler: whether it takes short
/// instructions.
macro_rules! loads {
    ($option:literal: $($name:literal, $code:literal, $at:expr => $wanted:expr;)*) => {
        [$(($name, {
            let value: u64;
            // SAFETY: it reads a register of a device that the kernel's tables map. Interrupts are off, so nobody
            // needs the stack pointer meanwhile, and it is put back.
            unsafe {
                asm!(
                    ".option push",
                    concat!(".option ", $option),
                    $code,
                    ".option pop",
                    in("a0") $at,
                    inout("a1") 0x5555_5555_5555_5555_u64 => value,
                    out("t0") _,
                    options(nostack),
                );
            }
            value
        }, $wanted)),*]
    };
}

/// Each form of a load by name, what it gave, and what it has to give.
pub fn loads() -> impl Iterator<Item = (&'static str, u64, u64)> {
    timer::interrupts(false);
    let at = bits();
    let scratch = uart::register(SCR);
    put(BOTH);
    // SAFETY: a register of a device, at an address that the kernel's tables map.
    unsafe { (scratch as *mut u8).write_volatile(0xA5) };
    const NEGATIVE: u64 = 0xFFFF_FFFF_0000_0000 | SECOND;
    let long = loads! {
        "norvc":
        "lw", "lw a1, 0(a0)", at => FIRST;
        "lw, negative, an offset", "lw a1, 4(a0)", at => NEGATIVE;
        "lw, an offset back", "lw a1, -4(a0)", at + 4 => FIRST;
        "lw, the farthest back", "lw a1, -2048(a0)", at + 2048 => FIRST;
        "lwu", "lwu a1, 4(a0)", at => SECOND;
        "ld", "ld a1, 0(a0)", at => BOTH;
        "lh", "lh a1, 0(a0)", at => 0x1088;
        "lh, negative", "lh a1, 6(a0)", at => 0xFFFF_FFFF_FFFF_90D0;
        "lhu", "lhu a1, 6(a0)", at => 0x90D0;
        "lb", "lb a1, 1(a0)", at => 0x10;
        "lb, negative", "lb a1, 0(a0)", at => 0xFFFF_FFFF_FFFF_FF88;
        "lb, the farthest", "lb a1, 2047(a0)", at - 2040 => 0xFFFF_FFFF_FFFF_FF90;
        "lbu", "lbu a1, 7(a0)", at => 0x90;
        "lbu, of the UART", "lbu a1, 0(a0)", scratch => 0xA5;
        "lb, of the UART", "lb a1, 0(a0)", scratch => 0xFFFF_FFFF_FFFF_FFA5;
        "lw, to x0", "lw zero, 0(a0)", at => 0x5555_5555_5555_5555;
        "ld, to its own base", "mv a1, a0\nld a1, 0(a1)", at => BOTH;
    };
    let short = loads! {
        "rvc":
        "c.lw", "c.lw a1, 0(a0)", at => FIRST;
        "c.lw, negative, an offset", "c.lw a1, 4(a0)", at => NEGATIVE;
        "c.lw, a long offset", "c.lw a1, 124(a0)", at - 120 => NEGATIVE;
        "c.ld", "c.ld a1, 0(a0)", at => BOTH;
        "c.ld, a long offset", "c.ld a1, 248(a0)", at - 248 => BOTH;
        "c.lwsp", "mv t0, sp\nmv sp, a0\nc.lwsp a1, 252(sp)\nmv sp, t0", at - 248 => NEGATIVE;
        "c.ldsp", "mv t0, sp\nmv sp, a0\nc.ldsp a1, 504(sp)\nmv sp, t0", at - 504 => BOTH;
        "c.ld, to its own base", "c.mv a1, a0\nc.ld a1, 0(a1)", at => BOTH;
    };
    long.into_iter().chain(short).chain(small_loads(at))
}

/// Whether the hart has Zcb, and the guest is to try that and its user mode too: the run's number says so.
fn tries_more() -> bool {
    argument() == 1
}

/// Those of Zcb, which QEMU's hart does not describe, so that the hypervisor fetches them.
fn small_loads(at: u64) -> impl Iterator<Item = (&'static str, u64, u64)> {
    let small = tries_more().then(|| {
        loads! {
            "arch, +zcb":
            "c.lbu", "c.lbu a1, 0(a0)", at => 0x88;
            "c.lbu, an offset", "c.lbu a1, 3(a0)", at => 0x50;
            "c.lhu", "c.lhu a1, 2(a0)", at + 4 => 0x90D0;
            "c.lh", "c.lh a1, 0(a0)", at => 0x1088;
            "c.lh, negative", "c.lh a1, 2(a0)", at + 4 => 0xFFFF_FFFF_FFFF_90D0;
        }
    });
    small.into_iter().flatten()
}

/// `name, instructions at an address in a0, of what is in a1 => what is there then;`
macro_rules! stores {
    ($option:literal: $($name:literal, $code:literal, $at:expr => $wanted:expr;)*) => {
        [$(($name, {
            put(BOTH);
            // SAFETY: it writes a register of a device that the kernel's tables map. The stack pointer as above.
            unsafe {
                asm!(
                    ".option push",
                    concat!(".option ", $option),
                    $code,
                    ".option pop",
                    in("a0") $at,
                    in("a1") 0x1122_3344_A8B0_B8C0_u64,
                    out("t0") _,
                    options(nostack),
                );
            }
            get()
        }, $wanted)),*]
    };
}

/// Each form of a store by name, what is there behind it, and what has to be.
pub fn stores() -> impl Iterator<Item = (&'static str, u64, u64)> {
    let at = bits();
    const STORED: u64 = 0xA8B0_B8C0;
    let long = stores! {
        "norvc":
        "sd", "sd a1, 0(a0)", at => 0x1122_3344_A8B0_B8C0;
        "sd, of x0", "sd zero, 0(a0)", at => 0;
        "sw", "sw a1, 0(a0)", at => SECOND << 32 | STORED;
        "sw, an offset", "sw a1, 4(a0)", at => STORED << 32 | FIRST;
        "sw, an offset back", "sw a1, -4(a0)", at + 4 => SECOND << 32 | STORED;
        "sw, the farthest back", "sw a1, -2048(a0)", at + 2048 => SECOND << 32 | STORED;
        "sw, of x0", "sw zero, 4(a0)", at => FIRST;
        "sh", "sh a1, 0(a0)", at => SECOND << 32 | 0x50F8_B8C0;
        "sh, the last", "sh a1, 6(a0)", at => 0xB8C0_7012 << 32 | FIRST;
        "sb", "sb a1, 0(a0)", at => SECOND << 32 | 0x50F8_10C0;
        "sb, the third", "sb a1, 2(a0)", at => SECOND << 32 | 0x50C0_1088;
        "sb, the farthest", "sb a1, 2047(a0)", at - 2040 => 0xC0D0_7012 << 32 | FIRST;
        "sb, of x0", "sb zero, 1(a0)", at => SECOND << 32 | 0x50F8_0088;
    };
    let short = stores! {
        "rvc":
        "c.sw", "c.sw a1, 0(a0)", at => SECOND << 32 | STORED;
        "c.sw, a long offset", "c.sw a1, 124(a0)", at - 120 => STORED << 32 | FIRST;
        "c.sd", "c.sd a1, 0(a0)", at => 0x1122_3344_A8B0_B8C0;
        "c.sd, a long offset", "c.sd a1, 248(a0)", at - 248 => 0x1122_3344_A8B0_B8C0;
        "c.swsp", "mv t0, sp\nmv sp, a0\nc.swsp a1, 252(sp)\nmv sp, t0", at - 248 => STORED << 32 | FIRST;
        "c.sdsp", "mv t0, sp\nmv sp, a0\nc.sdsp a1, 504(sp)\nmv sp, t0", at - 504 => 0x1122_3344_A8B0_B8C0;
    };
    long.into_iter().chain(short).chain(small_stores(at))
}

/// Those of Zcb, likewise.
fn small_stores(at: u64) -> impl Iterator<Item = (&'static str, u64, u64)> {
    let small = tries_more().then(|| {
        stores! {
            "arch, +zcb":
            "c.sb", "c.sb a1, 0(a0)", at => SECOND << 32 | 0x50F8_10C0;
            "c.sb, an offset", "c.sb a1, 3(a0)", at => SECOND << 32 | 0xC0F8_1088;
            "c.sh", "c.sh a1, 2(a0)", at => SECOND << 32 | 0xB8C0_1088;
        }
    });
    small.into_iter().flatten()
}

/// `scause` of an access fault of a load, and of a store or an atomic access.
const READING: u64 = 5;
const WRITING: u64 = 7;

/// `name, an instruction at an address in a0 => cause, address of the fault;`
macro_rules! refused {
    ($($name:literal, $code:literal, $at:expr => $cause:expr, $fault:expr;)*) => {
        [$(($name, {
            let (mut base, mut one, mut two): (u64, u64, u64) = ($at, 1, 2);
            let (mut cause, mut value): (u64, u64) = (0, 0);
            // SAFETY: it reads or writes a device that the kernel's tables map, or is passed over by the trap, which
            // comes to the local label: interrupts are off, so no other one does. Floating point is on, and none of
            // its registers is kept over calls here.
            unsafe {
                asm!(
                    ".option push",
                    ".option norvc",
                    "la     {vector}, 2f",
                    "csrrw  {vector}, stvec, {vector}",
                    ".option pop",
                    $code,
                    "j      3f",
                    ".p2align 2",
                    "2:",
                    "csrr   {cause}, scause",
                    "csrr   {value}, stval",
                    "3:",
                    "csrw   stvec, {vector}",
                    vector = out(reg) _,
                    cause = inout(reg) cause,
                    value = inout(reg) value,
                    inout("a0") base,
                    inout("a1") one,
                    inout("a2") two,
                    out("fa0") _,
                    options(nostack),
                );
            }
            // Nothing has changed, neither the base nor what was to be loaded.
            (cause, value) == ($cause, $fault) && (base, one, two) == ($at, 1, 2)
        })),*]
    };
}

/// Each form that is no plain load or store, or that the device refuses, by name, and whether it ended in a bus error
/// at its address that changed nothing else.
pub fn refused() -> impl Iterator<Item = (&'static str, bool)> {
    /// sstatus.FS.
    const FS: u64 = 3 << 13;
    // SAFETY: the kernel does not compute with floats.
    unsafe { asm!("csrs sstatus, {}", in(reg) FS, options(nostack)) };
    put(BOTH);
    let (at, claim) = (bits(), plic::register(plic::CLAIM));
    let (uart, behind) = (uart::register(0), uart::register(8));
    let (first, last) = map_between_ram();
    let refused = refused! {
        "lr.w", "lr.w a1, (a0)", at => READING, at;
        "lr.d", "lr.d a1, (a0)", at => READING, at;
        "amoadd.w", "amoadd.w a1, a2, (a0)", at => WRITING, at;
        "amoswap.d", "amoswap.d a1, a2, (a0)", at => WRITING, at;
        "flw", "flw fa0, 4(a0)", at => READING, at + 4;
        "fld", "fld fa0, 0(a0)", at => READING, at;
        "c.fld", "c.fld fa0, 8(a0)", at - 8 => READING, at;
        "fsw", "fsw fa0, 4(a0)", at => WRITING, at + 4;
        "fsd", "fsd fa0, 0(a0)", at => WRITING, at;
        "lw, not aligned", "lw a1, 2(a0)", at => READING, at + 2;
        "sd, not aligned", "sd a1, 4(a0)", at - 8 => WRITING, at - 4;
        "lhu, where words are", "lhu a1, 0(a0)", claim => READING, claim;
        "sd, where words are", "sd a1, 0(a0)", claim - 4 => WRITING, claim - 4;
        "lhu, where bytes are", "lhu a1, 0(a0)", uart => READING, uart;
        "c.lw, where bytes are", "c.lw a1, 4(a0)", uart => READING, uart + 4;
        "sw, where bytes are", "sw a1, 4(a0)", uart => WRITING, uart + 4;
        "lbu, where there is none", "lbu a1, 0(a0)", behind => READING, behind;
        "sb, where there is none", "sb a1, 0(a0)", behind => WRITING, behind;
        // What faults is the part that is the device's.
        "ld, from RAM on", "ld a1, -4(a0)", first => READING, first;
        "sd, from RAM on", "sd a1, -4(a0)", first => WRITING, first;
        "ld, into RAM", "ld a1, -4(a0)", last => READING, last - 4;
        "sd, into RAM", "sd a1, -4(a0)", last => WRITING, last - 4;
    };
    let unchanged = ("what is there", get() == BOTH);
    let more = tries_more().then(|| {
        let gone = (
            "c.lbu, itself not there any more",
            is_refused_where_it_is_gone(at),
        );
        [gone].into_iter().chain(try_in_user())
    });
    put(0);
    let more = more.into_iter().flatten();
    refused.into_iter().chain([unchanged]).chain(more)
}

/// Maps a page of the PLIC's between two of RAM. Gives where it begins and ends.
fn map_between_ram() -> (u64, u64) {
    const AT: u64 = 0xFFFF_FFCA_0000_0000;
    const PAGE: u64 = 0x1000;
    let mut space = axmm::kernel_aspace().lock();
    for (n, physical) in (0..).zip([FREE_RAM.0, 0x0C00_2000, FREE_RAM.0]) {
        let (at, physical) = ((AT + n * PAGE) as usize, physical as usize);
        let flags = MappingFlags::READ | MappingFlags::WRITE;
        space
            .map_linear(at.into(), physical.into(), PAGE as usize, flags)
            .expect("the pages are free");
    }
    axhal::asm::flush_tlb(None);
    (AT + PAGE, AT + 2 * PAGE)
}

/// Whether a load that the hypervisor would have to fetch is a bus error where it cannot: the kernel's tables do not
/// let it be executed any more, but the hart, which was not told, has it still.
fn is_refused_where_it_is_gone(at: u64) -> bool {
    /// sd t1, (t0); c.lbu a1, (a0); ret.
    const CODE: [u8; 8] = [0x23, 0xB0, 0x62, 0x00, 0x0C, 0x81, 0x82, 0x80];
    const EXECUTABLE: u64 = 1 << 3;
    let code = place(&CODE, &[]);
    let entry = entry_of(code);
    // SAFETY: an entry of the kernel's tables, which nobody changes meanwhile.
    let permitted = unsafe { entry.read_volatile() };
    let (mut cause, mut value): (u64, u64) = (0, 0);
    // SAFETY: the code is what was placed; as above its trap comes to the local label, and it changes but the registers
    // that are named.
    unsafe {
        asm!(
            ".option push",
            ".option norvc",
            "la     {vector}, 2f",
            "csrrw  {vector}, stvec, {vector}",
            "jalr   ra, {code}",
            "j      3f",
            ".p2align 2",
            "2:",
            "csrr   {cause}, scause",
            "csrr   {value}, stval",
            "3:",
            "csrw   stvec, {vector}",
            ".option pop",
            vector = out(reg) _,
            code = in(reg) code,
            cause = inout(reg) cause,
            value = inout(reg) value,
            in("a0") at,
            out("a1") _,
            in("t0") entry,
            in("t1") permitted & !EXECUTABLE,
            out("ra") _,
            options(nostack),
        );
        entry.write_volatile(permitted);
    }
    axhal::asm::flush_tlb(None);
    (cause, value) == (READING, at)
}

/// The entry of the kernel's own tables (Sv39) that maps an address.
fn entry_of(address: u64) -> *mut u64 {
    const VALID_TABLE: u64 = 0b0001;
    const LEAF: u64 = 0b1110;
    let mut table = axhal::asm::read_kernel_page_table();
    for level in [2, 1, 0] {
        let index = address >> (12 + 9 * level) & 0x1FF;
        let entry = axhal::mem::phys_to_virt(table).as_usize() as u64 + 8 * index;
        let entry = entry as *mut u64;
        // SAFETY: it is in RAM, which the kernel has mapped.
        let value = unsafe { entry.read_volatile() };
        if value & (VALID_TABLE | LEAF) != VALID_TABLE {
            return entry;
        }
        table = (((value >> 10 << 12) & ((1 << 56) - 1)) as usize).into();
    }
    unreachable!("the last entry is a leaf")
}

/// What user mode does at a device that the kernel lets it have: a load is carried out, and a bus error is its
/// kernel's.
fn try_in_user() -> [(&'static str, bool); 2] {
    /// auipc t0, 1; lbu t1, 7(t0).
    const LBU: [u8; 8] = join([0x0000_1297, 0x0072_C303]);
    /// auipc t0, 1; lw t1, 8(t0).
    const LW: [u8; 8] = join([0x0000_1297, 0x0082_A303]);
    let at = (user::ADDRESS + 0x1000) as usize;
    let flags = MappingFlags::READ | MappingFlags::WRITE | MappingFlags::USER;
    axmm::kernel_aspace()
        .lock()
        .map_linear(at.into(), 0x1000_0000.into(), 0x1000, flags)
        .expect("the page is free");
    axhal::asm::flush_tlb(None);
    let tried = |code| super::try_in_user(code);
    [
        ("lbu, in user mode", tried(&LBU) == Fate::WentOn),
        ("lw, in user mode", tried(&LW) == Fate::Trapped(READING)),
    ]
}
