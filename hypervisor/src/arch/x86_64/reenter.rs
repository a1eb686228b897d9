//! For measurements: the switch alone, with nothing around it.

use core::arch::asm;

use crate::memory::addr::Hpa;

/// Enters the guest `times` times, at a VMMCALL, and is left by it. The guest executes nothing else, and
/// so changes no register that VMRUN does not switch.
///
/// # Safety
///
/// The guest of this VMCB is loaded, RIP is at a VMMCALL that is intercepted, nothing is injected, and interrupts are
/// off.
pub unsafe fn reenter(vmcb: Hpa, times: u64) {
    // SAFETY: as the caller says. With RFLAGS.IF clear no interrupt of the host's comes from the guest (§15.21.1).
    unsafe {
        asm!(
            "clgi",
            "2:",
            "vmrun rax",
            "dec {times}",
            "jnz 2b",
            "stgi",
            in("rax") vmcb.get(),
            times = inout(reg) times => _,
            options(nostack),
        );
    }
}
