//! What `harness bench --exits` measures on aarch64.

use core::arch::{asm, global_asm};

use super::{call, gic, timer};
use crate::bench::{self, Cause};

/// Traps that do not leave the guest.
pub const FLOORS: &[(&str, Cause)] = &[("svc", supervisor_calls)];

/// Exits of each kind.
pub const EXITS: &[(&str, Cause)] = &[
    ("call", calls),
    ("register", registers),
    ("mmio-gicd", distributor),
    ("interrupt", |times| {
        bench::interrupts(times, || timer::arm(0));
    }),
];

// Vectors of which only one is used: a synchronous exception of EL1's own, which goes back at once.
global_asm!(
    ".section .text",
    ".p2align 11",
    ".globl guest_bench_vectors",
    "guest_bench_vectors:",
    ".zero 0x200",
    "eret",
);

unsafe extern "C" {
    static guest_bench_vectors: u8;
}

/// A trap to the guest's own handler and back.
fn supervisor_calls(times: u64) {
    // SAFETY: interrupts are off, SVC goes on behind itself, and VBAR_EL1 is put back.
    unsafe {
        asm!(
            "mrs {old}, vbar_el1",
            "msr vbar_el1, {vectors}",
            "isb",
            "2:",
            "svc #0",
            "subs {times}, {times}, #1",
            "b.ne 2b",
            "msr vbar_el1, {old}",
            "isb",
            times = inout(reg) times => _,
            vectors = in(reg) &raw const guest_bench_vectors,
            old = out(reg) _,
            options(nostack),
        );
    }
}

/// Calls of a function that nobody defined.
fn calls(times: u64) {
    for _ in 0..times {
        call(0xC600_0000, 0);
    }
}

/// Reads of a register that is emulated: ID_AA64PFR0_EL1.
fn registers(times: u64) {
    for _ in 0..times {
        // SAFETY: reading it changes nothing.
        unsafe { asm!("mrs {}, id_aa64pfr0_el1", out(reg) _, options(nomem, nostack)) };
    }
}

/// Loads from a register of an emulated device: GICD_TYPER.
fn distributor(times: u64) {
    let register = (gic::GICD + 4) as *const u32;
    for _ in 0..times {
        // SAFETY: a register of a device, at an address that the kernel's tables map.
        unsafe { register.read_volatile() };
    }
}
