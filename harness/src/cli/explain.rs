//! `harness explain`.

use super::say;
use crate::error::Error;
use crate::tools::pages;
use clap::Args;

/// Its options.
#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// A key of a scenario or a machine, a word of an @hv line, a verdict [default: lists them all]
    #[arg(value_name = "KEY")]
    key: Option<String>,
}

/// Prints what the pages say about a key.
pub(super) fn explain(args: &ExplainArgs) -> Result<u8, Error> {
    say(&pages::explain(args.key.as_deref())?)?;
    Ok(0)
}
