//! What a guest in the simpler mode, at EL0, may not do: SCTLR_EL1, CNTKCTL_EL1 (at EL2 CNTHCTL_EL2),
//! PMUSERENR_EL0 and CPACR_EL1 can give it to EL0, and nothing else keeps it away.

use core::arch::asm;

/// An attempt: how the manual writes it, and what makes it.
pub type Attempt = (&'static str, fn());

/// A table of attempts: each an instruction, in which `{a}` is an address of the guest's own.
macro_rules! attempts {
    ($($text:literal;)*) => {
        &[$(($text, || {
            let mut own = 0_u64;
            // SAFETY: whether it is carried out is what the guest is for. If it is, it changes nothing that
            // the guest needs: `own` apart, which nobody reads, `dc zva` zeroes a block of free RAM.
            unsafe {
                asm!($text, a = inout(reg) super::FREE_RAM.0 => own, options(nostack));
            }
            let _ = own;
        })),*]
    };
}

/// One for each of the bits, and those that no bit can give.
pub const EL0_ATTEMPTS: &[Attempt] = attempts! {
    // SCTLR_EL1: UMA, DZE, UCT, UCI; nTWI is the last.
    "mrs {a}, daif";
    "msr daifset, #2 // {a}";
    "dc zva, {a}";
    "mrs {a}, ctr_el0";
    "dc cvau, {a}";
    "dc civac, {a}";
    "ic ivau, {a}";
    // CNTKCTL_EL1: EL0VCTEN, EL0PCTEN, EL0VTEN, EL0PTEN.
    "mrs {a}, cntvct_el0";
    "mrs {a}, cntpct_el0";
    "mrs {a}, cntfrq_el0";
    "mrs {a}, cntv_ctl_el0";
    "mrs {a}, cntp_ctl_el0";
    // PMUSERENR_EL0: EN, CR, SW, ER.
    "mrs {a}, pmcr_el0";
    "mrs {a}, pmccntr_el0";
    "msr pmswinc_el0, {a}";
    "msr pmselr_el0, {a}";
    // CPACR_EL1.FPEN.
    ".inst 0x9E670000 // fmov d0, x0 {a}";
    // EL1's and EL2's own.
    "mrs {a}, sctlr_el1";
    "msr ttbr0_el1, {a}";
    "mrs {a}, hcr_el2";
    "tlbi vmalle1 // {a}";
    "hvc #0 // {a}";
    "smc #0 // {a}";
    "brk #0 // {a}";
    "wfi // {a}";
};
