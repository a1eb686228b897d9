//! The configuration files: [machines](machine), [scenarios](scenario), and how a workspace
//! [builds](recipe) its own programs.
//!
//! A file is first read into plain data that mirrors it (unknown keys are refused), then resolved
//! into a plan in which nothing is optional that the rest of the harness has to know. Both steps
//! report mistakes with file, line and key.

pub mod accel;
pub mod audit;
pub mod challenge;
pub mod disk;
pub mod machine;
pub mod recipe;
pub mod scenario;
pub(crate) mod source;
pub mod template;

pub use source::{Source, is_word, parse_duration, parse_size};
