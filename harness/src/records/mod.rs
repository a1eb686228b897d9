//! The records of a run: its files, the reports made from them, and judging them again.
//!
//! This folder starts no process and waits for nothing.

pub mod asked;
pub mod audits;
mod booted;
pub mod dir;
mod head_and_tail;
pub mod memory;
pub mod packed;
pub mod replay;
pub mod report;
pub mod retention;
pub mod version;
pub mod whereabouts;

pub use booted::{Booted, Hashed, MachineUsed};
pub use dir::{BOOTED, EVENTS, REGISTERS, ROOM, RunDir, STORY, Unjudged, VERDICT, read_json};
pub use head_and_tail::left_out;
