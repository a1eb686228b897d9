//! PKRU, the rights of protection keys (APM vol. 2 §5.6.7). CR4 is a guest's own, and so is this register where
//! the CPU has it.

use core::arch::asm;

/// CR4: protection keys. Without it the instructions of PKRU are #UD.
const PKE: u64 = 1 << 22;

/// The bit of the run's number that says that the CPU has them: CPUID does not show them to a guest, and a CPU
/// without them refuses the bit of CR4.
const SAID: u64 = 1 << 32;

/// Switches them on, if they are there.
pub(super) fn switch_on() -> bool {
    let are_there = super::argument() & SAID != 0;
    if are_there {
        // SAFETY: the rights are those of user pages, which the guest has none of.
        unsafe {
            asm!("mov {tmp}, cr4", "or {tmp}, {PKE}", "mov cr4, {tmp}", tmp = out(reg) _, PKE = const PKE);
        }
    }
    are_there
}

/// Reads PKRU, once they are on.
pub(super) fn rights() -> u32 {
    let rights;
    // SAFETY: reading it changes nothing.
    unsafe {
        asm!("rdpkru", in("ecx") 0, out("eax") rights, out("edx") _, options(nomem, nostack));
    }
    rights
}

/// Writes PKRU, once they are on.
pub(super) fn set_rights(rights: u32) {
    // SAFETY: as in `switch_on`.
    unsafe {
        asm!("wrpkru", in("ecx") 0, in("eax") rights, in("edx") 0, options(nomem, nostack));
    }
}
