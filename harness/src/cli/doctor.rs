//! `harness doctor`.

use super::{Format, say};
use crate::tools::doctor;
use clap::Args;
use std::path::Path;

/// Its options.
#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// How to report
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// Looks and reports; whether all is there, as an exit code.
pub(super) async fn doctor(root: &Path, args: &DoctorArgs) -> u8 {
    let checks = doctor::examine(root).await;
    match args.format {
        Format::Human => checks.iter().for_each(|check| say(&check.human())),
        Format::Json => say(&serde_json::to_string(&checks).expect("plain data")),
    }
    if checks.iter().all(|check| check.ok) {
        0
    } else {
        4
    }
}
