//! Boots the hypervisor and its guests in QEMU and judges what they did.
//!
//! The principle is to believe nothing that can be printed by the thing under test. A verdict rests
//! on the ordered console story, on how the machine really ended as QEMU reports it, and, where a
//! scenario asks for it, on QEMU's own log of the guest's exits.
//!
//! A run passes through these folders: [`cli`] takes the request, [`config`] the machine and the
//! scenario; [`boot`] has things [built](boot::build), writes the [images](boot::image) into the
//! [run's directory](records::dir) and composes the command; [`machine`] runs QEMU and turns what
//! happens into [events](judge::event); [`judge`] judges them, as a pure function;
//! [`records`] keeps and reports.

pub mod arch;
pub mod boot;
pub mod cli;
pub mod config;
pub mod error;
pub mod files;
pub mod judge;
pub mod machine;
pub mod project;
pub mod records;
pub mod shown;
pub mod suggest;
pub mod tools;

pub use project::Project;
