//! `harness doctor`.

use super::{Format, output};
use crate::error::Error;
use crate::project::Project;
use crate::tools::doctor;
use clap::Args;

/// Its options.
#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// How to report
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// Looks and reports; whether all is there, as an exit code.
pub(super) async fn doctor(project: &Project, args: &DoctorArgs) -> Result<u8, Error> {
    let checks = doctor::examine(project).await;
    match args.format {
        Format::Human => {
            let lines: Vec<_> = checks.iter().map(doctor::Check::human).collect();
            output::say(&lines.join("\n"))?;
        }
        Format::Json => output::json(&checks)?,
    }
    let all_well = checks.iter().all(|check| check.ok);
    Ok(if all_well { 0 } else { 4 })
}
