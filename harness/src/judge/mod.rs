//! The judge turns the events of a run into a verdict, as a pure function.
//!
//! This folder imports nothing but itself: no files, clocks, processes or command line. So everything
//! in it is tested without a machine, and a recorded run gets the same verdict as the live one.
//!
//! [`event`] is its input, [`Story`] what it compares the input with, [`verdict`] its output. Three
//! accounts must agree: the console's [`lines`], the hypervisor's own [`hvlog`], and QEMU's log as a
//! [`witness`]; [`accounts`] compares them.

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
pub mod results;
mod spec;
mod story;
mod strands;
pub mod trial;
pub mod verdict;
pub mod witness;

pub use cause::Cause;
pub use judge::{AT_THE_END, Judge, Reached};
pub use known::{Known, KnownGuest, Pc};
pub use results::CaseResult;
pub use spec::{By, Course, Forbidden, HvExpected, Lines, Step, StorySpec, Strand};
pub use story::Story;
pub use strands::Standing;
