//! Instruments: for this workspace, and for writing scenarios. Only [`cli`](crate::cli) imports them.

pub mod bench;
pub mod conformance;
pub mod doctor;
pub mod draft;
pub mod mutants;
pub mod pages;
#[cfg(feature = "cli")]
pub mod watch;
