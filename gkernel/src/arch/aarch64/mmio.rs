//! Every form of a load and of a store, at devices that are emulated: the distributor's priorities, which have a byte
//! for each interrupt, and a UART's rate, which has 16 bits.

use core::{
    arch::asm,
    sync::atomic::{AtomicU64, Ordering},
};

use super::{gic::GICD, probe::watch, uart::UART};
use crate::{fault, probe::Fate};

/// Priorities of interrupts 40 to 47 (GICD_IPRIORITYR), and the divisor of the rate (UARTIBRD).
const BYTES: u64 = GICD + 0x400 + 40;
const HALF: u64 = UART + 0x24;

/// What is stored there first: priorities have 5 bits.
const FIRST: u64 = 0x50F8_1088;
const SECOND: u64 = 0x9010_1010;
const RATE: u64 = 0x8123;

/// `name, instructions at an address => value;`
macro_rules! loads {
    ($($name:literal, $code:literal, $at:expr => $wanted:expr;)*) => {
        [$(($name, {
            let value: u64;
            // SAFETY: it reads a register of a device that the kernel's tables map.
            unsafe {
                asm!(
                    $code,
                    "// {two} {value}",
                    at = in(reg) $at,
                    two = in(reg) 2_u64,
                    value = inout(reg) 0x5555_5555_5555_5555_u64 => value,
                    options(nostack),
                );
            }
            value
        }, $wanted)),*]
    };
}

/// Each form of a load by name, what it gave, and what it has to give.
pub fn loads() -> impl Iterator<Item = (&'static str, u64, u64)> {
    put(BYTES, FIRST);
    put(BYTES + 4, SECOND);
    put(HALF, RATE);
    loads! {
        "ldr w", "ldr {value:w}, [{at}]", BYTES => FIRST;
        "ldr w, an offset", "ldr {value:w}, [{at}, #4]", BYTES => SECOND;
        "ldr w, an offset back", "ldur {value:w}, [{at}, #-4]", BYTES + 4 => FIRST;
        "ldr w, an offset in a register", "ldr {value:w}, [{at}, {two}, lsl #2]", BYTES - 4 => SECOND;
        "ldar w", "ldar {value:w}, [{at}]", BYTES => FIRST;
        "ldrsw x, positive", "ldrsw {value}, [{at}]", BYTES => FIRST;
        "ldrsw x, negative", "ldrsw {value}, [{at}]", BYTES + 4 => 0xFFFF_FFFF_0000_0000 | SECOND;
        "ldrb w", "ldrb {value:w}, [{at}]", BYTES => 0x88;
        "ldrb w, the third", "ldrb {value:w}, [{at}, #2]", BYTES => 0xF8;
        "ldarb w", "ldarb {value:w}, [{at}]", BYTES + 1 => 0x10;
        "ldrsb w, negative", "ldrsb {value:w}, [{at}]", BYTES => 0xFFFF_FF88;
        "ldrsb w, positive", "ldrsb {value:w}, [{at}]", BYTES + 1 => 0x10;
        "ldrsb x, negative", "ldrsb {value}, [{at}]", BYTES => 0xFFFF_FFFF_FFFF_FF88;
        "ldrsb x, positive", "ldrsb {value}, [{at}]", BYTES + 3 => 0x50;
        "ldrh w", "ldrh {value:w}, [{at}]", HALF => RATE;
        "ldrsh w", "ldrsh {value:w}, [{at}]", HALF => 0xFFFF_0000 | RATE;
        "ldrsh x", "ldrsh {value}, [{at}]", HALF => 0xFFFF_FFFF_FFFF_0000 | RATE;
        "ldr wzr", "ldr wzr, [{at}]", BYTES => 0x5555_5555_5555_5555;
        "to its own base", "mov {value}, {at}\nldr {value:w}, [{value}]", BYTES => FIRST;
    }
    .into_iter()
}

/// `name, instructions at an address, on the word before => after;`
macro_rules! stores {
    ($($name:literal, $code:literal, $at:expr, $word:expr => $wanted:expr;)*) => {
        [$(($name, {
            put($word, FIRST);
            // SAFETY: it writes a register of a device that the kernel's tables map.
            unsafe {
                asm!(
                    $code,
                    "// {two} {value}",
                    at = in(reg) $at,
                    two = in(reg) 2_u64,
                    value = in(reg) 0x1122_3344_A8B0_B8C0_u64,
                    options(nostack),
                );
            }
            get($word)
        }, $wanted)),*]
    };
}

/// Each form of a store by name, what is there behind it, and what has to be.
pub fn stores() -> impl Iterator<Item = (&'static str, u64, u64)> {
    stores! {
        "str w", "str {value:w}, [{at}]", BYTES, BYTES => 0xA8B0_B8C0;
        "str w, an offset", "str {value:w}, [{at}, #4]", BYTES, BYTES + 4 => 0xA8B0_B8C0;
        "str w, an offset back", "stur {value:w}, [{at}, #-4]", BYTES + 4, BYTES => 0xA8B0_B8C0;
        "str w, an offset in a register", "str {value:w}, [{at}, {two}, lsl #2]", BYTES - 4, BYTES + 4 => 0xA8B0_B8C0;
        "stlr w", "stlr {value:w}, [{at}]", BYTES, BYTES => 0xA8B0_B8C0;
        "str wzr", "str wzr, [{at}]", BYTES, BYTES => 0;
        "strb w", "strb {value:w}, [{at}]", BYTES, BYTES => 0x50F8_10C0;
        "strb w, the third", "strb {value:w}, [{at}, #2]", BYTES, BYTES => 0x50C0_1088;
        "stlrb w", "stlrb {value:w}, [{at}]", BYTES + 3, BYTES => 0xC0F8_1088;
        "strb wzr", "strb wzr, [{at}, #1]", BYTES, BYTES => 0x50F8_0088;
        "strh w", "strh {value:w}, [{at}]", HALF, HALF => 0xB8C0;
        "strh wzr", "strh wzr, [{at}]", HALF, HALF => 0;
    }
    .into_iter()
}

/// ESR_EL1 of a synchronous external abort of the kernel's: EC 0x25, IL, DFSC; WnR says that it was writing.
const ABORT: u64 = 0x25 << 26 | 1 << 25 | 0b01_0000;
const WNR: u64 = 1 << 6;

/// What ESR_EL1 has to be, and which of its bits count. Of an atomic access either half may be what faults.
const READING: (u64, u64) = (ABORT, !0);
const WRITING: (u64, u64) = (ABORT | WNR, !0);
const EITHER: (u64, u64) = (ABORT, !WNR);

/// The address of the last fault.
static FAULTED: AtomicU64 = AtomicU64::new(0);

/// `name, an instruction at an address => ESR_EL1, address of the fault;`
macro_rules! refused {
    ($($name:literal, $code:literal, $at:expr => $syndrome:expr, $fault:expr;)*) => {
        [$(($name, {
            let mut base: u64 = $at;
            let (mut one, mut two) = (1_u64, 2_u64);
            FAULTED.store(0, Ordering::Relaxed);
            // SAFETY: it reads or writes a device that the kernel's tables map, or is passed over. Floating point
            // is on, and the kernel is built without it.
            let fate = watch(|| unsafe {
                asm!(
                    ".arch_extension fp",
                    ".arch_extension simd",
                    ".arch_extension lse",
                    $code,
                    "// {one} {two}",
                    at = inout(reg) base,
                    one = inout(reg) one,
                    two = inout(reg) two,
                    options(nostack),
                );
            });
            let (syndrome, counts) = $syndrome;
            let trapped = matches!(fate, Fate::Trapped(found) if found & counts == syndrome);
            let faulted = FAULTED.load(Ordering::Relaxed);
            // Nothing has changed, neither the base nor what was to be loaded.
            trapped && faulted == $fault && (base, one, two) == ($at, 1, 2)
        })),*]
    };
}

/// Each form that the processor does not describe, or the device refuses, by name, and whether it ended in a bus error
/// at its address that changed nothing else.
pub fn refused() -> impl Iterator<Item = (&'static str, bool)> {
    fault::set_handler(|address| {
        FAULTED.store(address, Ordering::Relaxed);
        false
    });
    // SAFETY: the kernel is built without floating point.
    unsafe { asm!("msr cpacr_el1, {}", "isb", in(reg) 3_u64 << 20, options(nostack)) };
    put(BYTES, FIRST);
    let refused = refused! {
        "ldp w", "ldp {one:w}, {two:w}, [{at}]", BYTES => READING, BYTES;
        "stp w", "stp {one:w}, {two:w}, [{at}]", BYTES => WRITING, BYTES;
        "ldr w, pre-index", "ldr {one:w}, [{at}, #4]!", BYTES => READING, BYTES + 4;
        "ldr w, post-index", "ldr {one:w}, [{at}], #4", BYTES => READING, BYTES;
        "str w, pre-index", "str {one:w}, [{at}, #4]!", BYTES => WRITING, BYTES + 4;
        "strb w, post-index", "strb {one:w}, [{at}], #1", BYTES => WRITING, BYTES;
        "ldr s", "ldr s0, [{at}]", BYTES => READING, BYTES;
        "str s", "str s0, [{at}]", BYTES => WRITING, BYTES;
        "ldxr w", "ldxr {one:w}, [{at}]", BYTES => READING, BYTES;
        "swp w", "swp {one:w}, {two:w}, [{at}]", BYTES => EITHER, BYTES;
        "ldadd w", "ldadd {one:w}, {two:w}, [{at}]", BYTES => EITHER, BYTES;
        "ldrh w, where there is none", "ldrh {one:w}, [{at}]", BYTES => READING, BYTES;
        "strh w, where there is none", "strh {one:w}, [{at}]", BYTES => WRITING, BYTES;
        "ldr x, where there is none", "ldr {one}, [{at}]", BYTES => READING, BYTES;
        "str x, where there is none", "str {one}, [{at}]", BYTES => WRITING, BYTES;
        "ldrb w, where there is none", "ldrb {one:w}, [{at}]", GICD => READING, GICD;
        "ldrb w, inside a register", "ldrb {one:w}, [{at}]", HALF + 1 => READING, HALF + 1;
    };
    let unchanged = ("what is there", get(BYTES) == FIRST);
    refused.into_iter().chain([unchanged])
}

fn put(register: u64, value: u64) {
    // SAFETY: a register of a device, at an address that the kernel's tables map.
    unsafe { (register as *mut u32).write_volatile(value as u32) };
}

fn get(register: u64) -> u64 {
    // SAFETY: as above.
    unsafe { (register as *const u32).read_volatile() }.into()
}
