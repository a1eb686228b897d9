//! The guest's user mode: EL0, on a page of its own.

use core::arch::global_asm;

use super::{FREE_RAM, Frame, SPSR_EL1H_MASKED, map_user, probe, synchronize_code};
use crate::probe::{Fate, Probe};

/// Tried by the guest's user mode.
pub const USER_PROBES: &[Probe] = &[Probe {
    name: "nop",
    code: &0xD503_201F_u32.to_le_bytes(),
    expect: Fate::WentOn,
}];

/// What ends an attempt: SVC #0, whose syndrome says so.
const SVC: u32 = 0xD400_0001;
const SVC_SYNDROME: u64 = 0x15 << 26 | 1 << 25;

global_asm!(
    // u64 guest_run_at_el0(address): goes to EL0, and comes back by the next exception from there, as
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
    "msr    spsr_el1, xzr",
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
    fn guest_run_at_el0(address: u64);
    fn guest_back_from_el0();
}

/// Has the exception that `frame` is of, one from EL0, come back to the kernel.
pub(super) fn back_from_el0(frame: &mut Frame) {
    frame.pc = guest_back_from_el0 as *const () as u64;
    frame.pstate = SPSR_EL1H_MASKED;
}

/// Runs `code` at EL0. The cause of an exception is ESR_EL1.
pub fn try_in_user(code: &[u8]) -> Fate {
    let address = map_user(FREE_RAM.0);
    for (at, byte) in code.iter().chain(&SVC.to_le_bytes()).enumerate() {
        // SAFETY: it is free RAM, which the guest's own tables map there.
        unsafe { (address as *mut u8).add(at).write_volatile(*byte) };
    }
    synchronize_code();
    // SAFETY: the code ends with a call to the kernel, or comes to an exception before; either leads
    // back here, by `back_from_el0`.
    match probe::watch(|| unsafe { guest_run_at_el0(address) }) {
        Fate::Trapped(SVC_SYNDROME) => Fate::WentOn,
        fate => fate,
    }
}
