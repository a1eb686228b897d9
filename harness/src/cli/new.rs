//! `harness new`.

use super::what::machine_of;
use super::{judge, say};
use crate::arch::Arch;
use crate::error::Error;
use crate::files::TEXT_LIMIT;
use crate::project::Project;
use crate::tools::draft;
use clap::Args;
use std::ffi::OsString;
use std::io::Read;
use std::path::PathBuf;

/// Its options.
#[derive(Debug, Args)]
pub(super) struct NewArgs {
    /// The console's architecture
    #[arg(long, value_parser = super::values::arch())]
    arch: Option<Arch>,
    /// The console's machine: a name, or a file
    #[arg(long, value_name = "NAME|FILE", value_parser = clap::builder::OsStringValueParser::new())]
    machine: Option<OsString>,
    /// The recorded console of a run that went well; `-` is standard input
    #[arg(long, value_name = "LOG")]
    from: PathBuf,
}

/// Prints a scenario drafted from a console.
pub(super) fn new(project: &Project, args: &NewArgs) -> Result<u8, Error> {
    let mut console = Vec::new();
    let mut bounded = judge::open(&args.from)?.take(TEXT_LIMIT + 1);
    bounded
        .read_to_end(&mut console)
        .map_err(|e| Error::io("read", &args.from, &e))?;
    if console.len() as u64 > TEXT_LIMIT {
        return Err(Error::Usage(format!(
            "{} is larger than {} MiB: give the part that tells the story",
            args.from.display(),
            TEXT_LIMIT >> 20
        )));
    }
    let machine = machine_of(project, args.arch, args.machine.as_deref(), None)?;
    say(draft::draft(project, &machine, &console, &args.from)?.trim_end())?;
    Ok(0)
}
