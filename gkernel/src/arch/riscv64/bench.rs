//! What `harness bench --exits` measures on riscv64.

use core::arch::asm;

use super::{sbi_call, timer};
use crate::bench::{self, Cause};

/// Traps that do not leave the guest.
pub const FLOORS: &[(&str, Cause)] = &[("ebreak", breakpoints)];

/// Exits of each kind.
pub const EXITS: &[(&str, Cause)] = &[
    ("call", calls),
    ("instruction", waits),
    ("interrupt", |times| {
        bench::interrupts(times, || timer::arm(0));
    }),
];

/// A trap to the guest's own handler and back: ECALL would be one to the hypervisor.
fn breakpoints(times: u64) {
    // SAFETY: interrupts are off, and the handler is this assembly's own, at a multiple of 4; it moves past the
    // EBREAK, and stvec is put back.
    unsafe {
        asm!(
            ".option push",
            ".option norvc",
            "lla {t}, 3f",
            "csrrw {old}, stvec, {t}",
            "2:",
            "ebreak",
            "addi {times}, {times}, -1",
            "bnez {times}, 2b",
            "csrw stvec, {old}",
            "j 4f",
            ".p2align 2",
            "3:",
            "csrr {t}, sepc",
            "addi {t}, {t}, 4",
            "csrw sepc, {t}",
            "sret",
            "4:",
            ".option pop",
            times = inout(reg) times => _,
            t = out(reg) _,
            old = out(reg) _,
            options(nostack),
        );
    }
}

/// Calls of an extension that nobody defined.
fn calls(times: u64) {
    for _ in 0..times {
        sbi_call(0x0A00_0000, 0, [0; 3]);
    }
}

/// Instructions that the hypervisor carries out: WRS.NTO, which goes on at once.
fn waits(times: u64) {
    for _ in 0..times {
        // SAFETY: it waits for an interrupt, or for less.
        unsafe { asm!(".4byte 0x00D00073", options(nostack)) };
    }
}
