//! aarch64: `svc` leads to the kernel.

use core::arch::{asm, global_asm};

use gkernel_abi::YIELD;

/// An address of the kernel's code.
pub const KERNEL: u64 = 0xFFFF_FF80_4020_0000;

/// The instruction that returns from a function.
pub const RETURN: u32 = 0xD65F_03C0;

global_asm!(
    ".section .text",
    ".globl _start",
    "_start:",
    "b      user_main",
    // As on riscv64. The numbers of registers: n for xn, 32 + n for vn, 96 for FPCR.
    ".arch_extension fp",
    ".arch_extension simd",
    ".globl user_hold_registers",
    ".type user_hold_registers, %function",
    "user_hold_registers:",
    "stp    x29, x30, [sp, #-96]!",
    "stp    x19, x20, [sp, #16]",
    "stp    x21, x22, [sp, #32]",
    "stp    x23, x24, [sp, #48]",
    "stp    x25, x26, [sp, #64]",
    "stp    x27, x28, [sp, #80]",
    "mov    x19, x0",
    "mov    x20, x1",
    "mov    x21, x2",
    "mov    x22, x3",
    ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
    "add    x0, x20, #0xA00 + \\n",
    "fmov   d\\n, x0",
    "mvn    x0, x0",
    "mov    v\\n\\().d[1], x0",
    ".endr",
    ".irp n, 2,3,4,5,6,7,9,10,11,12,13,14,15,16,17,18,23,24,25,26,27,28,29,30",
    "add    x\\n, x20, #0x500 + \\n",
    ".endr",
    "lsl    x0, x20, #22",          // the rounding mode: to nearest, or towards plus infinity
    "msr    fpcr, x0",
    "1:",
    "ldr    x0, [x19]",
    "cmp    x0, x21",
    "b.hs   2f",
    "eor    x1, x0, x20",
    "tbnz   x1, #0, 4f",
    "add    x0, x0, #1",
    "str    x0, [x19]",
    "b      1b",
    "4:",
    "cbz    x22, 1b",
    "mov    x8, {yields}",
    "svc    #0",
    "b      1b",
    "2:",
    ".irp n, 2,3,4,5,6,7,9,10,11,12,13,14,15,16,17,18,23,24,25,26,27,28,29,30",
    "mov    x0, #\\n",
    "add    x1, x20, #0x500 + \\n",
    "cmp    x1, x\\n",
    "b.ne   3f",
    ".endr",
    ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
    "mov    x0, #(32 + \\n)",
    "add    x1, x20, #0xA00 + \\n",
    "fmov   x2, d\\n",
    "mov    x3, v\\n\\().d[1]",
    "mvn    x3, x3",
    "cmp    x1, x2",
    "ccmp   x1, x3, #0, eq",
    "b.ne   3f",
    ".endr",
    "mov    x0, #96",
    "lsl    x1, x20, #22",
    "mrs    x2, fpcr",
    "cmp    x1, x2",
    "b.ne   3f",
    "mov    x0, #0",
    "3:",
    "msr    fpcr, xzr",
    "ldp    x19, x20, [sp, #16]",
    "ldp    x21, x22, [sp, #32]",
    "ldp    x23, x24, [sp, #48]",
    "ldp    x25, x26, [sp, #64]",
    "ldp    x27, x28, [sp, #80]",
    "ldp    x29, x30, [sp], #96",
    "ret",
    yields = const YIELD,
);

/// Makes a call of the kernel.
pub fn call(number: u64, arguments: [u64; 3]) -> i64 {
    let answer;
    // SAFETY: the kernel changes no register but x0, and reads this process's memory at most.
    unsafe {
        asm!(
            "svc #0",
            in("x8") number,
            inlateout("x0") arguments[0] => answer,
            in("x1") arguments[1],
            in("x2") arguments[2],
            options(nostack),
        );
    }
    answer
}

/// Executes an instruction of the kernel's: it reads SCTLR_EL1.
pub fn privileged() {
    // SAFETY: it changes nothing of this program's.
    unsafe { asm!("mrs {}, sctlr_el1", out(reg) _, options(nostack)) };
}

/// Executes an instruction of a hypervisor's: it reads HCR_EL2.
pub fn hypervisors() {
    // SAFETY: as above.
    unsafe { asm!("mrs {}, hcr_el2", out(reg) _, options(nostack)) };
}

/// Has the machine switched off, by a call of the hypervisor's: PSCI's SYSTEM_OFF. It is not for EL0.
pub fn hypercall() -> i64 {
    const SYSTEM_OFF: u64 = 0x8400_0008;
    let answer;
    // SAFETY: as above.
    unsafe { asm!("hvc #0", inlateout("x0") SYSTEM_OFF => answer, options(nostack)) };
    answer
}
