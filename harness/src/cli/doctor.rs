//! `harness doctor`.

use super::{Format, output};
use crate::arch::Arch;
use crate::error::Error;
use crate::project::Project;
use crate::tools::doctor;
use clap::Args;
use std::ffi::OsString;

/// Its options.
#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// Check only what this machine needs: a name, or a file [default: every machine]
    #[arg(long, value_name = "NAME|FILE", value_parser = clap::builder::OsStringValueParser::new())]
    machine: Option<OsString>,
    /// Check only what the machines of this architecture need
    #[arg(long, value_parser = super::values::arch(), conflicts_with = "machine")]
    arch: Option<Arch>,
    /// How to report
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// Checks and reports; the exit code says whether all is there.
pub(super) async fn doctor(project: &Project, args: &DoctorArgs) -> Result<u8, Error> {
    let checks = doctor::examine(project, args.machine.as_deref(), args.arch).await;
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
