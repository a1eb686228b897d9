//! Instruments: this workspace's own, and those that help to write a scenario. Only [`cli`](crate::cli) imports them.

pub mod bench;
pub mod conformance;
pub mod doctor;
pub mod draft;
pub mod mutants;
pub mod pages;
