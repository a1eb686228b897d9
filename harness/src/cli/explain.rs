//! `harness explain`.

use super::{output, say};
use crate::error::Error;
use crate::reports::json;
use crate::tools::pages;
use clap::{Args, ValueEnum};

/// Its options.
#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// A key of a scenario or a machine, an option, a word of an @hv line, a verdict or one of its words [default: lists
    /// them all]
    #[arg(value_name = "KEY", allow_hyphen_values = true)]
    key: Vec<String>,
    /// Print the JSON schema of matrix.json or of verdict.json instead
    #[arg(long, value_enum, value_name = "WHICH", conflicts_with = "key")]
    schema: Option<Schema>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Schema {
    /// What came of a matrix, or of a run by --report json=FILE
    Matrix,
    /// The verdict on a run
    Verdict,
}

/// Prints what the pages say about a key.
pub(super) fn explain(args: &ExplainArgs) -> Result<u8, Error> {
    match args.schema {
        Some(Schema::Matrix) => output::text(&json::matrix_schema())?,
        Some(Schema::Verdict) => output::text(json::VERDICT_SCHEMA)?,
        None => {
            let key = Some(args.key.join(" ")).filter(|_| !args.key.is_empty());
            say(&pages::explain(key.as_deref())?)?;
        }
    }
    Ok(0)
}
