//! Instructions of the kernel's that the hypervisor has to deal with.

use core::{
    arch::asm,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

use super::encode::{self, Name, call, read, word, write_zero};
use crate::{
    probe::{Fate, Probe},
    touch,
};

/// What is expected of an instruction that is not there: EC 0, IL 1 (Arm ARM, ESR_ELx).
pub(super) const UNDEFINED: Fate = Fate::Trapped(1 << 25);

/// What is expected of BRK #0: EC 0x3C, IL 1.
pub(super) const BREAKPOINT: Fate = Fate::Trapped(0x3C << 26 | 1 << 25);

/// `name, code => fate;` for each probe.
macro_rules! probes {
    ($($name:literal, $code:expr => $fate:expr;)*) => {
        &[$(Probe { name: $name, code: &$code, expect: $fate },)*]
    };
}
pub(super) use probes;

const MDSCR: Name = (2, 0, 0, 2, 2);
const ACTLR: Name = (3, 0, 1, 0, 1);

/// Tried by the guest's kernel, in the order of the bits that trap them.
pub const KERNEL_PROBES: &[Probe] = probes![
    // HCR_EL2.TWE. WFI has a case of its own, and those with a timeout are a feature (id-registers).
    "wfe", word(encode::WFE) => Fate::WentOn;
    // TSC, and what is no call.
    "smc, PSCI_VERSION", call(0x8400_0000, encode::SMC) => Fate::WentOn;
    "hvc, PSCI_VERSION", call(0x8400_0000, encode::HVC) => Fate::WentOn;
    "hvc #1", call(0x8400_0000, encode::HVC_1) => Fate::WentOn;
    // TSW.
    "dc isw, xzr", write_zero((1, 0, 7, 6, 2)) => Fate::WentOn;
    "dc csw, xzr", write_zero((1, 0, 7, 10, 2)) => Fate::WentOn;
    "dc cisw, xzr", write_zero((1, 0, 7, 14, 2)) => Fate::WentOn;
    // TACR.
    "mrs x9, actlr_el1", read(ACTLR) => Fate::WentOn;
    "msr actlr_el1, xzr", write_zero(ACTLR) => Fate::WentOn;
    // TIDCP. The first two are there on the CPUs that QEMU's `max` descends from.
    "mrs x9, l2ctlr_el1", read((3, 1, 11, 0, 2)) => UNDEFINED;
    "msr cpuectlr_el1, xzr", write_zero((3, 1, 15, 2, 1)) => UNDEFINED;
    "mrs x9, s3_0_c15_c0_0", read((3, 0, 15, 0, 0)) => UNDEFINED;
    "sys #0, c15, c0, #0", write_zero((1, 0, 15, 0, 0)) => UNDEFINED;
    // TLOR, TERR.
    "mrs x9, lorc_el1", read((3, 0, 10, 4, 3)) => UNDEFINED;
    "mrs x9, lorid_el1", read((3, 0, 10, 4, 7)) => UNDEFINED;
    "mrs x9, erridr_el1", read((3, 0, 5, 3, 0)) => UNDEFINED;
    "msr errselr_el1, xzr", write_zero((3, 0, 5, 3, 1)) => UNDEFINED;
    // TID1, TID3.
    "mrs x9, revidr_el1", read((3, 0, 0, 0, 6)) => Fate::WentOn;
    "mrs x9, aidr_el1", read((3, 1, 0, 0, 7)) => Fate::WentOn;
    "mrs x9, smidr_el1", read((3, 1, 0, 0, 6)) => UNDEFINED;
    "mrs x9, id_aa64pfr0_el1", read((3, 0, 0, 4, 0)) => Fate::WentOn;
    "mrs x9, s3_0_c0_c7_7", read((3, 0, 0, 7, 7)) => Fate::WentOn;
    "mrs x9, id_isar0_el1", read((3, 0, 0, 2, 0)) => Fate::WentOn;
    // EnSCXT, ATA, and what HCRX_EL2 and the fine-grained traps keep.
    "mrs x9, scxtnum_el1", read((3, 0, 13, 0, 7)) => UNDEFINED;
    "mrs x9, scxtnum_el0", read((3, 3, 13, 0, 7)) => UNDEFINED;
    "mrs x9, gcr_el1", read((3, 0, 1, 0, 6)) => UNDEFINED;
    "msr rgsr_el1, xzr", write_zero((3, 0, 1, 0, 5)) => UNDEFINED;
    "mrs x9, tfsr_el1", read((3, 0, 5, 6, 0)) => UNDEFINED;
    "mrs x9, tfsre0_el1", read((3, 0, 5, 6, 1)) => UNDEFINED;
    "mrs x9, tpidr2_el0", read((3, 3, 13, 0, 5)) => UNDEFINED;
    "mrs x9, smpri_el1", read((3, 0, 1, 2, 4)) => UNDEFINED;
    "mrs x9, tcr2_el1", read((3, 0, 2, 0, 3)) => UNDEFINED;
    "mrs x9, sctlr2_el1", read((3, 0, 1, 0, 3)) => UNDEFINED;
    "mrs x9, pir_el1", read((3, 0, 10, 2, 3)) => UNDEFINED;
    "cpyfp", word(encode::CPYFP) => UNDEFINED;
    // MDCR_EL2: the debug registers (those that QEMU has) are there and hold nothing (TDA, TDOSA, TDRA); performance,
    // profiling and trace are not (TPM, TPMCR, TPMS, E2PB, TTRF, E2TB).
    "mrs x9, mdscr_el1", read(MDSCR) => Fate::WentOn;
    "msr mdscr_el1, xzr", write_zero(MDSCR) => Fate::WentOn;
    "msr mdccint_el1, xzr", write_zero((2, 0, 0, 2, 0)) => Fate::WentOn;
    "msr osdtrrx_el1, xzr", write_zero((2, 0, 0, 0, 2)) => Fate::WentOn;
    "msr osdtrtx_el1, xzr", write_zero((2, 0, 0, 3, 2)) => Fate::WentOn;
    "mrs x9, oseccr_el1", read((2, 0, 0, 6, 2)) => Fate::WentOn;
    "msr dbgbvr0_el1, xzr", write_zero((2, 0, 0, 0, 4)) => Fate::WentOn;
    "msr dbgbcr0_el1, xzr", write_zero((2, 0, 0, 0, 5)) => Fate::WentOn;
    "msr dbgwvr0_el1, xzr", write_zero((2, 0, 0, 0, 6)) => Fate::WentOn;
    "msr dbgwcr0_el1, xzr", write_zero((2, 0, 0, 0, 7)) => Fate::WentOn;
    "msr dbgbcr1_el1, xzr", write_zero((2, 0, 0, 1, 5)) => Fate::WentOn;
    "msr dbgbcr2_el1, xzr", write_zero((2, 0, 0, 2, 5)) => UNDEFINED;
    "mrs x9, mdrar_el1", read((2, 0, 1, 0, 0)) => Fate::WentOn;
    "msr oslar_el1, xzr", write_zero((2, 0, 1, 0, 4)) => Fate::WentOn;
    "mrs x9, oslsr_el1", read((2, 0, 1, 1, 4)) => Fate::WentOn;
    "msr osdlr_el1, xzr", write_zero((2, 0, 1, 3, 4)) => Fate::WentOn;
    "mrs x9, dbgclaimset_el1", read((2, 0, 7, 8, 6)) => Fate::WentOn;
    "msr dbgclaimclr_el1, xzr", write_zero((2, 0, 7, 9, 6)) => Fate::WentOn;
    "mrs x9, mdccsr_el0", read((2, 3, 0, 1, 0)) => Fate::WentOn;
    "brk #0", word(encode::BRK) => BREAKPOINT;
    "mrs x9, pmcr_el0", read((3, 3, 9, 12, 0)) => UNDEFINED;
    "mrs x9, pmccntr_el0", read((3, 3, 9, 13, 0)) => UNDEFINED;
    "msr pmuserenr_el0, xzr", write_zero((3, 3, 9, 14, 0)) => UNDEFINED;
    "msr pmintenclr_el1, xzr", write_zero((3, 0, 9, 14, 2)) => UNDEFINED;
    "mrs x9, pmscr_el1", read((3, 0, 9, 9, 0)) => UNDEFINED;
    "mrs x9, pmblimitr_el1", read((3, 0, 9, 10, 0)) => UNDEFINED;
    "mrs x9, trblimitr_el1", read((3, 0, 9, 11, 0)) => UNDEFINED;
    "mrs x9, trfcr_el1", read((3, 0, 1, 2, 1)) => UNDEFINED;
    // CPTR_EL2: TTA, ZEN, SMEN, TAM.
    "mrs x9, trcoslsr", read((2, 1, 1, 1, 4)) => UNDEFINED;
    "cntb x9", word(encode::CNTB) => UNDEFINED;
    "mrs x9, zcr_el1", read((3, 0, 1, 2, 0)) => UNDEFINED;
    "mrs x9, smcr_el1", read((3, 0, 1, 2, 6)) => UNDEFINED;
    "smstart", word(encode::SMSTART) => UNDEFINED;
    "mrs x9, amcr_el0", read((3, 3, 13, 2, 0)) => UNDEFINED;
    // CNTHCTL_EL2: the physical counter is the guest's, the physical timer is not.
    "mrs x9, cntpct_el0", read((3, 3, 14, 0, 1)) => Fate::WentOn;
    "mrs x9, cntp_ctl_el0", read((3, 3, 14, 2, 1)) => UNDEFINED;
    "msr cntp_cval_el0, xzr", write_zero((3, 3, 14, 2, 2)) => UNDEFINED;
    "msr cntp_tval_el0, xzr", write_zero((3, 3, 14, 2, 0)) => UNDEFINED;
    // The hypervisor's own.
    "mrs x9, hcr_el2", read((3, 4, 1, 1, 0)) => UNDEFINED;
    "mrs x9, sctlr_el12", read((3, 5, 1, 0, 0)) => UNDEFINED;
];

/// No attempt is under way; it is, and nothing has come yet. Neither is a syndrome: ESR_EL1's upper bits are
/// zero then.
const IDLE: u64 = u64::MAX;
const NOTHING: u64 = u64::MAX - 1;

static CAUGHT: AtomicU64 = AtomicU64::new(IDLE);

/// Whether the handler looks at PSTATE.PAN, which a CPU may lack; and what it found.
static LOOKS_AT_PAN: AtomicBool = AtomicBool::new(false);
static PAN: AtomicU64 = AtomicU64::new(0);

/// PSTATE.PAN, where it is in the register of that name, as the handler finds it that `code` leads to.
pub(super) fn pan_in_handler(code: &[u8]) -> u64 {
    LOOKS_AT_PAN.store(true, Ordering::Relaxed);
    try_in_kernel(code);
    LOOKS_AT_PAN.store(false, Ordering::Relaxed);
    PAN.load(Ordering::Relaxed)
}

/// Called on each exception; says whether an attempt made it. Of several, the first counts.
pub(super) fn caught(syndrome: u64) -> bool {
    if LOOKS_AT_PAN.load(Ordering::Relaxed) {
        let pan;
        // SAFETY: reading it changes nothing.
        unsafe { asm!("mrs {}, s3_0_c4_c2_3", out(reg) pan, options(nostack)) };
        PAN.store(pan, Ordering::Relaxed);
    }
    match CAUGHT.load(Ordering::Relaxed) {
        IDLE => return false,
        NOTHING => CAUGHT.store(syndrome, Ordering::Relaxed),
        _ => {}
    }
    true
}

/// Does `attempt`, and says what became of it.
pub(super) fn watch(attempt: impl FnOnce()) -> Fate {
    CAUGHT.store(NOTHING, Ordering::Relaxed);
    attempt();
    match CAUGHT.swap(IDLE, Ordering::Relaxed) {
        NOTHING => Fate::WentOn,
        syndrome => Fate::Trapped(syndrome),
    }
}

/// Runs `code` in the kernel, which has turned on for itself all that it can. The cause of an exception is
/// ESR_EL1.
pub fn try_in_kernel(code: &[u8]) -> Fate {
    super::user::grant_all();
    watch(|| touch::run(code))
}
