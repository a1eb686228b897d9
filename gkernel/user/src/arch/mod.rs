//! The architectures of user programs. This file is the only place that chooses one.
//!
//! Each gives the same names: `call`, the function `user_hold_registers` for assembly, and of what a program may not do `privileged`,
//! `hypervisors`, `hypercall` and `KERNEL`, an address that is the kernel's; `RETURN`.

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "aarch64")]
pub use aarch64::*;

#[cfg(target_arch = "riscv64")]
mod riscv64;
#[cfg(target_arch = "riscv64")]
pub use riscv64::*;

#[cfg(target_arch = "x86_64")]
mod x86_64;
#[cfg(target_arch = "x86_64")]
pub use x86_64::*;

unsafe extern "C" {
    fn user_hold_registers(turns: *mut u64, role: u64, last: u64, yields: u64) -> u64;
}

/// Fills all registers, takes turns with another process, which counts the odd ones if this one counts the even
/// ones (role 0), and looks at them again. Whoever waits yields, or else makes no call and has to be interrupted.
/// Gives 0, or the number of a register that has changed.
///
/// # Safety
///
/// `turns` is the count of turns, which nothing but the two processes uses.
pub unsafe fn hold_registers(turns: *mut u64, role: u64, last: u64, yields: bool) -> u64 {
    // SAFETY: it keeps to the calling convention; the rest is the caller's.
    unsafe { user_hold_registers(turns, role, last, yields.into()) }
}
