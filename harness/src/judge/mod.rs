//! The judge: from what happened to a verdict, as a pure function.
//!
//! This folder imports nothing but itself: no files, no clocks, no processes, no command line. So
//! everything in it is tested without a machine, and a recorded run gets the verdict that the live
//! one got.
//!
//! [`event`] is what it is fed, [`Story`] what it compares that with, [`verdict`] what comes out.
//! The accounts that have to agree: the console's [`lines`], the hypervisor's own [`hvlog`], and
//! QEMU's log as a [`witness`]; [`accounts`] holds them against each other.

pub mod accounts;
pub mod audit;
mod cause;
pub mod event;
pub mod firmware_lines;
pub mod hvlog;
#[expect(
    clippy::module_inception,
    reason = "the judge itself is one part of judging"
)]
mod judge;
mod known;
pub mod lines;
pub mod observer;
mod patterns;
mod spec;
mod story;
mod strands;
pub mod trial;
pub mod verdict;
pub mod witness;

pub use cause::Cause;
pub use judge::{AT_THE_END, Judge, Reached};
pub use known::{Known, KnownGuest, Pc};
pub use spec::{By, Course, Forbidden, HvExpected, Lines, Step, StorySpec, Strand};
pub use story::Story;
pub use strands::Standing;
