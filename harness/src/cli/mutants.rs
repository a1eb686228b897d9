//! `harness mutants`.

use super::{Arches, Format, one_or_all, output, own_program, say};
use crate::error::Error;
use crate::project::Project;
use crate::tools::mutants::{self, Row};
use clap::Args;

/// Its options.
#[derive(Debug, Args)]
pub(super) struct MutantsArgs {
    /// The cases whose mutants are tried, or lies by their names [default: all, and a case without one is a failure]
    #[arg(value_name = "CASE")]
    cases: Vec<String>,
    /// The architecture, or all of them
    #[arg(long, value_name = "ARCH", value_parser = one_or_all, default_value = "all")]
    arch: Arches,
    /// How to report
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// Tries the mutants and reports; whether all were killed, as an exit code.
pub(super) async fn mutants(project: &Project, args: MutantsArgs) -> Result<u8, Error> {
    let program = own_program()?;
    let human = args.format == Format::Human;
    let mut said = Ok(());
    let tell = |row: &Row| {
        if human && said.is_ok() {
            said = say(&row.human());
        }
    };
    let table = mutants::run(project, &program, &args.arch.0, &args.cases, tell).await?;
    said?;
    match args.format {
        Format::Human => say(&table.summary())?,
        Format::Json => output::json(&table)?,
    }
    Ok(table.exit_code())
}
