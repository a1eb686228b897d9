//! The architectures. This file is the only place that chooses one.
//!
//! For each architecture, `decode` (what an exit means), `calls` (how a hypercall is read) and `format`
//! (the entries of the second stage) are pure: they also build on the host, where all three are tested.
//! The same goes for the tables of what a guest sees, and for how an exception begins that is raised in
//! a guest (aarch64's `idregs`, `sysregs`, `exception`). The rest touches the CPU and builds only for
//! its own target.
//!
//! Each must implement [`Arch`](crate::vm::arch::Arch), in `cpu`.

#[cfg(any(not(target_os = "none"), target_arch = "aarch64"))]
pub mod aarch64;
#[cfg(any(not(target_os = "none"), target_arch = "riscv64"))]
pub mod riscv64;
#[cfg(any(not(target_os = "none"), target_arch = "x86_64"))]
pub mod x86_64;

#[cfg(all(target_os = "none", target_arch = "aarch64"))]
pub use aarch64::cpu::Aarch64 as Chosen;
#[cfg(all(target_os = "none", target_arch = "riscv64"))]
pub use riscv64::cpu::Riscv64 as Chosen;
#[cfg(all(target_os = "none", target_arch = "x86_64"))]
pub use x86_64::cpu::X86 as Chosen;

#[cfg(all(
    target_os = "none",
    not(any(
        target_arch = "aarch64",
        target_arch = "riscv64",
        target_arch = "x86_64"
    ))
))]
compile_error!("the hypervisor knows aarch64, riscv64 and x86_64");
