//! The options that are shared by the commands that boot machines.

use crate::boot::Request;
use crate::config::accel::{Accel, UnknownAccel};
use crate::config::parse_duration;
use clap::Args;
use clap::builder::{OsStringValueParser, PossibleValuesParser, TypedValueParser};
use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Options of every boot.
#[derive(Debug, Clone, Args)]
pub(super) struct Every {
    /// How long each run may take: seconds, or 500ms, 30s, 2m
    #[arg(
        long,
        value_name = "TIME",
        default_value = "30",
        value_parser = parse_duration,
        allow_hyphen_values = true
    )]
    pub(super) timeout: Duration,
    /// Leave out the audit: do not look at what the machine holds. The report says so
    #[arg(long)]
    pub(super) no_audit: bool,
}

/// Options of a command that boots one hypervisor with one guest, once or again and again.
#[derive(Debug, Clone, Args)]
pub(super) struct Boot {
    #[command(flatten)]
    every: Every,
    /// A hypervisor (or any kernel) to boot instead of building the workspace's own
    #[arg(long, alias = "image", value_name = "FILE")]
    hypervisor: Option<PathBuf>,
    /// A guest to run instead of the scenario's: a file, ELF or flat, or a guest program's name
    #[arg(long, value_name = "FILE|NAME", value_parser = OsStringValueParser::new())]
    guest: Option<OsString>,
    /// What executes the guest's instructions: QEMU (tcg), this computer's processor (kvm), or whichever can do it
    /// and costs no account of the run (auto) [default: what the machine's file says]
    #[arg(long, value_name = "NAME", value_parser = accel())]
    accel: Option<Accel>,
}

impl Boot {
    /// The file that is booted, if one is named.
    pub(super) fn hypervisor(&self) -> Option<&Path> {
        self.hypervisor.as_deref()
    }

    /// The request, with these options.
    pub(super) fn of(&self, request: Request) -> Request {
        let mut request = request.timeout(self.every.timeout);
        request.no_audit = self.every.no_audit;
        request.hypervisor = self.hypervisor.clone();
        request.guest = self.guest.clone();
        request.accel = self.accel;
        request
    }
}

/// How many runs go on at once.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct Jobs {
    /// How many runs at the same time [default: one for each processor]
    #[arg(long, short, value_name = "N", allow_negative_numbers = true)]
    jobs: Option<NonZeroUsize>,
}

impl Jobs {
    /// So many, or as many as there are processors.
    pub(super) fn or_processors(self) -> NonZeroUsize {
        let processors = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        self.jobs.unwrap_or_else(processors)
    }
}

/// Takes an accelerator's name.
fn accel() -> impl TypedValueParser<Value = Accel> {
    let names = PossibleValuesParser::new(Accel::NAMES);
    names.try_map(|name| name.parse::<Accel>().map_err(|error: UnknownAccel| error))
}
