//! System registers, and the registers that a world switch saves.

use core::arch::asm;

/// Reads a system register by name.
macro_rules! sysreg_read {
    ($register:literal) => {{
        let value: u64;
        // SAFETY: reading these registers has no effect on memory or control flow.
        unsafe {
            ::core::arch::asm!(concat!("mrs {}, ", $register), out(reg) value, options(nostack))
        };
        value
    }};
}

pub(super) use sysreg_read;

/// What a world switch saves and restores; `enter.S` knows it by the offsets. Its size and
/// alignment are those of a stack pointer, which it is while the guest runs.
#[repr(C, align(16))]
#[derive(Default)]
pub struct Context {
    /// The guest's x0 to x30.
    pub guest_x: [u64; 31],
    /// The guest's stack pointer, SP_EL0.
    pub guest_sp: u64,
    /// Where the guest goes on.
    pub guest_elr: u64,
    /// The guest's processor state.
    pub guest_spsr: u64,
    /// The guest's TPIDR_EL0.
    pub guest_tpidr: u64,
    /// The root of the guest's tables.
    pub guest_ttbr0: u64,
    /// The host's x19 to x30.
    pub host_saved: [u64; 12],
    /// The host's stack pointer.
    pub host_sp: u64,
    /// The host's SP_EL0.
    pub host_sp_el0: u64,
    /// The host's TPIDR_EL0.
    pub host_tpidr: u64,
    /// The host's vectors.
    pub host_vbar: u64,
    /// The host's TTBR0_EL1.
    pub host_ttbr0: u64,
}

/// SPSR for EL0, AArch64, with no interrupt masked.
pub const SPSR_EL0T: u64 = 0;

/// SCTLR_EL1 bits that, set, give EL0 something: UMA (9), DZE (14), UCT (15), nTWI (16), nTWE (18),
/// UCI (26). Clear, they make it a trap.
const SCTLR_EL0_GRANTS: u64 = 1 << 9 | 1 << 14 | 1 << 15 | 1 << 16 | 1 << 18 | 1 << 26;

/// Takes from EL0 the cache, interrupt-mask, WFI/WFE, timer, performance and floating-point
/// registers: each touch becomes an exit.
pub fn confine_el0() {
    // SAFETY: all of these bits concern EL0 only; the host runs at EL1 and is built without
    // floating point. CNTKCTL_EL1, PMUSERENR_EL0 and CPACR_EL1 zero: no timer, no counter, no
    // floating point at EL0 (CPACR_EL1.FPEN = 0 traps it at EL1 too, where nothing uses it).
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
