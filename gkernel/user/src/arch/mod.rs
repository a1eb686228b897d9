//! The architectures of user programs. This file is the only place that chooses one.
//!
//! Each gives the same names: `call`, `hold_registers`, and of what a program may not do `privileged`,
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
