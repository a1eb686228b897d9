//! A machine file as it is written, and what one file of a chain of them says.
//!
//! No key is required of a single file: what it leaves out may stand in the one that it extends. What
//! is lacking in the end is found by [`super::resolve`], all of it at once.

use super::{Argument, FlashContent, FlashSize, KernelFormat, Layer, Place, program, version};
use crate::arch::Arch;
use crate::config::accel::Accel;
use crate::config::template::Values;
use crate::config::{Source, audit, disk, parse_size};
use crate::error::ConfigError;
use crate::judge::firmware_lines::FirmwareLines;
use crate::judge::witness;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use toml::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Machine {
    pub extends: Option<Spanned<String>>,
    arch: Option<Arch>,
    kernel_format: Option<KernelFormat>,
    #[serde(default)]
    qemu: Qemu,
    disk: Option<disk::Raw>,
    firmware: Option<Firmware>,
    flash: Option<Flash>,
    witness: Option<Witness>,
    audit: Option<audit::Raw>,
    #[serde(default)]
    values: Values,
    /// What was here once, and is how the workspace builds its own programs.
    build: Option<Spanned<IgnoredAny>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Qemu {
    program: Option<Spanned<String>>,
    oldest: Option<Spanned<String>>,
    accel: Option<Spanned<String>>,
    machine: Option<Spanned<Vec<Spanned<String>>>>,
    #[serde(default)]
    extra: Vec<Spanned<String>>,
    /// What were keys once, and is the harness's own business.
    control: Option<Spanned<IgnoredAny>>,
    by_hand: Option<Spanned<IgnoredAny>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Firmware {
    candidates: Option<Vec<String>>,
    own_candidates: Option<Vec<String>>,
    first_line: Option<Spanned<String>>,
    last_line: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Flash {
    size: Option<Spanned<String>>,
    size_with_firmware: Option<Spanned<String>>,
    content: Option<Spanned<PathBuf>>,
    text: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Witness {
    args: Option<Spanned<Vec<Spanned<String>>>>,
    format: Option<witness::Format>,
}

impl Machine {
    /// What the file says, checked as far as one file can be. Its paths are seen from `folder`.
    pub fn layer(self, source: &Arc<Source>, folder: &Path) -> Result<Layer, ConfigError> {
        self.refuse_what_is_gone(source)?;
        let bad = |key: &str, value: &Spanned<String>, why: String| {
            Err(source.bad_value(key, value, why))
        };
        let place = |at: Range<usize>| Place {
            source: source.clone(),
            at,
        };
        let arguments = |key: &'static str, words: Vec<Spanned<String>>| -> Vec<Argument> {
            let argument = |word: Spanned<String>| Argument {
                key,
                place: place(word.span()),
                text: word.into_inner(),
            };
            words.into_iter().map(argument).collect()
        };
        let audit = self.audit.map(|raw| raw.layer(source, &self.values));
        let mut layer = Layer {
            audit: audit.transpose()?,
            arch: self.arch,
            kernel_format: self.kernel_format,
            machine: self.qemu.machine.map(|words| {
                let at = place(words.span());
                (arguments("machine", words.into_inner()), at)
            }),
            extra: arguments("extra", self.qemu.extra),
            values: self.values,
            ..Layer::default()
        };
        if let Some(name) = self.qemu.program {
            if name.get_ref().is_empty() {
                return bad("program", &name, "is empty".into());
            }
            let found = program(name.get_ref(), folder, std::env::var_os("PATH"));
            layer.program = Some((found, place(name.span())));
        }
        if let Some(oldest) = self.qemu.oldest {
            match version(oldest.get_ref()) {
                Some(version) => layer.oldest = Some(version),
                None => return bad("oldest", &oldest, "is not a version like 7.2".into()),
            }
        }
        if let Some(accel) = self.qemu.accel {
            match accel.get_ref().parse::<Accel>() {
                Ok(one) => layer.accel = Some(one),
                Err(error) => return bad("accel", &accel, error.to_string()),
            }
        }
        if let Some(raw) = self.disk {
            for (at, key) in raw.lacking() {
                let (file, line) = (source.path().display(), source.line_at(at.start));
                let lacks = format!("{file}:{line}: this [[disk.file]] has no `{key}`");
                layer.lacking.push(lacks);
            }
            if layer.lacking.is_empty() {
                // A machine's file has one architecture, and its values are for scenarios.
                let as_it_is = |_: &str, text: &Spanned<String>| Ok(text.get_ref().clone());
                layer.disk = Some(raw.resolve(source, folder, &as_it_is)?);
            }
        }
        if let Some(raw) = self.firmware {
            layer.firmware_lines = raw.lines(source)?;
            layer.firmware = raw.candidates;
            layer.own_firmware = raw.own_candidates;
        }
        if let Some(raw) = self.flash {
            layer.has_flash = true;
            layer.flash_size = raw.size(source)?;
            layer.flash_content = raw.content(source, folder)?;
        }
        if let Some(raw) = self.witness {
            layer.has_witness = true;
            layer.witness_format = raw.format;
            if let Some(args) = raw.args {
                let mut words = args.get_ref().iter();
                if !words.any(|word| word.get_ref().contains("{trace_log}")) {
                    let message =
                        "none of them names {trace_log}: QEMU would log where nobody reads";
                    return Err(source.bad_value("args", &args, message));
                }
                layer.witness_args = Some(arguments("args", args.into_inner()));
            }
        }
        Ok(layer)
    }

    fn refuse_what_is_gone(&self, source: &Source) -> Result<(), ConfigError> {
        let gone = |key: &str, at: &Spanned<IgnoredAny>, why: &str| {
            Err(source.error(at.span(), Some(key.to_owned()), why))
        };
        if let Some(at) = &self.build {
            let why = "is no part of a machine: how a workspace builds its own hypervisor stands in \
                       its configs/build.toml; leave the table out (kernel-format is a key of the \
                       machine's own, above the tables)";
            return gone("build", at, why);
        }
        if let Some(at) = &self.qemu.control {
            let why = "is built in: the harness adds the stopped start, its control connection and \
                       the serial line by itself; leave the key out";
            return gone("control", at, why);
        }
        if let Some(at) = &self.qemu.by_hand {
            let why = "is built in: the command to run by hand has `-serial mon:stdio`; leave the key \
                       out";
            return gone("by-hand", at, why);
        }
        Ok(())
    }
}

impl Firmware {
    fn lines(&self, source: &Source) -> Result<Option<FirmwareLines>, ConfigError> {
        let (first, last) = match (&self.first_line, &self.last_line) {
            (None, None) => return Ok(None),
            (Some(first), Some(last)) => (first, last),
            (Some(one), None) | (None, Some(one)) => {
                let message = "first-line and last-line go together";
                return Err(source.error(one.span(), None, message));
            }
        };
        let regex = |key, value: &Spanned<String>| {
            regex::Regex::new(value.get_ref())
                .map_err(|error| source.bad_value(key, value, error.to_string()))
        };
        Ok(Some(FirmwareLines {
            first: regex("first-line", first)?,
            last: regex("last-line", last)?,
        }))
    }
}

impl Flash {
    fn size(&self, source: &Source) -> Result<Option<FlashSize>, ConfigError> {
        let parse = |key: &str, value: &Spanned<String>| {
            parse_size(value.get_ref()).map_err(|e| source.bad_value(key, value, e))
        };
        Ok(match (&self.size, &self.size_with_firmware) {
            (None, None) => None,
            (Some(size), None) => Some(FlashSize::Fixed(parse("size", size)?)),
            (None, Some(size)) => Some(FlashSize::WithFirmware(parse("size-with-firmware", size)?)),
            (Some(size), Some(_)) => {
                let message = "and size-with-firmware exclude each other";
                return Err(source.bad_value("size", size, message));
            }
        })
    }

    fn content(&self, source: &Source, folder: &Path) -> Result<Option<FlashContent>, ConfigError> {
        match (&self.content, &self.text) {
            (Some(_), Some(text)) => {
                let message = "and content exclude each other";
                Err(source.bad_value("text", text, message))
            }
            (Some(file), None) => Ok(Some(FlashContent::File(folder.join(file.get_ref())))),
            (None, Some(text)) => Ok(Some(FlashContent::Text(text.get_ref().clone()))),
            (None, None) => Ok(None),
        }
    }
}
