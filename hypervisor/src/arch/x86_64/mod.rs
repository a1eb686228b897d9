//! x86_64: a long-mode guest under AMD SVM with nested paging.
//!
//! Source of the numbers: AMD64 Architecture Programmer's Manual, volume 2, chapter 15 ("Secure
//! Virtual Machine") and appendix B ("Layout of VMCB").

pub mod access;
pub mod apic;
pub mod calls;
#[cfg(target_os = "none")]
pub mod cpu;
pub mod cpuid;
pub mod decode;
pub mod event;
pub mod fetch;
pub mod format;
pub mod instruction;
pub mod interrupts;
pub mod layout;
pub mod msr;
#[cfg(target_os = "none")]
mod reenter;
#[cfg(target_os = "none")]
mod regs;
pub mod start;
#[cfg(target_os = "none")]
mod vcpu;
pub mod vmcb;
