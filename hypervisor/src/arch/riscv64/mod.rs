//! riscv64: a VS-mode guest under the hypervisor extension, its RAM behind Sv39x4.
//!
//! Source of the numbers: RISC-V Privileged Architecture, chapter "Hypervisor Extension".

pub mod access;
pub mod calls;
#[cfg(target_os = "none")]
pub mod cpu;
pub mod decode;
pub mod format;
pub mod hart;
pub mod layout;
#[cfg(target_os = "none")]
mod load;
#[cfg(target_os = "none")]
mod reenter;
#[cfg(target_os = "none")]
mod regs;
#[cfg(target_os = "none")]
pub mod timer;
#[cfg(target_os = "none")]
mod untidy;
#[cfg(target_os = "none")]
mod vcpu;
