//! aarch64: a guest at EL1 under Stage-2 translation, with the hypervisor at EL2; or, as a simpler
//! mode, a guest at EL0.
//!
//! In both modes the hypervisor is an ArceOS that stays at EL2 with the Virtualization Host
//! Extensions, so that registers named `*_EL1` are those of EL2, and the guest's own are `*_EL12`
//! (Arm ARM, D8.9). In the EL0 mode the guest has no second stage: its addresses are the input of
//! the host's TTBR0, and a fault on them is what a nested page fault is elsewhere. That mode also
//! works on a machine that starts at EL1.
//!
//! Source of the numbers: Arm Architecture Reference Manual for A-profile (DDI 0487), chapters
//! D1 (exceptions), D8 (translation) and D24 (system registers).

pub mod access;
pub mod calls;
#[cfg(target_os = "none")]
mod confine;
#[cfg(target_os = "none")]
pub mod cpu;
pub mod decode;
pub mod exception;
pub mod format;
#[cfg(target_os = "none")]
mod gic;
pub mod idregs;
pub mod layout;
pub mod lists;
#[cfg(target_os = "none")]
mod reenter;
#[cfg(target_os = "none")]
mod regs;
#[cfg(target_os = "none")]
mod stage1;
pub mod sysregs;
#[cfg(target_os = "none")]
mod tables;
#[cfg(target_os = "none")]
mod timer;
#[cfg(target_os = "none")]
mod unswitched;
#[cfg(target_os = "none")]
mod untidy;
#[cfg(target_os = "none")]
mod vcpu;
