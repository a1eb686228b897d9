//! `harness audit`.

use super::{Format, output};
use crate::error::Error;
use crate::records::audits::Audits;
use clap::Args;
use std::path::PathBuf;

/// Its options.
#[derive(Debug, Args)]
pub(super) struct AuditArgs {
    /// A run's directory
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// How to report
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// Shows what the machine of a recorded run held; 1 if some of that was not declared.
pub(super) fn audit(args: &AuditArgs) -> Result<u8, Error> {
    let audits = Audits::read(&args.dir)?;
    match args.format {
        Format::Human => output::paint(&audits.human())?,
        Format::Json => output::json(&audits)?,
    }
    Ok(u8::from(audits.has_breach()))
}
