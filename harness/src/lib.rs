//! Boots a hypervisor, or any kernel, in QEMU and judges what it did.
//!
//! It believes nothing that the program under test could print by itself. A verdict rests on the
//! ordered console story, on how the machine really ended, as QEMU reports it, and, if the scenario
//! asks for it, on QEMU's own log of the guest's exits.
//!
//! A test of another project boots its kernel like this:
//!
//! ```no_run
//! use harness::{Project, Request};
//!
//! # fn main() -> Result<(), harness::Error> {
//! let project = Project::discover()?;
//! let request = Request::new("smoke").machine("riscv64").kernel("target/kernel.elf");
//! harness::run(&project, request)?.assert_passed();
//! # Ok(())
//! # }
//! ```
//!
//! `judge_console` judges a recorded console without a machine:
//!
//! ```
//! use harness::{Arch, Machine, Project, Scenario, Verdict, With};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let project = Project::new("/no/workspace"); // so a machine file is used that is built in
//! let machine = Machine::load(&project, Arch::Riscv64)?;
//! let scenario = Scenario::from_text(
//!     "smoke",
//!     r#"
//!     about = "The kernel comes up"
//!     arches = ["riscv64"]
//!     end = "shutdown"
//!     [hv]
//!     lines = false # it is no hypervisor, and reports nothing
//!     [[step]]
//!     name = "memory"
//!     pattern = '^memory: \d+ MiB$'
//!     [[step]]
//!     name = "up"
//!     pattern = '^ready$'
//!     [[forbid]]
//!     pattern = 'panicked at'
//!     "#,
//! );
//! let scenario = scenario.resolve(&project, &machine, &With::default())?;
//! let judge = |console: &str| harness::judge_console(&machine, &scenario, console.as_bytes());
//!
//! judge("memory: 128 MiB\nready\n")?.assert_passed();
//!
//! let report = judge("memory: 128 MiB\npanicked at src/main.rs:7\nready\n")?;
//! assert!(matches!(report.verdict, Verdict::ForbiddenOutput { .. }));
//! assert_eq!(report.exit_code, 1);
//! # Ok(())
//! # }
//! ```
//!
//! A run passes through these folders: [`cli`] takes the request, [`config`] resolves the machine and
//! the scenario; [`boot`] [builds](boot::build), writes the [images](boot::image) into the [run's
//! directory](records::dir) and composes the command; [`machine`] runs QEMU and turns what happens into
//! [events](judge::event); [`judge`] judges them, as a pure function; [`records`] keeps the files and
//! reports.

pub mod arch;
pub mod boot;
#[cfg(feature = "cli")]
pub mod cli;
pub mod config;
pub mod error;
pub mod files;
pub mod judge;
pub mod machine;
pub mod matrix;
#[cfg(feature = "cli")]
pub mod page;
pub mod project;
pub mod records;
pub mod reports;
mod run;
pub mod shown;
pub mod suggest;
pub mod tools;

pub use arch::Arch;
pub use boot::Request;
pub use config::machine::Machine;
pub use config::scenario::{Definition, Scenario, With};
pub use error::Error;
pub use judge::event::Event;
pub use judge::observer::Observer;
pub use judge::trial::StepReached;
pub use judge::verdict::Verdict;
pub use project::Project;
pub use records::replay::judge_console;
pub use records::report::Report;
pub use run::{run, run_async};
