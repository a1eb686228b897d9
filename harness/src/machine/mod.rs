//! The machine: QEMU as a process, its control socket, and a run of it that is followed to a verdict.
//!
//! This folder has the only processes besides cargo's, and the only clocks.

pub mod ask;
pub mod audit;
pub mod firmware_image;
pub mod process;
pub mod process_group;
mod pulse;
pub mod qmp;
mod registers;
pub mod session;
pub mod start;
pub mod stream;

pub use process::{Launch, Qemu};
