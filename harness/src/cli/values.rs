//! Architectures on the command line.

use crate::arch::{Arch, UnknownArch};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use std::ffi::OsStr;

/// Takes an architecture's name, and lists them all in the help.
pub(super) fn arch() -> impl TypedValueParser<Value = Arch> {
    ArchParser
}

#[derive(Clone)]
struct ArchParser;

impl ArchParser {
    fn names() -> PossibleValuesParser {
        PossibleValuesParser::new(Arch::ALL.map(|arch| {
            PossibleValue::new(arch.name()).help(match arch {
                Arch::Riscv64 => "RISC-V 64 with the H-extension",
                Arch::Aarch64 => "Arm 64",
                Arch::X86_64 => "x86-64 with AMD SVM",
            })
        }))
    }
}

impl TypedValueParser for ArchParser {
    type Value = Arch;

    fn parse_ref(
        &self,
        command: &clap::Command,
        option: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<Arch, clap::Error> {
        // What is no UTF-8 is a wrong name like any other, so that the message names the option.
        let value = value.to_string_lossy();
        let names = Self::names().try_map(|name| name.parse::<Arch>());
        names.parse_ref(command, option, OsStr::new(&*value))
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let values: Vec<_> = Self::names().possible_values()?.collect();
        Some(Box::new(values.into_iter()))
    }
}

/// One architecture, or all of them.
#[derive(Debug, Clone)]
pub(super) struct Arches(pub(super) Vec<Arch>);

/// Takes an architecture's name, or `all`.
pub(super) fn one_or_all(text: &str) -> Result<Arches, String> {
    if text == "all" {
        return Ok(Arches(Arch::ALL.to_vec()));
    }
    text.parse()
        .map(|arch| Arches(vec![arch]))
        .map_err(|_: UnknownArch| {
            format!("there are {}, all", Arch::ALL.map(Arch::name).join(", "))
        })
}
