//! `harness bench`.

use super::{Arches, Format, one_or_all, output};
use crate::error::Error;
use crate::project::Project;
use crate::tools::bench::baseline::{self, Comparison, Series};
use crate::tools::bench::{self, exits, soak};
use clap::Args;
use std::path::PathBuf;

/// Its options.
#[derive(Debug, Args)]
pub(super) struct BenchArgs {
    /// The architecture, or all of them
    #[arg(long, value_name = "ARCH", value_parser = one_or_all, default_value = "all")]
    arch: Arches,
    /// How many runs of each: of QEMU alone, of the harness, of ./x; or, with --exits, of each guest
    #[arg(
        long,
        default_value_t = 9,
        value_parser = clap::value_parser!(u16).range(1..),
        allow_negative_numbers = true
    )]
    runs: u16,
    /// Boot so many times instead, and report every boot that did not pass
    #[arg(
        long,
        value_name = "BOOTS",
        value_parser = clap::value_parser!(u16).range(1..),
        allow_negative_numbers = true
    )]
    soak: Option<u16>,
    /// Measure the hypervisor instead: what an exit costs a guest, how late its timer is, and what a guest costs
    /// that waits
    #[arg(long, conflicts_with = "soak")]
    exits: bool,
    /// Measure both: every figure that this project's pages quote
    #[arg(long, conflicts_with_all = ["soak", "exits"])]
    all: bool,
    /// Keep everything that was measured, for a later --baseline
    #[arg(long, value_name = "FILE", conflicts_with = "soak")]
    save: Option<PathBuf>,
    /// Compare with what --save kept, and fail if a median is more than 5 % worse and a rank test over the samples (p at
    /// most 0.01 for all figures together) does not put that down to chance
    #[arg(long, value_name = "FILE", conflicts_with = "soak")]
    baseline: Option<PathBuf>,
    /// How to report
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// Measures and reports; the exit code says whether every bound was kept.
pub(super) async fn bench(project: &Project, args: &BenchArgs) -> Result<u8, Error> {
    let program = super::own_program()?;
    // What is wrong with it is told before anything is measured.
    let kept = args.baseline.as_deref().map(baseline::read).transpose()?;
    let runs = args.runs.into();
    let mut all_well = true;
    let mut series: Vec<Series> = Vec::new();
    for &arch in &args.arch.0 {
        if let Some(boots) = args.soak {
            let soaked = soak::soak(project, &program, arch, boots.into()).await?;
            report(args.format, &soaked.human(), &soaked)?;
            all_well &= soaked.flakes.is_empty();
            continue;
        }
        if !args.exits {
            let figures = bench::measure(project, &program, arch, runs).await?;
            report(args.format, &figures.human(), &figures)?;
            all_well &= figures.within_budget();
            series.extend(figures.series);
        }
        if args.exits || args.all {
            let exits = exits::measure(project, &program, arch, runs).await?;
            report(args.format, &exits.human(), &exits)?;
            series.extend(exits.series);
        }
    }
    if let Some(file) = &args.save {
        baseline::save(file, &series)?;
    }
    if let Some(kept) = kept {
        let comparison = Comparison::of(&kept, &series);
        report(args.format, &comparison.human(), &comparison)?;
        all_well &= comparison.is_kept();
    }
    Ok(u8::from(!all_well))
}

fn report(format: Format, human: &str, figures: &impl serde::Serialize) -> Result<(), Error> {
    match format {
        Format::Human => output::say(human),
        Format::Json => output::json(figures),
    }
}
