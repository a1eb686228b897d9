//! `harness bench`.

use super::{Arches, Format, one_or_all, output};
use crate::error::Error;
use crate::project::Project;
use crate::tools::bench::{self, exits, matrix, soak};
use clap::Args;

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
    /// Measure `harness matrix` instead: the main scenario on all architectures, and all cases
    #[arg(long, conflicts_with_all = ["soak", "exits", "arch"])]
    matrix: bool,
    /// How to report
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// Measures and reports; the exit code says whether every bound was kept.
pub(super) async fn bench(project: &Project, args: &BenchArgs) -> Result<u8, Error> {
    let program = super::own_program()?;
    if args.matrix {
        let figures = matrix::measure(project, &program, args.runs.into()).await?;
        report(args.format, &figures.human(), &figures)?;
        return Ok(u8::from(!figures.within_budget()));
    }
    let mut all_well = true;
    for &arch in &args.arch.0 {
        all_well &= match args.soak {
            _ if args.exits => {
                let exits = exits::measure(project, &program, arch, args.runs.into()).await?;
                report(args.format, &exits.human(), &exits)?;
                true
            }
            Some(boots) => {
                let soaked = soak::soak(project, &program, arch, boots.into()).await?;
                report(args.format, &soaked.human(), &soaked)?;
                soaked.flakes.is_empty()
            }
            None => {
                let figures = bench::measure(project, &program, arch, args.runs.into()).await?;
                report(args.format, &figures.human(), &figures)?;
                figures.within_budget()
            }
        };
    }
    Ok(u8::from(!all_well))
}

fn report(format: Format, human: &str, figures: &impl serde::Serialize) -> Result<(), Error> {
    match format {
        Format::Human => output::say(human),
        Format::Json => output::json(figures),
    }
}
