//! `harness doctor`.

use super::{Format, output};
use crate::error::Error;
use crate::tools::doctor;
use clap::Args;
use std::ffi::OsString;
use std::path::Path;

/// Its options.
#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// Look at what this machine needs only: a name, or a file [default: every machine]
    #[arg(long, value_name = "NAME|FILE", value_parser = clap::builder::OsStringValueParser::new())]
    machine: Option<OsString>,
    /// How to report
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// Looks and reports; whether all is there, as an exit code.
pub(super) async fn doctor(root: &Path, args: &DoctorArgs) -> Result<u8, Error> {
    let checks = doctor::examine(root, args.machine.as_deref()).await;
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
