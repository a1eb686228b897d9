//! For measurements: the switch alone, with nothing around it.

use core::arch::asm;

use super::regs::Context;

/// Enters the guest `times` times, at an ECALL, and is left by it. Nothing is saved, since the guest executes
/// nothing else.
///
/// # Safety
///
/// The guest is loaded, its program counter is at an ECALL that comes to the hypervisor, and interrupts are off.
pub unsafe fn reenter(context: &Context, times: u64) {
    // SAFETY: as the caller says. No interrupt is enabled meanwhile, as one would come from the guest; and each
    // register is put back.
    unsafe {
        asm!(
            "csrrw {sie}, sie, zero",
            "csrrw {sstatus}, sstatus, {sstatus}",
            "csrrw {hstatus}, 0x600, {hstatus}",
            "lla {vector}, 3f",
            "csrrw {stvec}, stvec, {vector}",
            "csrw sepc, {pc}",
            "2:",
            "sret",
            // A trap leaves the previous level and the virtual mode as SRET wants them, and sepc at the ECALL.
            ".p2align 2",
            "3:",
            "addi {times}, {times}, -1",
            "bnez {times}, 2b",
            "csrw stvec, {stvec}",
            "csrw 0x600, {hstatus}",
            "csrw sstatus, {sstatus}",
            "csrw sie, {sie}",
            sie = out(reg) _,
            sstatus = inout(reg) context.guest_sstatus => _,
            hstatus = inout(reg) context.guest_hstatus => _,
            stvec = out(reg) _,
            vector = out(reg) _,
            pc = in(reg) context.guest_sepc,
            times = inout(reg) times => _,
            options(nostack),
        );
    }
}
