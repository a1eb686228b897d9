//! Boots the hypervisor and its guests in QEMU and judges what they did.
//!
//! The principle is to believe nothing that can be printed by the thing under test. A verdict rests
//! on the ordered console story, on how the machine really ended as QEMU reports it, and, where a
//! scenario asks for it, on QEMU's own log of the guest's exits.
//!
//! A run passes through these modules: [`cli`] takes the request, [`config`] the machine and the
//! scenario; [`prepare`] has things [built](build), writes the [images](image) into the
//! [run's directory](rundir) and composes the command; [`session`] runs [`qemu`] and turns what
//! happens into [events](event); [`expect`] judges them, as a pure function; [`report`] tells.
//!
//! Only [`qemu`], [`build`], [`session`] and the commands in [`cli`] are async, and time passes only
//! in [`session`]: a clock that runs out reaches the judge as an event.

pub mod arch;
pub mod bench;
pub mod build;
pub mod cli;
pub mod config;
pub mod conformance;
pub mod doctor;
pub mod error;
pub mod event;
pub mod expect;
pub mod group;
pub mod hvevent;
pub mod image;
pub mod judge;
pub mod mutants;
pub mod prepare;
pub mod qemu;
pub mod report;
pub mod rundir;
pub mod serial;
pub mod session;
pub mod stopped;
pub mod trial;
pub mod verdict;
pub mod witness;
