//! The machine: QEMU as a process, its control socket, and a run that is followed to a verdict.
//!
//! Apart from cargo's, all processes are in this folder, and all clocks.

pub mod ask;
pub mod audit;
pub mod firmware_image;
pub mod keyboard;
pub mod kvm;
pub mod process;
pub mod process_group;
mod pulse;
pub mod qmp;
mod registers;
pub mod session;
pub mod start;
pub mod stream;

pub use process::{Launch, Qemu};
