//! x86_64: `int 0x80` leads to the kernel.

use core::arch::{asm, global_asm};

use gkernel_abi::YIELD;

/// An address of the kernel's code.
pub const KERNEL: u64 = 0xFFFF_FFFF_8001_0000;

/// The instruction that returns from a function, and breakpoints behind it.
pub const RETURN: u32 = 0xCCCC_CCC3;

global_asm!(
    ".section .text",
    ".globl _start",
    "_start:",
    "call   user_main",             // with the stack as a function expects it
    // As on riscv64. The numbers of registers: 1 and on for rbx, rbp, r9 to r15; 32 + n for xmm n.
    ".globl user_hold_registers",
    ".type user_hold_registers, @function",
    "user_hold_registers:",
    "push   rbx",
    "push   rbp",
    "push   r12",
    "push   r13",
    "push   r14",
    "push   r15",
    ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15",
    "lea    rax, [rsi + 0xA5A500 + \\n]",
    "movq   xmm\\n, rax",
    "punpcklqdq xmm\\n, xmm\\n",
    ".endr",
    "lea    rbx, [rsi + 0x5A5A01]",
    "lea    rbp, [rsi + 0x5A5A02]",
    ".irp n, 9,10,11,12,13,14,15",
    "lea    r\\n, [rsi + 0x5A5A00 + \\n]",
    ".endr",
    "1:",
    "mov    rax, [rdi]",
    "cmp    rax, rdx",
    "jae    2f",
    "mov    r8, rax",
    "xor    r8, rsi",
    "test   r8, 1",
    "jnz    4f",
    "inc    rax",
    "mov    [rdi], rax",
    "jmp    1b",
    "4:",
    "test   rcx, rcx",
    "jz     1b",
    "mov    eax, {yields}",
    "int    0x80",
    "jmp    1b",
    "2:",
    "mov    eax, 1",
    "lea    r8, [rsi + 0x5A5A01]",
    "cmp    r8, rbx",
    "jne    3f",
    "mov    eax, 2",
    "lea    r8, [rsi + 0x5A5A02]",
    "cmp    r8, rbp",
    "jne    3f",
    ".irp n, 9,10,11,12,13,14,15",
    "mov    eax, \\n",
    "lea    r8, [rsi + 0x5A5A00 + \\n]",
    "cmp    r8, r\\n",
    "jne    3f",
    ".endr",
    ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15",
    "mov    eax, 32 + \\n",
    "lea    r8, [rsi + 0xA5A500 + \\n]",
    "movq   r9, xmm\\n",
    "cmp    r8, r9",
    "jne    3f",
    "punpckhqdq xmm\\n, xmm\\n",
    "movq   r9, xmm\\n",
    "cmp    r8, r9",
    "jne    3f",
    ".endr",
    "xor    eax, eax",
    "3:",
    "pop    r15",
    "pop    r14",
    "pop    r13",
    "pop    r12",
    "pop    rbp",
    "pop    rbx",
    "ret",
    yields = const YIELD,
);

/// Makes a call of the kernel.
pub fn call(number: u64, arguments: [u64; 3]) -> i64 {
    let answer;
    // SAFETY: the kernel changes no register but rax, and reads this process's memory at most.
    unsafe {
        asm!(
            "int 0x80",
            inlateout("rax") number => answer,
            in("rdi") arguments[0],
            in("rsi") arguments[1],
            in("rdx") arguments[2],
            options(nostack),
        );
    }
    answer
}

/// Executes an instruction of the kernel's: it reads CR0.
pub fn privileged() {
    // SAFETY: it changes nothing of this program's.
    unsafe { asm!("mov {}, cr0", out(reg) _, options(nostack)) };
}

/// Executes an instruction of a hypervisor's: it lets interrupts in (STGI).
pub fn hypervisors() {
    // SAFETY: as above.
    unsafe { asm!("stgi", options(nostack)) };
}

/// Has the machine switched off, by a call of the hypervisor's. It is not for user mode.
pub fn hypercall() -> i64 {
    const SYSTEM_OFF: u64 = 0x8400_0008;
    let answer;
    // SAFETY: as above.
    unsafe { asm!("vmmcall", inlateout("rax") SYSTEM_OFF => answer, options(nostack)) };
    answer
}
