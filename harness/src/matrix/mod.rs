//! Several runs as one: scenarios × machines, and what came of them.

pub mod results;
mod single;

pub use results::{Attempt, CaseResult, Outcome, Results, Shard};
