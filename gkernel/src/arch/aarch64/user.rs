//! The guest's user mode: EL0, on a page of its own.

use core::arch::{asm, global_asm};

use super::{
    FREE_RAM, Frame, SPSR_EL1H_MASKED,
    encode::{self, read, word, write_zero},
    map_physical, map_user, map_user_low,
    probe::{self, BREAKPOINT, UNDEFINED, probes},
    synchronize_code,
};
use crate::probe::{Fate, Probe};

/// Tried by the guest's user mode, to which its kernel grants all that it can.
pub const USER_PROBES: &[Probe] = probes![
    "wfi", word(encode::WFI) => Fate::WentOn;
    "wfe", word(encode::WFE) => Fate::WentOn;
    "smc #0", word(encode::SMC) => UNDEFINED;
    "hvc #0", word(encode::HVC) => UNDEFINED;
    "brk #0", word(encode::BRK) => BREAKPOINT;
    "mrs x9, cntvct_el0", read((3, 3, 14, 0, 2)) => Fate::WentOn;
    "mrs x9, cntpct_el0", read((3, 3, 14, 0, 1)) => Fate::WentOn;
    "mrs x9, cntp_ctl_el0", read((3, 3, 14, 2, 1)) => UNDEFINED;
    "msr cntp_cval_el0, xzr", write_zero((3, 3, 14, 2, 2)) => UNDEFINED;
    "mrs x9, pmccntr_el0", read((3, 3, 9, 13, 0)) => UNDEFINED;
    "msr pmselr_el0, xzr", write_zero((3, 3, 9, 12, 5)) => UNDEFINED;
    "mrs x9, mdccsr_el0", read((2, 3, 0, 1, 0)) => Fate::WentOn;
    "mrs x9, scxtnum_el0", read((3, 3, 13, 0, 7)) => UNDEFINED;
    "mrs x9, tpidr2_el0", read((3, 3, 13, 0, 5)) => UNDEFINED;
    "cntb x9", word(encode::CNTB) => UNDEFINED;
    "smstart", word(encode::SMSTART) => UNDEFINED;
    "cpyfp", word(encode::CPYFP) => UNDEFINED;
    "mrs x9, s3_3_c15_c0_0", read((3, 3, 15, 0, 0)) => UNDEFINED;
    "dc cisw, xzr", write_zero((1, 0, 7, 14, 2)) => UNDEFINED;
    "mrs x9, sctlr_el1", read((3, 0, 1, 0, 0)) => UNDEFINED;
    "mrs x9, hcr_el2", read((3, 4, 1, 1, 0)) => UNDEFINED;
];

/// Gives EL0 all that EL1 can give, and floating point, SVE and SME to both.
pub(super) fn grant_all() {
    /// CPACR_EL1: ZEN, FPEN, SMEN.
    const CPACR: u64 = 3 << 16 | 3 << 20 | 3 << 24;
    /// CNTKCTL_EL1: the counters and timers.
    const CNTKCTL: u64 = 0x303;
    /// SCTLR_EL1: UMA, DZE, UCT, nTWI, nTWE, UCI, EnTP2.
    const GRANTS: u64 = 1 << 9 | 1 << 14 | 1 << 15 | 1 << 16 | 1 << 18 | 1 << 26 | 1 << 60;
    /// SCTLR_EL1.TSCXT, which keeps SCXTNUM_EL0 from EL0.
    const TSCXT: u64 = 1 << 20;
    // SAFETY: none of them changes what the kernel itself does.
    unsafe {
        asm!(
            "msr cpacr_el1, {cpacr}",
            "msr cntkctl_el1, {cntkctl}",
            "mrs {tmp}, sctlr_el1",
            "orr {tmp}, {tmp}, {grants}",
            "bic {tmp}, {tmp}, {tscxt}",
            "msr sctlr_el1, {tmp}",
            "isb",
            cpacr = in(reg) CPACR,
            cntkctl = in(reg) CNTKCTL,
            grants = in(reg) GRANTS,
            tscxt = in(reg) TSCXT,
            tmp = out(reg) _,
            options(nostack),
        );
    }
}

global_asm!(
    // guest_run_at_el0(address, pstate): goes to EL0, and comes back by the next exception from there, as
    // `back_from_el0` leads it.
    ".section .text",
    ".type guest_run_at_el0, %function",
    ".globl guest_run_at_el0",
    "guest_run_at_el0:",
    "sub    sp, sp, #96",
    "stp    x19, x20, [sp, #0]",
    "stp    x21, x22, [sp, #16]",
    "stp    x23, x24, [sp, #32]",
    "stp    x25, x26, [sp, #48]",
    "stp    x27, x28, [sp, #64]",
    "stp    x29, x30, [sp, #80]",
    "msr    elr_el1, x0",
    "msr    spsr_el1, x1",
    "isb",
    "eret",
    ".globl guest_back_from_el0",
    "guest_back_from_el0:",
    "ldp    x19, x20, [sp, #0]",
    "ldp    x21, x22, [sp, #16]",
    "ldp    x23, x24, [sp, #32]",
    "ldp    x25, x26, [sp, #48]",
    "ldp    x27, x28, [sp, #64]",
    "ldp    x29, x30, [sp, #80]",
    "add    sp, sp, #96",
    "ret",
    ".size guest_run_at_el0, . - guest_run_at_el0",
);

unsafe extern "C" {
    fn guest_run_at_el0(address: u64, pstate: u64);
    fn guest_back_from_el0();
}

/// Has the exception that `frame` is of, one from EL0, come back to the kernel.
pub(super) fn back_from_el0(frame: &mut Frame) {
    frame.pc = guest_back_from_el0 as *const () as u64;
    frame.pstate = SPSR_EL1H_MASKED;
}

/// PSTATE of EL0, in AArch64 and in AArch32 (A32 instructions), with no interrupt masked.
const EL0: u64 = 0;
const EL0_IN_AARCH32: u64 = 1 << 4;

/// Runs `code` at EL0. The cause of an exception is ESR_EL1.
pub fn try_in_user(code: &[u8]) -> Fate {
    /// SVC #0, which ends an attempt, and its syndrome.
    const SVC: u32 = 0xD400_0001;
    const SVC_SYNDROME: u64 = 0x15 << 26 | 1 << 25;
    attempt(map_user(FREE_RAM.0), EL0, code, SVC, SVC_SYNDROME)
}

/// Runs `code`, A32 instructions, at EL0 in AArch32.
pub fn try_in_aarch32(code: &[u8]) -> Fate {
    const SVC: u32 = 0xEF00_0000;
    const SVC_SYNDROME: u64 = 0x11 << 26 | 1 << 25;
    attempt(
        map_user_low(FREE_RAM.0),
        EL0_IN_AARCH32,
        code,
        SVC,
        SVC_SYNDROME,
    )
}

fn attempt(address: u64, pstate: u64, code: &[u8], svc: u32, svc_syndrome: u64) -> Fate {
    grant_all();
    let kernels = map_physical(FREE_RAM.0) as *mut u8;
    for (at, byte) in code.iter().chain(&svc.to_le_bytes()).enumerate() {
        // SAFETY: it is free RAM, which the guest's own tables map there.
        unsafe { kernels.add(at).write_volatile(*byte) };
    }
    synchronize_code();
    // SAFETY: the code ends with a call to the kernel, or comes to an exception before; either leads
    // back here, by `back_from_el0`.
    match probe::watch(|| unsafe { guest_run_at_el0(address, pstate) }) {
        Fate::Trapped(syndrome) if syndrome == svc_syndrome => Fate::WentOn,
        fate => fate,
    }
}
