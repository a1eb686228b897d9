//! The architectures. This file is the only place that chooses one.
//!
//! Each gives the same names: `NAME`, the `Mode`s in which a guest can run, `layout()` for what the
//! guest gets, `enable()` to switch virtualization on or say what the machine lacks, `new_tables()`
//! and `new_vcpu()`.

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

#[cfg(not(any(
    target_arch = "aarch64",
    target_arch = "riscv64",
    target_arch = "x86_64"
)))]
compile_error!("the hypervisor knows aarch64, riscv64 and x86_64");
