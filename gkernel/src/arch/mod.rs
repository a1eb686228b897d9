//! The architectures of the guests. This file is the only place that chooses one.
//!
//! Each gives the same names: `FLASH`, `WINDOWS`, `UNDECLARED`, `ACCESSES`, `UPPER_CASE_WORDS`, `print`, `greet`,
//! `flash_address`, `shutdown`, and for faults of the guest's own `DEMAND_PAGE` and `map_demand_page`. For what a
//! guest may not do: `KERNEL_PROBES` and `try_in_kernel`, `USER_PROBES` and `try_in_user`. For what a guest finds at
//! its first instruction: `start_state`, each register with its name, what it held and what it holds after a reset;
//! and `leave_traces`, which changes every one of them that the guest can do without. And `sweep_registers`, which
//! tries each register that an instruction can name.

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
compile_error!("the guests know aarch64, riscv64 and x86_64");
