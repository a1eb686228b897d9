//! `harness bench`.

use super::{Arches, Format, one_or_all, say};
use crate::error::Error;
use crate::tools::bench::{self, soak};
use clap::Args;
use std::path::Path;

/// Its options.
#[derive(Debug, Args)]
pub(super) struct BenchArgs {
    /// The architecture, or all of them
    #[arg(long, value_name = "ARCH", value_parser = one_or_all, default_value = "all")]
    arch: Arches,
    /// How many runs of each: of QEMU alone, of the harness, of ./x
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
    /// Boot so many times instead, and report every boot that did not pass
    #[arg(long, value_name = "BOOTS", value_parser = clap::value_parser!(u16).range(1..))]
    soak: Option<u16>,
    /// How to report
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// Measures and reports; whether all was as it should be, as an exit code.
pub(super) async fn bench(root: &Path, args: &BenchArgs) -> Result<u8, Error> {
    let mut all_well = true;
    for &arch in &args.arch.0 {
        let (well, human, json) = match args.soak {
            Some(boots) => {
                let soaked = soak::soak(root, arch, boots.into()).await?;
                (soaked.flakes.is_empty(), soaked.human(), json(&soaked))
            }
            None => {
                let figures = bench::measure(root, arch, args.runs.into()).await?;
                (figures.within_budget(), figures.human(), json(&figures))
            }
        };
        all_well &= well;
        match args.format {
            Format::Human => say(&human),
            Format::Json => say(&json),
        }
    }
    Ok(u8::from(!all_well))
}

fn json(figures: &impl serde::Serialize) -> String {
    serde_json::to_string(figures).expect("plain data")
}
