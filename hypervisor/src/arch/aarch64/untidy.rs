//! For the conformance suite: the CPU as a firmware may leave it that clears nothing.

use core::arch::asm;

use super::{
    confine, gic,
    idregs::Features,
    regs::{sysreg_read, sysreg_write},
};

/// SCTLR_EL1: UMA, DZE, UCT, nTWI, nTWE, UCI. Written down apart from what takes them back.
const GRANTS: u64 = 1 << 9 | 1 << 14 | 1 << 15 | 1 << 16 | 1 << 18 | 1 << 26;
/// CNTHCTL_EL2 with E2H: the counters and timers, to EL0 and to EL1; of CNTKCTL_EL1 the same bits are EL0's.
const COUNTERS: u64 = 0b11 | 0b11 << 8 | 0b11 << 10;
/// PMUSERENR_EL0: EN, SW, CR, ER.
const COUNTING: u64 = 0b1111;
/// CPTR_EL2 with E2H, and CPACR_EL1: ZEN, FPEN, SMEN.
const UNITS: u64 = 0b11 << 16 | 0b11 << 20 | 0b11 << 24;
/// MDSCR_EL1.TDCC, which matters to EL0 alone.
const TDCC: u64 = 1 << 12;

/// Leaves something in every register that `confine` and loading a guest have to set.
pub fn leave_traces() {
    // SAFETY: all of these bits concern EL0, where nothing of the host's runs, and units that the host is
    // built without. At EL2 the names of EL1 reach what `confine` reaches by them.
    unsafe {
        asm!(
            "mrs    {tmp}, sctlr_el1",
            "orr    {tmp}, {tmp}, {grants}",
            "msr    sctlr_el1, {tmp}",
            tmp = out(reg) _,
            grants = in(reg) GRANTS,
            options(nostack),
        );
        sysreg_write!("cntkctl_el1", COUNTERS);
        sysreg_write!("cpacr_el1", UNITS);
        sysreg_write!("mdscr_el1", TDCC);
        // The host's own, which it has no use for: they have to be there again behind a guest.
        sysreg_write!("sp_el0", 0x1000_u64);
        sysreg_write!("tpidr_el0", 0x2000_u64);
        sysreg_write!("ttbr0_el1", 0x3000_u64);
    }
    let features = Features::new(confine::hardware_id);
    if features.pmu {
        // SAFETY: as above.
        unsafe { sysreg_write!("pmuserenr_el0", COUNTING) };
    }
    if axplat_aarch64_vhe::host_is_at_el2() {
        leave_traces_at_el2(features);
    }
    // SAFETY: a barrier.
    unsafe { asm!("isb", options(nostack)) };
}

/// MDCR_EL2.HPMN, the number of counters, which stays. All else is a trap, or a unit that is given away, such as
/// the buffers of profiling and trace (E2PB, E2TB).
const COUNTERS_OF_EL1: u64 = 0x1F;
const BUFFERS: u64 = 0b11 << 12 | 0b11 << 24;

fn leave_traces_at_el2(features: Features) {
    let mdcr = sysreg_read!("mdcr_el2") & COUNTERS_OF_EL1 | BUFFERS;
    // SAFETY: these registers concern EL1 and EL0, and nothing of the host's runs there.
    unsafe {
        sysreg_write!("mdcr_el2", mdcr);
        sysreg_write!("hstr_el2", 0xFFFF_u64);
        sysreg_write!("vpidr_el2", u64::MAX);
        sysreg_write!("vmpidr_el2", u64::MAX);
    }
    gic::leave_traces();
    if features.hcrx {
        // SAFETY: as above. HCRX_EL2.
        unsafe { sysreg_write!("s3_4_c1_c2_2", u64::MAX) };
    }
    if features.fine_traps {
        // SAFETY: as above. HFGRTR, HFGWTR, HFGITR, HDFGRTR and HDFGWTR_EL2.
        unsafe {
            sysreg_write!("s3_4_c1_c1_4", u64::MAX);
            sysreg_write!("s3_4_c1_c1_5", u64::MAX);
            sysreg_write!("s3_4_c1_c1_6", u64::MAX);
            sysreg_write!("s3_4_c3_c1_4", u64::MAX);
            sysreg_write!("s3_4_c3_c1_5", u64::MAX);
        }
    }
    if features.ras {
        // SAFETY: as above. VSESR_EL2.
        unsafe { sysreg_write!("s3_4_c5_c2_3", u64::MAX) };
    }
}
