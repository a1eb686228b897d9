//! The guest as a virtual machine: the run loop, what an exit is, and what a guest may cost.
//!
//! Nothing here names an architecture.

pub mod arch;
pub mod budget;
pub mod exit;
pub mod hostcheck;
pub mod layout;
pub mod params;
pub mod run;
pub mod timer;
pub mod vcpu;
