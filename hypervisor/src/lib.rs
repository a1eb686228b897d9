//! A hypervisor on the ArceOS crates, for riscv64 (H-extension), aarch64 and x86_64 (AMD SVM).
//!
//! It declares the memory of one guest, loads the guest from the disk, runs it and reports how it
//! ended. Three rules govern it:
//!
//! * **Declared memory.** A guest reaches the RAM and the device windows that were declared for
//!   it ([`memory::guest_memory`]), and nothing else. There is no fall-back mapping.
//! * **One loop.** [`vm::run`] knows no architecture, and the architectures (`arch/*`) know no policy:
//!   they turn registers into an [`vm::exit::Exit`], a plain value, and back.
//! * **No claim without the fact.** `Hypervisor ok!` is printed only when the guest asked for its
//!   end; every other end is a `Hypervisor error:` line. The host survives both and powers off.
//!
//! Everything except the disk, `boot` and the code that touches the CPU also builds on the host. There,
//! scripted vCPUs test the run loop, and unit tests the decoders of all three architectures.
#![cfg_attr(target_os = "none", no_std)]

extern crate alloc;

pub mod arch;
#[cfg(target_os = "none")]
pub mod boot;
pub mod calls;
#[cfg(target_os = "none")]
mod clock;
pub mod devices;
pub mod error;
pub mod loader;
pub mod memory;
pub mod report;
pub mod vm;
