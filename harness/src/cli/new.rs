//! `harness new`.

use super::{judge, say};
use crate::arch::Arch;
use crate::config::machine::Machine;
use crate::error::Error;
use crate::files::TEXT_LIMIT;
use crate::tools::draft;
use clap::Args;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Its options.
#[derive(Debug, Args)]
pub(super) struct NewArgs {
    /// The architecture
    #[arg(long, value_enum)]
    arch: Arch,
    /// The recorded console of a run that went well; `-` is standard input
    #[arg(long, value_name = "LOG")]
    from: PathBuf,
}

/// Prints a scenario that is made from a console.
pub(super) fn new(root: &Path, args: &NewArgs) -> Result<u8, Error> {
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
    let machine = Machine::load(root, args.arch)?;
    say(draft::draft(root, &machine, &console, &args.from)?.trim_end())?;
    Ok(0)
}
