//! `harness bench`.

use super::{Arches, Format, one_or_all, output};
use crate::arch::Arch;
use crate::error::Error;
use crate::project::Project;
use crate::tools::bench::baseline::Comparison;
use crate::tools::bench::kept::{self, Kept};
use crate::tools::bench::{self, costs, exits, matrix, pages, soak, transcripts};
use clap::Args;
use std::path::{Path, PathBuf};

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
    #[arg(long, conflicts_with_all = ["soak", "exits", "all", "arch"])]
    matrix: bool,
    /// Measure all three; the matrix only if no --arch is named
    #[arg(long, conflicts_with_all = ["soak", "exits"])]
    all: bool,
    /// Put what was measured on the pages of this project, and keep it in docs/figures.json
    #[arg(long, requires = "all", conflicts_with = "arch")]
    pages: bool,
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
    if let Some(boots) = args.soak {
        return soak_all(project, &program, args, boots.into()).await;
    }
    // What is wrong with it is told before anything is measured.
    let baseline = args.baseline.as_deref().map(Kept::read).transpose()?;
    if let Some(file) = &args.save {
        kept::can_be_saved(file)?;
    }
    let mut measured = measure(project, &program, args).await?;
    if !measured.sound && (args.pages || args.save.is_some()) {
        return Err(Error::infrastructure(
            "some runs did not pass, so nothing of this is kept",
            "look at the runs that are named above, and measure again",
        ));
    }
    if args.pages {
        let shown = transcripts::measure(project, &program).await?;
        measured.kept.shown.extend(shown);
        for file in pages::fill(project, &measured.kept)? {
            output::say_aside(&format!("wrote {}", file.display()));
        }
    }
    if let Some(file) = &args.save {
        measured.kept.save(file)?;
    }
    if let Some(baseline) = baseline {
        let comparison = Comparison::of(&baseline.figures, &measured.kept.figures)?;
        report(args.format, &comparison.human(), &comparison)?;
        measured.all_well &= comparison.is_kept();
    }
    Ok(u8::from(!measured.all_well))
}

/// What was measured, and whether every bound was kept.
struct Measured {
    kept: Kept,
    all_well: bool,
    /// Whether every run came out as it was meant to.
    sound: bool,
}

/// Measures what is asked for, and reports each as it comes.
async fn measure(project: &Project, program: &Path, args: &BenchArgs) -> Result<Measured, Error> {
    let runs = args.runs.into();
    let measured = bench::circumstances(project, runs).await?;
    let mut kept = Kept::new(measured, Vec::new());
    let (mut all_well, mut sound) = (true, true);
    let arches = match args.matrix {
        true => &[],
        false => &*args.arch.0,
    };
    for &arch in arches {
        if !args.exits {
            let figures = costs::measure(project, program, arch, runs).await?;
            report(args.format, &figures.human(), &figures)?;
            all_well &= figures.within_budget();
            sound &= figures.is_sound();
            kept.figures.extend(figures.series);
        }
        if args.exits || args.all {
            let exits = exits::measure(project, program, arch, runs).await?;
            report(args.format, &exits.human(), &exits)?;
            kept.figures.extend(exits.series);
        }
    }
    if args.matrix || (args.all && arches.len() == Arch::ALL.len()) {
        let figures = matrix::measure(project, program, runs).await?;
        report(args.format, &figures.human(), &figures)?;
        all_well &= figures.within_budget();
        sound &= figures.failures == 0;
        kept.figures.extend(figures.series);
        kept.shown.insert("a matrix".into(), figures.printed);
    }
    Ok(Measured {
        kept,
        all_well,
        sound,
    })
}

async fn soak_all(
    project: &Project,
    program: &Path,
    args: &BenchArgs,
    boots: usize,
) -> Result<u8, Error> {
    let mut all_well = true;
    for &arch in &args.arch.0 {
        let soaked = soak::soak(project, program, arch, boots).await?;
        report(args.format, &soaked.human(), &soaked)?;
        all_well &= soaked.flakes.is_empty();
    }
    Ok(u8::from(!all_well))
}

fn report(format: Format, human: &str, figures: &impl serde::Serialize) -> Result<(), Error> {
    match format {
        Format::Human => output::say(human),
        Format::Json => output::json(figures),
    }
}
