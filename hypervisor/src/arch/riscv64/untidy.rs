//! For the conformance suite: the hart as a firmware may leave it that clears nothing.

use core::arch::asm;

use super::{
    load::write_if_present,
    regs::{attempt, csr_write, has_hypervisor_extension},
};

/// Leaves something in every CSR that loading a guest has to set.
pub fn leave_traces() {
    if !has_hypervisor_extension() {
        return;
    }
    // SAFETY: none of these CSRs affects HS-mode, and the host has no user mode. Delegation comes first, so that
    // whatever is pending then is a guest's.
    unsafe {
        csr_write!("hideleg", u64::MAX);
        csr_write!("hedeleg", u64::MAX);
        csr_write!("hcounteren", u64::MAX);
        csr_write!("henvcfg", u64::MAX);
        csr_write!("htimedelta", 0x1234_5678_u64);
        csr_write!("hvip", u64::MAX);
        csr_write!("vsie", u64::MAX);
        csr_write!("scounteren", u64::MAX);
        csr_write!("senvcfg", u64::MAX);
        // VTVM and VTSR: a guest has its own hstatus.
        asm!(
            ".option push",
            ".option arch, +h",
            "csrs   hstatus, {}",
            ".option pop",
            in(reg) 1_u64 << 20 | 1 << 22,
            options(nostack)
        );
        // sstatus.FS. The host does not compute with floats; OpenSBI leaves them on. A number of its own, so that it
        // is off here too where the loader's is wrong.
        asm!("csrc sstatus, {}", in(reg) 3_u64 << 13, options(nostack));
    }
    write_if_present! {
        hstateen0 "0x60C" = u64::MAX;
        hstateen1 "0x60D" = u64::MAX;
        hstateen2 "0x60E" = u64::MAX;
        hstateen3 "0x60F" = u64::MAX;
        // A timer that has run out.
        vstimecmp "0x24D" = 0u64;
        vsiselect "0x250" = u64::MAX;
        jvt "0x017" = u64::MAX;
        scontext "0x5A8" = u64::MAX;
    }
}
