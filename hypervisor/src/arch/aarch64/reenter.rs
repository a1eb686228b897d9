//! For measurements: the switch alone, with nothing around it.

use core::arch::{asm, global_asm};

use super::regs::Context;

/// HCR_EL2: IRQ, FIQ and SError come to EL2.
const ROUTED: u64 = 0b111 << 3;

// Vectors of which only one is used: a synchronous exception of EL1. x0 counts, x1 and x2 are where and how
// EL1 goes on, and x3 and x4 are the host's.
global_asm!(
    ".section .text",
    ".p2align 11",
    ".globl hv_aarch64_reenter_vectors",
    "hv_aarch64_reenter_vectors:",
    ".zero 0x400",
    "subs x0, x0, #1",
    "b.eq 1f",
    "msr elr_el1, x1",
    "msr spsr_el1, x2",
    "eret",
    "1:",
    "msr hcr_el2, x3",
    "msr vbar_el1, x4",
    "isb",
    "br x5",
);

unsafe extern "C" {
    static hv_aarch64_reenter_vectors: u8;
}

/// Enters the guest `times` times, at an HVC, and is left by it. Nothing is saved, since the guest executes
/// nothing else.
///
/// # Safety
///
/// The guest is loaded and at EL1, its program counter is at an HVC, its interrupts are masked, and so are the
/// host's.
pub unsafe fn reenter(context: &Context, times: u64) {
    // SAFETY: as the caller says. No interrupt comes to EL2 meanwhile, as one would come from the guest; and each
    // register is put back.
    unsafe {
        asm!(
            "mrs x3, hcr_el2",
            "mrs x4, vbar_el1",
            "msr vbar_el1, {vectors}",
            "msr hcr_el2, {hcr}",
            "adr x5, 2f",
            "msr elr_el1, x1",
            "msr spsr_el1, x2",
            "isb",
            "eret",
            "2:",
            vectors = in(reg) &raw const hv_aarch64_reenter_vectors,
            hcr = in(reg) context.guest_hcr & !ROUTED,
            inout("x0") times => _,
            in("x1") context.guest_elr,
            in("x2") context.guest_spsr,
            out("x3") _,
            out("x4") _,
            out("x5") _,
            options(nostack),
        );
    }
}
