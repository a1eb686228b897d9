//! riscv64: `ecall` leads to the kernel.

use core::arch::{asm, global_asm};

use gkernel_abi::YIELD;

/// An address of the kernel's code.
pub const KERNEL: u64 = 0xFFFF_FFE0_8020_0000;

/// The instruction that returns from a function.
pub const RETURN: u32 = 0x0000_8067;

global_asm!(
    ".section .text",
    ".globl _start",
    "_start:",
    "tail   user_main",
    // u64 user_hold_registers(u64 *turns, u64 role, u64 last, u64 yields)
    //
    // Fills all registers with values of this role, counts a turn whenever the number of turns is even (role 0) or
    // odd (role 1), up to the last, and looks at the registers again. While it waits it spins, or yields. Gives 0, or
    // the number of a register that has changed: 1 to 31 for x1 to x31, 32 and on for f0 and on, 96 for fcsr.
    ".option push",
    ".option arch, +d",
    ".globl user_hold_registers",
    ".type user_hold_registers, @function",
    "user_hold_registers:",
    "addi   sp, sp, -128",
    ".irp n, 1,3,4,8,9,18,19,20,21,22,23,24,25,26,27",
    "sd     x\\n, (\\n % 16) * 8(sp)",
    ".endr",
    ".irp n, 1,3,4,7,9,14,15,16,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
    "li     x\\n, 0x5A5A00 + \\n",
    "add    x\\n, x\\n, a1",
    ".endr",
    ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
    "li     t0, 0xA5A500 + \\n",
    "add    t0, t0, a1",
    "fmv.d.x f\\n, t0",
    ".endr",
    "slli   t0, a1, 5",              // the rounding mode: to nearest, or towards zero
    "fscsr  t0",
    "mv     s0, a0",
    "1:",
    "ld     t0, (s0)",
    "bgeu   t0, a2, 2f",
    "xor    t1, t0, a1",
    "andi   t1, t1, 1",
    "bnez   t1, 4f",
    "addi   t0, t0, 1",
    "sd     t0, (s0)",
    "j      1b",
    "4:",
    "beqz   a3, 1b",
    "li     a7, {yields}",
    "ecall",
    "j      1b",
    "2:",
    ".irp n, 1,3,4,7,9,14,15,16,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
    "li     a0, \\n",
    "li     t0, 0x5A5A00 + \\n",
    "add    t0, t0, a1",
    "bne    t0, x\\n, 3f",
    ".endr",
    ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
    "li     a0, 32 + \\n",
    "li     t0, 0xA5A500 + \\n",
    "add    t0, t0, a1",
    "fmv.x.d t1, f\\n",
    "bne    t0, t1, 3f",
    ".endr",
    "li     a0, 96",
    "frcsr  t0",
    "slli   t1, a1, 5",
    "bne    t0, t1, 3f",
    "li     a0, 0",
    "3:",
    "fscsr  zero",
    ".irp n, 1,3,4,8,9,18,19,20,21,22,23,24,25,26,27",
    "ld     x\\n, (\\n % 16) * 8(sp)",
    ".endr",
    "addi   sp, sp, 128",
    "ret",
    ".option pop",
    yields = const YIELD,
);

/// Makes a call of the kernel.
pub fn call(number: u64, arguments: [u64; 3]) -> i64 {
    let answer;
    // SAFETY: the kernel changes no register but a0, and reads this process's memory at most.
    unsafe {
        asm!(
            "ecall",
            in("a7") number,
            inlateout("a0") arguments[0] => answer,
            in("a1") arguments[1],
            in("a2") arguments[2],
            options(nostack),
        );
    }
    answer
}

/// Executes an instruction of the kernel's: it reads `sstatus`.
pub fn privileged() {
    // SAFETY: it changes nothing of this program's.
    unsafe { asm!("csrr {}, sstatus", out(reg) _, options(nostack)) };
}

/// Executes an instruction of a hypervisor's: it loads by the tables of its guest.
pub fn hypervisors() {
    // SAFETY: as above. `hlv.d t0, (sp)`.
    unsafe { asm!(".4byte 0x6C0142F3", out("t0") _, options(nostack)) };
}

/// Has the machine switched off, by a call of the hypervisor's: SBI's system reset. Here it is a call of the
/// kernel's, which has none with this number. Gives its answer.
pub fn hypercall() -> i64 {
    const SYSTEM_RESET: u64 = 0x5352_5354;
    call(SYSTEM_RESET, [0; 3])
}
