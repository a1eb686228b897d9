//! The traps that confine a guest.

use core::arch::asm;

use super::{
    calls,
    idregs::Features,
    regs::{sysreg_read, sysreg_write},
};

/// SCTLR_EL1 bits that, set, give EL0 something: UMA (9), DZE (14), UCT (15), nTWI (16), nTWE (18),
/// UCI (26). Clear, they make it a trap.
const SCTLR_EL0_GRANTS: u64 = 1 << 9 | 1 << 14 | 1 << 15 | 1 << 16 | 1 << 18 | 1 << 26;

/// Withholds from EL0 the cache, interrupt-mask, WFI/WFE, timer, performance and floating-point
/// registers: each access becomes an exit.
pub fn confine_el0() {
    // SAFETY: all of these bits concern EL0 only; the host is built without floating point. With
    // CNTKCTL_EL1, PMUSERENR_EL0 and CPACR_EL1 zero there is no timer, no counter and no floating
    // point at EL0 (CPACR_EL1.FPEN = 0 traps it for the host too, where nothing uses it).
    unsafe {
        asm!(
            "mrs    {tmp}, sctlr_el1",
            "bic    {tmp}, {tmp}, {grants}",
            "msr    sctlr_el1, {tmp}",
            "msr    cntkctl_el1, xzr",
            "msr    pmuserenr_el0, xzr",
            "msr    cpacr_el1, xzr",
            "isb",
            tmp = out(reg) _,
            grants = in(reg) SCTLR_EL0_GRANTS,
            options(nostack),
        );
    }
}

// mutants: clear bits 12, 27, 53, 56
/// HCR_EL2 for every guest at EL1: Stage-2 (VM); set/way invalidations write back first (SWIO), so that the
/// guest's own CPU can carry them out; interrupts and SErrors come to EL2 (FMO, IMO, AMO); WFI, WFE, the ID
/// registers of groups 1, 3 and 5, SMC, implementation-defined registers, auxiliary control, LORegion and
/// error registers trap (TWI, TWE, TID1, TID3, TID5, TSC, TIDCP, TACR, TLOR, TERR); EL1 is AArch64 (RW).
/// E2H stays, TGE goes: EL0 belongs to the guest. Memory tags and SCXTNUM are not the guest's (ATA, EnSCXT
/// are clear).
const HCR: u64 = 1 << 0
    | 1 << 1
    | 1 << 3
    | 1 << 4
    | 1 << 5
    | 1 << 13
    | 1 << 14
    | 1 << 16
    | 1 << 18
    | 1 << 19
    | 1 << 20
    | 1 << 21
    | 1 << 31
    | 1 << 34
    | 1 << 35
    | 1 << 36
    | 1 << 58;

/// HCR_EL2.APK and API: the keys and instructions of pointer authentication are the guest's.
const HCR_PAUTH: u64 = 1 << 40 | 1 << 41;

/// HCR_EL2 for a guest at EL1 on a CPU with these features.
pub fn guest_hcr(features: Features) -> u64 {
    if features.pauth { HCR | HCR_PAUTH } else { HCR }
}

// mutants: clear bits 8
/// MDCR_EL2: TPMCR, TPM, TDA, TDOSA, TDRA, TPMS, TTRF. TDE is clear: BRK is the guest's own. So are E2PB and
/// E2TB: profiling and trace buffers trap.
const MDCR: u64 = 1 << 5 | 1 << 6 | 1 << 9 | 1 << 10 | 1 << 11 | 1 << 14 | 1 << 19;
/// MDCR_EL2.HPMN, the number of counters, which stays.
const MDCR_HPMN: u64 = 0x1F;
// mutants: clear bits 16, 24
/// CPTR_EL2 with E2H: TTA, TAM, and FPEN = 3 (no trap). ZEN and SMEN are 0: SVE and SME trap.
const CPTR: u64 = 1 << 28 | 1 << 30 | 3 << 20;
// mutants: clear bits 11
/// CNTHCTL_EL2 with E2H: EL1PCTEN. The physical counter is what the virtual one is, as CNTVOFF_EL2 is zero.
const CNTHCTL: u64 = 1 << 10;
/// MPAM2_EL2: TRAPMPAM0EL1, TRAPMPAM1EL1; the host's own partition is 0.
const MPAM2: u64 = 1 << 48 | 1 << 49;
/// PMUSERENR_EL0.EN: EL0's accesses to what is not there come to MDCR_EL2.TPM, and not to EL1 as something
/// that it could grant. Not ER, CR and SW, which say less; with them QEMU 10.0 passes over TPM.
const PMUSERENR: u64 = 1;

/// Sets the traps for a guest at EL1 that are not in HCR_EL2. The guest may use floating point; the
/// host is built without it.
pub fn confine_el1(features: Features) {
    let mdcr = sysreg_read!("mdcr_el2") & MDCR_HPMN | MDCR;
    let midr = sysreg_read!("midr_el1");
    // SAFETY: these registers concern EL1 and EL0, and the host has nothing at EL0 meanwhile. With
    // E2H set, `cntkctl_el1` is CNTHCTL_EL2 and `cpacr_el1` is CPTR_EL2. The guest sees this CPU's
    // own identification, as the only one of its kind.
    unsafe {
        sysreg_write!("cntkctl_el1", CNTHCTL);
        sysreg_write!("cpacr_el1", CPTR);
        sysreg_write!("mdcr_el2", mdcr);
        sysreg_write!("hstr_el2", 0_u64);
        sysreg_write!("vpidr_el2", midr);
        sysreg_write!("vmpidr_el2", calls::MPIDR);
    }
    if features.hcrx {
        // SAFETY: as above. All that it could enable is hidden (HCRX_EL2).
        unsafe { sysreg_write!("s3_4_c1_c2_2", 0_u64) };
    }
    if features.fine_traps {
        // SAFETY: as above. Zero traps what has a bit of the negative kind (nTPIDR2_EL0, nSMPRI_EL1, nPIR …)
        // and nothing else. HFGRTR, HFGWTR, HFGITR, HDFGRTR and HDFGWTR_EL2.
        unsafe {
            sysreg_write!("s3_4_c1_c1_4", 0_u64);
            sysreg_write!("s3_4_c1_c1_5", 0_u64);
            sysreg_write!("s3_4_c1_c1_6", 0_u64);
            sysreg_write!("s3_4_c3_c1_4", 0_u64);
            sysreg_write!("s3_4_c3_c1_5", 0_u64);
        }
    }
    if features.fine_traps_2 {
        // SAFETY: as above. HFGRTR2, HFGWTR2, HFGITR2, HDFGRTR2 and HDFGWTR2_EL2.
        unsafe {
            sysreg_write!("s3_4_c3_c1_2", 0_u64);
            sysreg_write!("s3_4_c3_c1_3", 0_u64);
            sysreg_write!("s3_4_c3_c1_7", 0_u64);
            sysreg_write!("s3_4_c3_c1_0", 0_u64);
            sysreg_write!("s3_4_c3_c1_1", 0_u64);
        }
    }
    if features.mpam {
        // SAFETY: as above. MPAM2_EL2.
        unsafe { sysreg_write!("s3_4_c10_c5_0", MPAM2) };
    }
    if features.pmu {
        // SAFETY: as above.
        unsafe { sysreg_write!("pmuserenr_el0", PMUSERENR) };
    }
    // SAFETY: a barrier.
    unsafe { asm!("isb", options(nostack)) };
}

/// The CPU's own identification register by CRm and op2, for those that the guest's view is made of.
pub fn hardware_id(crm: u64, op2: u64) -> u64 {
    match (crm, op2) {
        (4, 0) => sysreg_read!("id_aa64pfr0_el1"),
        (4, 1) => sysreg_read!("id_aa64pfr1_el1"),
        (5, 0) => sysreg_read!("id_aa64dfr0_el1"),
        (6, 0) => sysreg_read!("id_aa64isar0_el1"),
        (6, 1) => sysreg_read!("id_aa64isar1_el1"),
        (6, 2) => sysreg_read!("s3_0_c0_c6_2"),
        (7, 0) => sysreg_read!("id_aa64mmfr0_el1"),
        (7, 1) => sysreg_read!("id_aa64mmfr1_el1"),
        (7, 2) => sysreg_read!("id_aa64mmfr2_el1"),
        _ => 0,
    }
}
