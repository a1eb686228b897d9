//! Several runs as one: scenarios × machines, and what came of them.
//!
//! A [selection](plan::Selection) becomes [cases](plan::cases), these a [plan](plan::plan), which is [built](build) and then
//! [run](Matrix). Nothing is printed here: whoever wants to see something is told the [news](runner::News).
//!
//! ```no_run
//! use harness::matrix::{self, Matrix, Options, plan};
//! use harness::Project;
//!
//! # async fn boots() -> Result<(), harness::Error> {
//! let project = Project::discover()?;
//! let cases = plan::cases(&project, &plan::Selection::default())?;
//! let plan = plan::plan(&project, cases)?;
//! matrix::build(&project, &plan, &Options::default(), |_, _| {}).await?;
//! let matrix = Matrix::start(&project, plan, Options::default())?;
//! let (results, kept) = matrix.finish(|_| {}).await;
//! kept?;
//! assert_eq!(results.exit_code(), 0);
//! # Ok(())
//! # }
//! ```

mod boots;
pub mod filter;
pub mod folder;
mod going;
pub mod outlook;
pub mod plan;
pub mod results;
pub mod runner;
pub mod schedule;
pub mod selection;
pub mod shard;
mod single;
pub mod summary;
pub mod times;

pub use boots::build;
pub use going::{Matrix, Options};
pub use plan::{Case, Plan};
pub use results::{Attempt, CaseResult, Outcome, Results, Shard};
pub use runner::News;
pub use selection::{Chosen, Earlier, Selection};
