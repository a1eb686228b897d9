//! `harness mutants`.

use super::{Arches, Format, one_or_all, output, own_program, say};
use crate::error::Error;
use crate::project::Project;
use crate::tools::mutants::generate::{self, Wanted, sources};
use crate::tools::mutants::{self, Row};
use clap::Args;
use std::num::NonZeroUsize;

/// Its options.
#[derive(Debug, Args)]
pub(super) struct MutantsArgs {
    /// The cases whose mutants are tried, or lies by their names [default: all, and a case without one is a
    /// failure]; with --generate, the mutants: the beginning of an ID, or a pattern with `*`
    #[arg(value_name = "CASE|ID")]
    cases: Vec<String>,
    /// Make the mutants: break each bit, bound, fence and register, one at a time
    #[arg(long)]
    generate: bool,
    /// With --generate: show the mutants, and try none
    #[arg(long, requires = "generate", conflicts_with = "survivors")]
    list: bool,
    /// With --generate: show those that are known to have survived, and try none
    #[arg(long, requires = "generate")]
    survivors: bool,
    /// With --generate: try those again that have a result
    #[arg(long, requires = "generate")]
    again: bool,
    /// With --generate: run only the scenarios made for what a mutant breaks, some ten of them; those that these
    /// do not kill stay undecided
    #[arg(long, requires = "generate")]
    quick: bool,
    /// With --generate: how many to try at the same time [default: one for each processor]
    #[arg(long, requires = "generate", value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// The architecture, or all of them
    #[arg(long, value_name = "ARCH", value_parser = one_or_all, default_value = "all")]
    arch: Arches,
    /// How to report
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// Tries the mutants and reports; whether all were killed, as an exit code.
pub(super) async fn mutants(project: &Project, args: MutantsArgs) -> Result<u8, Error> {
    if args.generate {
        return generated(project, args).await;
    }
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

/// Makes mutants and tries them.
async fn generated(project: &Project, args: MutantsArgs) -> Result<u8, Error> {
    let jobs = args
        .jobs
        .or_else(|| std::thread::available_parallelism().ok());
    let wanted = Wanted {
        arches: args.arch.0,
        filters: args.cases,
        jobs: jobs.map_or(1, NonZeroUsize::get),
        again: args.again,
        quick: args.quick,
    };
    let human = args.format == Format::Human;
    if args.list {
        let all = wanted.of(&sources::sites(project.folder())?)?;
        if !human {
            let ids: Vec<_> = all.iter().map(|(site, _)| &site.id).collect();
            output::json(&ids)?;
            return Ok(0);
        }
        for (site, _) in &all {
            let (file, before, after) = (site.file.display(), &site.before, &site.after);
            say(&format!(
                "{} ({file}:{}): `{before}` becomes `{after}`",
                site.id, site.line
            ))?;
        }
        say(&format!("{} mutants", all.len()))?;
        return Ok(0);
    }
    let table = if args.survivors {
        generate::known(project, &wanted).await?
    } else {
        let mut said = Ok(());
        let tell = |row: &generate::outcome::Row| {
            if human && said.is_ok() {
                said = say(&row.human());
            }
        };
        let table = generate::run(project, &wanted, tell).await?;
        said?;
        table
    };
    if human {
        say(&table.summary())?;
    } else {
        output::json(&table)?;
    }
    Ok(table.exit_code())
}
