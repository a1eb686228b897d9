//! This workspace's own instruments. Only [`cli`](crate::cli) imports them.

pub mod bench;
pub mod conformance;
pub mod doctor;
pub mod mutants;
